"""Reads scenarios: TOML that says step by step what the sandbox shall do (docs/sandbox.md)."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

from tui.core.models import JsonObject, PartKind
from tui.sandbox.faults import FAILURES
from tui.sandbox.markdown import KINDS, generate_markdown
from tui.sandbox.steps import CallTools, PlannedCall, Say, Step, Wait

MAX_TOKENS = 200_000
MAX_SECONDS = 3600.0
_BLOCK = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[ \t]*sandbox[ \t]*\n(?P<body>.*?)(?:^ {0,3}(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_WORDS = {str: "text", float: "a number", int: "a whole number", list: "a list", dict: "a table"}


class ScenarioError(ValueError):
    """The scenario cannot be played; ``str()`` says what is wrong, where, and what is allowed."""


def find_scenario(text: str) -> str | None:
    """The content of the first fenced ``sandbox`` block of a message, or None."""
    found = _BLOCK.search(text)
    return found["body"] if found else None


def decode_scenario(text: str) -> tuple[Step, ...]:
    """The steps of a scenario in TOML; raises ScenarioError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"This is not valid TOML: {error}.") from error
    _check_keys(data, ("step", "rate", "description"), "the top level")
    _take(data, "description", str, "the top level", "")
    rate = _rate(data, "the top level")
    steps = _take(data, "step", list, "the top level", [])
    if not steps:
        raise ScenarioError("There is no step. Write at least one [[step]] table, in order.")
    return tuple(_decode_step(step, rate, f"step {n}") for n, step in enumerate(steps, 1))


def _decode_step(data: Any, rate: float | None, where: str) -> Step:
    if not isinstance(data, dict):
        raise ScenarioError(f"In {where}: a step is a table. Start each with [[step]].")
    _check_keys(data, (*_ACTIONS, "rate"), where)
    named = [name for name in _ACTIONS if name in data]
    if len(named) != 1:
        said = " and ".join(named) if named else "nothing"
        raise ScenarioError(
            f"In {where}: a step does exactly one thing, this one says {said}. "
            f"Allowed: {_listed(_ACTIONS)}."
        )
    own = _rate(data, where)
    action = named[0]
    return _ACTIONS[action](data[action], rate if own is None else own, f"{action} of {where}")


def _decode_say(given: Any, rate: float | None, where: str) -> Step:
    return Say(text=_text(given, where), rate=rate)


def _decode_think(given: Any, rate: float | None, where: str) -> Step:
    return Say(text=_text(given, where), kind=PartKind.REASONING, rate=rate)


def _text(given: Any, where: str) -> str:
    if isinstance(given, str):
        return given
    if not isinstance(given, dict):
        raise _wrong(given, where, "text, or a table such as { tokens = 50, kind = 'list' }")
    _check_keys(given, ("tokens", "kind"), where)
    tokens = _take(given, "tokens", int, where)
    _check_range(tokens, 1, MAX_TOKENS, f"tokens in {where}")
    kind = _take(given, "kind", str, where, "paragraphs")
    _check_choice(kind, KINDS, f"kind in {where}")
    return generate_markdown(kind, tokens)


def _decode_call(given: Any, rate: float | None, where: str) -> Step:
    items = given if isinstance(given, list) else [given]
    if not items:
        raise ScenarioError(f"In {where}: there is no call in the list.")
    return CallTools(calls=tuple(_decode_one_call(item, where) for item in items), rate=rate)


def _decode_one_call(given: Any, where: str) -> PlannedCall:
    if not isinstance(given, dict):
        raise _wrong(given, where, "a table such as { name = 'calculate', arguments = {} }")
    _check_keys(given, ("name", "arguments"), where)
    name = _take(given, "name", str, where)
    if not name:
        raise ScenarioError(f"In {where}: name is empty.")
    arguments = given.get("arguments", {})
    if isinstance(arguments, str):
        return PlannedCall(name=name, arguments=arguments)
    if not isinstance(arguments, dict):
        raise _wrong(arguments, f"arguments of {where}", "a table, or text to send as it is")
    try:
        raw = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ScenarioError(
            f"In arguments of {where}: JSON has no dates, times, inf or nan ({error})."
        ) from error
    return PlannedCall(name=name, arguments=raw)


def _decode_wait(given: Any, _rate: float | None, where: str) -> Step:
    seconds = _typed(given, float, where)
    _check_range(seconds, 0, MAX_SECONDS, where)
    return Wait(seconds=seconds)


def _decode_fail(given: Any, rate: float | None, where: str) -> Step:
    table = {"kind": given} if isinstance(given, str) else given
    if not isinstance(table, dict):
        raise _wrong(given, where, "a kind, or a table such as { kind = 'stall', seconds = 5 }")
    kind = _take(table, "kind", str, where)
    _check_choice(kind, FAILURES, f"kind in {where}")
    failure = FAILURES[kind]
    _check_keys(table, ("kind", *failure.takes), f"{where} ({kind})")
    values = {key: _take(table, key, _FAIL_TYPES[key], where, None) for key in failure.takes}
    _check_range(values.get("seconds") or 0, 0, MAX_SECONDS, f"seconds in {where}")
    _check_range(values.get("after") or 0, 0, MAX_TOKENS, f"after in {where}")
    return failure.step({k: v for k, v in values.items() if v is not None}, rate)


_Decoder = Callable[[Any, float | None, str], Step]
_ACTIONS: dict[str, _Decoder] = {
    "say": _decode_say,
    "think": _decode_think,
    "call": _decode_call,
    "wait": _decode_wait,
    "fail": _decode_fail,
}
_FAIL_TYPES: dict[str, type[Any]] = {
    "message": str,
    "seconds": float,
    "after": int,
    "name": str,
    "arguments": str,
}


def _rate(data: JsonObject, where: str) -> float | None:
    if "rate" not in data:
        return None
    rate: float = _take(data, "rate", float, where)
    _check_range(rate, 0, 1_000_000, f"rate in {where}")
    return rate


_MISSING: Any = object()


def _take(data: JsonObject, key: str, kind: type[Any], where: str, default: Any = _MISSING) -> Any:
    if key in data:
        return _typed(data[key], kind, f"{key} in {where}")
    if default is _MISSING:
        raise ScenarioError(f"In {where}: {key} is missing ({_WORDS[kind]}).")
    return default


def _typed(value: Any, kind: type[Any], where: str) -> Any:
    # TOML writes 1 and 1.0; a person who writes a number of seconds means both.
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise _wrong(value, where, _WORDS[kind])
    return float(value) if kind is float else value


def _wrong(value: Any, where: str, wanted: str) -> ScenarioError:
    return ScenarioError(f"In {where}: expected {wanted}, found {_shown(value)}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_range(value: float, low: float, high: float, where: str) -> None:
    if not low <= value <= high:
        raise ScenarioError(f"In {where}: {value:g} is not between {low:g} and {high:g}.")


def _check_choice(value: str, allowed: Iterable[str], where: str) -> None:
    if value not in (names := list(allowed)):
        raise ScenarioError(
            f"In {where}: {_shown(value)} is unknown.{_nearest(value, names)} "
            f"Allowed: {_listed(names)}."
        )


def _check_keys(data: JsonObject, allowed: Iterable[str], where: str) -> None:
    names = list(allowed)
    for key in data:
        if key not in names:
            raise ScenarioError(
                f"In {where}: the key {_shown(key)} is unknown.{_nearest(key, names)} "
                f"Allowed: {_listed(names)}."
            )


def _nearest(word: str, names: list[str]) -> str:
    near = difflib.get_close_matches(word, names, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
