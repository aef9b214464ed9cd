"""Tolerant reading of JSON: a field of the wrong type reads as absent, and nothing ever raises."""

from __future__ import annotations

import json
import re
from typing import Any

from tui.core.models import JsonObject

# No API nests as deep; what does would exhaust the stack of whoever walks through it.
_DEEPEST = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# Python reads NaN and Infinity, which JSON does not have: nobody could read them from us.
_JSON = json.JSONDecoder(parse_constant=lambda _: None)


def parse_object(data: str) -> JsonObject | None:
    """The JSON object that ``data`` spells, or None when it is anything else, or too deep."""
    try:
        value = None if _is_too_deep(data) else _JSON.decode(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_too_deep(data: str) -> bool:
    if data.count("{") + data.count("[") <= _DEEPEST:
        return False
    depth = 0
    for bracket in re.findall(r"[][{}]", _STRINGS.sub("", data)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def well_formed(value: Any) -> Any:
    """JSON data without lone surrogates, which JSON can spell but no file or terminal can take."""
    if isinstance(value, str):
        return value if value.isascii() else _join_surrogates(value)
    if isinstance(value, list):
        return [well_formed(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): well_formed(item) for key, item in value.items()}
    return value


def obj(source: JsonObject, *path: str) -> JsonObject:
    """The object found by following ``path``, or an empty one."""
    for key in path:
        value = source.get(key)
        if not isinstance(value, dict):
            return {}
        source = value
    return source


def objects(source: JsonObject, key: str) -> list[JsonObject]:
    """The objects of a list; other items are left out."""
    value = source.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(source: JsonObject, key: str) -> str:
    """A string, or an empty one."""
    value = source.get(key)
    return str(well_formed(value)) if isinstance(value, str) else ""


def raw_text(source: JsonObject, key: str) -> str:
    """A piece of a longer string: halves of a surrogate pair are left for ``Joiner``.

    Some servers send what should be a string (arguments) as JSON; that is spelled out.
    """
    value = source.get(key)
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else ""


def count(source: JsonObject, key: str) -> int:
    """A number of something, or 0."""
    value = source.get(key)
    return value if type(value) is int and value >= 0 else 0


def position(source: JsonObject, default: int) -> int:
    """The ``index`` of a delta's item, or its place in the list when it has none."""
    value = source.get("index")
    return value if isinstance(value, int) and value >= 0 else default


class Joiner:
    """Joins pieces of a string that were cut anywhere, even inside a surrogate pair."""

    __slots__ = ("_half", "_pieces")

    def __init__(self) -> None:
        self._half = ""
        self._pieces: list[str] = []

    def take(self, piece: str) -> str:
        """What of ``piece``, and of a half kept back, is whole now."""
        piece = self._half + piece
        self._half = ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            self._half, piece = piece[-1], piece[:-1]
        whole = str(well_formed(piece))
        if whole:
            self._pieces.append(whole)
        return whole

    @property
    def joined(self) -> str:
        """Everything so far."""
        return "".join(self._pieces)


def _join_surrogates(value: str) -> str:
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
