"""Hypothesis strategies for the language of core: any event, and any odd log of them."""

from __future__ import annotations

import typing
from typing import Any

from hypothesis import strategies as st

from tui.core.events import Envelope, Event

EVENT_TYPES: tuple[type[Any], ...] = typing.get_args(Event)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
json_objects = st.dictionaries(st.text(max_size=4), json_values, max_size=3)

_few_ids = st.sampled_from(["a", "b", "c"])
_ID_FIELDS = ("message_id", "part_id", "call_id", "parent_id")
_JSON_FIELDS = ("annotation", "continuation")


def events_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Events of one type whose ids come from a few, so that they meet."""
    given: dict[str, st.SearchStrategy[Any]] = {}
    for name in kind.__dataclass_fields__:
        if name in _ID_FIELDS:
            given[name] = _few_ids
        elif name in _JSON_FIELDS:
            given[name] = json_objects
        elif name == "delay":
            given[name] = st.floats(0, 1e6)  # NaN is not equal to itself
    return st.builds(kind, **given)


events: st.SearchStrategy[Event] = st.sampled_from(EVENT_TYPES).flatmap(events_of)


def _number(pairs: list[tuple[Event, str | None]]) -> list[Envelope]:
    return [
        Envelope(thread="t", seq=n, at=float(n), mono=float(n), event=event, run=run)
        for n, (event, run) in enumerate(pairs, 1)
    ]


logs: st.SearchStrategy[list[Envelope]] = st.lists(
    st.tuples(events, st.sampled_from([None, "r", "s"])), max_size=40
).map(_number)
