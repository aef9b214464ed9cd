"""The JSON form of events: snake_case type names, one flat object each (docs/json.md)."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from tui.core.events import Envelope, Event, UnknownEvent
from tui.core.models import JsonObject

JSON_VERSION = 1

_EVENT_TYPES: tuple[type[Any], ...] = typing.get_args(Event)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


EVENT_NAMES: Mapping[type[Any], str] = {cls: _snake(cls.__name__) for cls in _EVENT_TYPES}
_BY_NAME: Mapping[str, type[Any]] = {name: cls for cls, name in EVENT_NAMES.items()}


def encode(value: Any) -> Any:
    """Any value of ``core`` as plain JSON data (dict, list, str, number, bool, None)."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    return value


def decode(kind: Any, data: Any) -> Any:
    """The inverse of ``encode`` for a type of ``core``; unknown keys are ignored.

    Raises ValueError, TypeError or KeyError when the data does not fit.
    """
    return _decoder(kind)(data)


def encode_event(event: Event) -> tuple[str, JsonObject]:
    """An event as (type name, data)."""
    return EVENT_NAMES[type(event)], encode(event)


def decode_event(name: str, data: JsonObject) -> Event:
    """An event from its type name and data; a name from a newer version is an UnknownEvent."""
    cls = _BY_NAME.get(name)
    if cls is None:
        return UnknownEvent(name=name)
    event: Event = decode(cls, data)
    return event


def encode_envelope(envelope: Envelope) -> JsonObject:
    """An envelope as one line of ``ask --json`` carries it."""
    name, data = encode_event(envelope.event)
    return {
        "v": JSON_VERSION,
        "thread": envelope.thread,
        "run": envelope.run,
        "seq": envelope.seq,
        "at": envelope.at,
        "mono": envelope.mono,
        "turn": envelope.turn,
        "wire": envelope.wire,
        "type": name,
        "data": data,
    }


def decode_envelope(data: JsonObject) -> Envelope:
    """The inverse of ``encode_envelope``."""
    return Envelope(
        thread=data["thread"],
        run=data.get("run"),
        seq=data["seq"],
        at=data["at"],
        mono=data.get("mono", 0.0),
        turn=data.get("turn"),
        wire=data.get("wire"),
        event=decode_event(data["type"], data["data"]),
    )


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _optional_decoder(arguments)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda data: tuple(item(each) for each in data)
    if origin is list:
        item = _decoder(arguments[0])
        return lambda data: [item(each) for each in data]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_decoder(kind)
    return _as_it_is


def _as_it_is(data: Any) -> Any:
    return data


def _optional_decoder(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    # Core only uses unions of one type with None.
    inner = _decoder(next(a for a in arguments if a is not type(None)))
    if inner is _as_it_is:
        return inner
    return lambda data: None if data is None else inner(data)


def _dataclass_decoder(cls: type[Any]) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    decoders = {f.name: _decoder(hints[f.name]) for f in fields(cls)}
    required = {
        f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
    }

    def build(data: Any) -> Any:
        if missing := required - data.keys():
            raise ValueError(f"{cls.__name__} lacks {', '.join(sorted(missing))}")
        return cls(**{name: make(data[name]) for name, make in decoders.items() if name in data})

    return build
