"""Every event survives the trip to JSON and back, and names from the future are kept visible."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given

from tests.strategies import EVENT_TYPES, events
from tui.core.codec import EVENT_NAMES, decode_envelope, decode_event, encode_envelope
from tui.core.events import Envelope, Event, UnknownEvent


@given(events)
def test_every_event_survives_json(event: Event) -> None:
    envelope = Envelope(thread="t", seq=1, at=1.5, mono=2.5, event=event, run="r", turn=1, wire=0)
    line = json.dumps(encode_envelope(envelope))
    assert decode_envelope(json.loads(line)) == envelope


def test_names_are_snake_case_and_unique() -> None:
    names = list(EVENT_NAMES.values())
    assert len(set(names)) == len(EVENT_TYPES)
    assert "tool_finished" in names


def test_a_name_from_a_newer_version_is_kept() -> None:
    assert decode_event("hologram_started", {"x": 1}) == UnknownEvent(name="hologram_started")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ValueError, match="part_id"):
        decode_event("text_delta", {"text": "x"})


def test_every_event_is_frozen() -> None:
    for cls in EVENT_TYPES:
        params = cls.__dataclass_params__
        assert params.frozen, cls
        assert hasattr(cls, "__slots__"), cls
        assert all(f.kw_only for f in dataclasses.fields(cls)), cls
