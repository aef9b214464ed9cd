"""The JSON lines between this process and a worker: one message a line, both ways.

A line is ASCII, so nothing a tool says can break the framing. Ours to the worker: ``CallTool``,
``CancelTool``. The worker to us: ``Ready`` (once, first), ``Output``, ``Result``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from tui.core.models import JsonObject, ToolSpec

MAX_TEXT = 1_000_000  # characters kept of what a call prints, and of what it returns
MAX_LINE = 16 * 1024 * 1024  # bytes; room for MAX_TEXT characters, each escaped in up to 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTool:
    """Run the tool ``name``; ``call`` is a number of this connection's own."""

    call: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTool:
    """Stop a call if that is possible; its Result follows if so."""

    call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The file is loaded. ``problems`` says what in it cannot be used."""

    tools: tuple[ToolSpec, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A call printed something."""

    call: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A call ended."""

    call: int
    text: str
    is_error: bool = False


Request: TypeAlias = CallTool | CancelTool
Reply: TypeAlias = Ready | Output | Result

_REQUESTS: dict[str, type[CallTool | CancelTool]] = {
    "call": CallTool,
    "cancel": CancelTool,
}
_REPLIES: dict[str, type[Output | Result]] = {"output": Output, "result": Result}
_NAMES: dict[type[Any], str] = {kind: name for name, kind in (_REQUESTS | _REPLIES).items()}


def encode_line(message: Request | Reply) -> bytes:
    """A message as one line, newline included."""
    kind = "ready" if isinstance(message, Ready) else _NAMES[type(message)]
    return json.dumps({"type": kind, **asdict(message)}).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """A line from our side. Raises ValueError for anything else."""
    data = _object(line)
    kind = _REQUESTS.get(str(data.pop("type", "")))
    if kind is None:
        raise ValueError("not a request")
    request: Request = _build(kind, data)
    return request


def decode_reply(line: bytes) -> Reply:
    """A line from a worker. Raises ValueError for anything else."""
    data = _object(line)
    name = str(data.pop("type", ""))
    if name == "ready":
        return _ready(data)
    kind = _REPLIES.get(name)
    if kind is None or not isinstance(data.get("text"), str):
        raise ValueError("not a reply")
    reply: Reply = _build(kind, data)
    return reply


def clip(text: str) -> str:
    """At most ``MAX_TEXT`` characters of a text, with a mark that says how much was cut."""
    cut = len(text) - MAX_TEXT
    return storable(text) if cut <= 0 else storable(text[:MAX_TEXT]) + cut_mark(cut)


def storable(text: str) -> str:
    """The text with escapes for half surrogates, which no file and no request can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def cut_mark(characters: int) -> str:
    """The words at the end of a text that was cut."""
    return f"\n[… {characters:,} more characters were cut]"


def _ready(data: JsonObject) -> Ready:
    try:
        specs = tuple(_build(ToolSpec, spec) for spec in data["tools"])
        return Ready(tools=specs, problems=tuple(map(str, data["problems"])))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of tools: {error}") from error


def _object(line: bytes) -> JsonObject:
    try:
        data = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(data, dict):
        raise ValueError("not an object")  # noqa: TRY004  # bad data is one kind of error
    return data


def _build(kind: type[Any], data: JsonObject) -> Any:
    try:
        return kind(**data)
    except TypeError as error:
        raise ValueError(str(error)) from error
