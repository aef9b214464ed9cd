"""Checks a JSON value against the JSON schema of a tool, in words a model can act on.

It knows the keywords that pydantic writes. ``pattern`` and ``format`` are left to pydantic in the
worker, which converts the arguments anyway: its regular expressions run in linear time, Python's
could stop the event loop. Other keywords are ignored, as JSON Schema asks (2020-12, 4.3.1).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tui.core.models import JsonObject

_SHOWN = 60

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "number": lambda value: _is_number(value),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_NOUNS = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not fit. ``path`` is dotted (``stops.0.city``), empty for the whole."""

    path: str
    message: str
    wrong_type: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def violations(value: Any, schema: JsonObject) -> Iterator[Violation]:
    """Everything in which ``value`` breaks ``schema``; references are looked up in ``schema``.

    Raises RecursionError for a value or a schema that is nested too deeply.
    """
    yield from _Checker(schema).check(value, schema, "")


@dataclass(frozen=True, slots=True)
class _Checker:
    root: JsonObject

    def check(self, value: Any, schema: Any, path: str) -> Iterator[Violation]:
        if schema is True or schema == {}:
            return
        if schema is False:
            yield Violation(path, "nothing is allowed here")
            return
        if "$ref" in schema:
            yield from self.check(value, self._resolve(schema["$ref"]), path)
        if not self._fits_type(value, schema):
            message = f"expected {self._noun(schema)}, got {_show(value)}"
            yield Violation(path, message, wrong_type=True)
            return
        yield from _check_choices(value, schema, path)
        yield from self._check_branches(value, schema, path)
        if isinstance(value, dict):
            yield from self._check_object(value, schema, path)
        elif isinstance(value, list):
            yield from self._check_array(value, schema, path)
        elif isinstance(value, str):
            yield from _check_size(len(value), schema, path, "Length", "characters")
        elif _is_number(value):
            yield from _check_number(value, schema, path)

    def _resolve(self, reference: str) -> Any:
        target: Any = self.root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                target = target[step.replace("~1", "/").replace("~0", "~")]
        return target

    def _fits_type(self, value: Any, schema: JsonObject) -> bool:
        names = schema.get("type", [])
        names = [names] if isinstance(names, str) else names
        return not names or any(_TYPES[name](value) for name in names if name in _TYPES)

    def _check_branches(self, value: Any, schema: JsonObject, path: str) -> Iterator[Violation]:
        for branch in schema.get("allOf", ()):
            yield from self.check(value, branch, path)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if not branches:
            return
        found = [list(self.check(value, branch, path)) for branch in branches]
        if not all(found):
            return
        # The branch that was meant is the one whose own type is right; if several could be
        # meant, their complaints would only confuse.
        meant = [each for each in found if not (each[0].wrong_type and each[0].path == path)]
        if len(meant) == 1:
            yield from meant[0]
        else:
            nouns = " or ".join(dict.fromkeys(self._noun(branch) for branch in branches))
            only_types = not meant
            yield Violation(path, f"expected {nouns}, got {_show(value)}", only_types)

    def _check_object(
        self, value: JsonObject, schema: JsonObject, path: str
    ) -> Iterator[Violation]:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                noun = self._noun(properties.get(name, {}))
                yield Violation(_join(path, name), f"missing, expected {noun}")
        extra = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name in properties:
                yield from self.check(item, properties[name], _join(path, name))
            elif extra is False:
                yield Violation(_join(path, name), _unknown(name, list(properties)))
            elif "patternProperties" not in schema:
                yield from self.check(item, extra, _join(path, name))
        yield from _check_size(len(value), schema, path, "Properties", "properties")

    def _check_array(self, value: list[Any], schema: JsonObject, path: str) -> Iterator[Violation]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        for index, item in enumerate(value):
            part = first[index] if index < len(first) else rest
            yield from self.check(item, part, _join(path, str(index)))
        yield from _check_size(len(value), schema, path, "Items", "items")
        if schema.get("uniqueItems") and len({_canonical(item) for item in value}) < len(value):
            yield Violation(path, "the items must all be different")

    def _noun(self, schema: Any) -> str:
        """What a schema wants, in a few words."""
        if not isinstance(schema, dict) or not schema:
            return "any value"
        if "enum" in schema:
            return "one of " + ", ".join(_show(choice) for choice in schema["enum"])
        if "const" in schema:
            return _show(schema["const"])
        if "$ref" in schema:
            return self._noun(self._resolve(schema["$ref"]))
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return " or ".join(dict.fromkeys(self._noun(branch) for branch in branches))
        return self._typed_noun(schema)

    def _typed_noun(self, schema: JsonObject) -> str:
        names = schema.get("type", "any value")
        names = [names] if isinstance(names, str) else names
        noun = " or ".join(_NOUNS.get(name, name) for name in names)
        if schema.get("properties"):
            return f"{noun} with {', '.join(schema['properties'])}"
        if "format" in schema:
            return f"{noun} ({schema['format']})"
        return noun


def _check_choices(value: Any, schema: JsonObject, path: str) -> Iterator[Violation]:
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None and _canonical(value) not in map(_canonical, choices):
        wanted = ", ".join(_show(choice) for choice in choices)
        one_of = "one of " if len(choices) > 1 else ""
        yield Violation(path, f"expected {one_of}{wanted}, got {_show(value)}")


def _check_number(value: float, schema: JsonObject, path: str) -> Iterator[Violation]:
    bounds: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
        ("minimum", "at least", lambda bound: value >= bound),
        ("maximum", "at most", lambda bound: value <= bound),
        ("exclusiveMinimum", "more than", lambda bound: value > bound),
        ("exclusiveMaximum", "less than", lambda bound: value < bound),
    )
    for key, words, holds in bounds:
        if key in schema and not holds(schema[key]):
            yield Violation(path, f"expected {words} {schema[key]}, got {_show(value)}")
    step = schema.get("multipleOf")
    if isinstance(step, int) and value % step:
        yield Violation(path, f"expected a multiple of {step}, got {_show(value)}")


def _check_size(
    size: int, schema: JsonObject, path: str, suffix: str, unit: str
) -> Iterator[Violation]:
    lowest, highest = schema.get(f"min{suffix}", 0), schema.get(f"max{suffix}")
    if size < lowest:
        yield Violation(path, f"expected at least {lowest} {unit}, got {size}")
    if highest is not None and size > highest:
        yield Violation(path, f"expected at most {highest} {unit}, got {size}")


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return "unknown parameter; there are none"
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"unknown parameter; {meant}known are {', '.join(known)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _canonical(value: Any) -> str:
    # JSON equality: 1 is 1.0 but not true, and the order of keys says nothing.
    if _is_number(value) and value == value // 1:
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step
