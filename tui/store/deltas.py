"""Merges adjacent deltas of a part, so that a fast stream costs few rows and folds the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from tui.core.events import ArgumentsDelta, Envelope, TextDelta, ToolOutputDelta


def merge_deltas(envelopes: Iterable[Envelope]) -> list[Envelope]:
    """The same log of one thread with fewer envelopes.

    A merged envelope has seq and wire index of its last delta, the latest ``at`` (a clock may go
    back), but ``mono`` of its first: the reducer takes the time of a first delta from there.
    """
    return [_merged(list(group)) for _, group in groupby(envelopes, key=_key)]


def _key(envelope: Envelope) -> tuple[object, ...]:
    event = envelope.event
    if isinstance(event, TextDelta | ArgumentsDelta):
        return type(event), event.part_id, envelope.run, envelope.turn
    if isinstance(event, ToolOutputDelta):
        return type(event), event.call_id, envelope.run, envelope.turn
    return (envelope.seq,)


def _merged(group: list[Envelope]) -> Envelope:
    first, last = group[0], group[-1]
    if first is last:
        return last
    event = last.event
    if isinstance(event, ArgumentsDelta):
        event = replace(event, fragment="".join(_pieces(group)))
    elif isinstance(event, TextDelta | ToolOutputDelta):
        event = replace(event, text="".join(_pieces(group)))
    at = max(envelope.at for envelope in group)
    return replace(last, at=at, mono=first.mono, event=event)


def _pieces(group: Iterable[Envelope]) -> Iterable[str]:
    for envelope in group:
        event = envelope.event
        if isinstance(event, ArgumentsDelta):
            yield event.fragment
        elif isinstance(event, TextDelta | ToolOutputDelta):
            yield event.text
