"""JSON Schema as far as tools use it: references resolved, combinations merged, values checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from tui.core.models import JsonObject

_MOST_HOPS = 32


def _is_number(value: Any) -> bool:
    # JSON has neither infinity nor NaN, and True is no number in it.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_JSON_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == int(value),
}


class Schema:
    """A schema document: every reference in it points to a place in it."""

    def __init__(self, root: JsonObject) -> None:
        self.root = root

    def resolve(self, schema: Any) -> JsonObject:
        """The schema with ``$ref`` followed and ``allOf`` merged; anything odd allows anything."""
        for _ in range(_MOST_HOPS):
            if not isinstance(schema, dict):
                return {}
            if isinstance(ref := schema.get("$ref"), str):
                beside = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(self._follow(ref), beside)
            elif isinstance(parts := schema.get("allOf"), list):
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merged(schema, self.resolve(part))
            else:
                return schema
        return {}

    def _follow(self, ref: str) -> Any:
        at: Any = self.root
        for step in ref.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            at = at.get(key) if isinstance(at, dict) else None
        return at if isinstance(at, dict) else {}

    def fits(self, value: Any, schema: Any) -> bool:
        """Whether the value is valid; keywords that this module does not know are ignored."""
        if schema is False:
            return False
        known = self.resolve(schema)
        types = types_of(known)
        if types and not any(_JSON_TYPES.get(name, _anything)(value) for name in types):
            return False
        if "const" in known and not _same(known["const"], value):
            return False
        if "enum" in known and not any(_same(each, value) for each in known["enum"]):
            return False
        return self._fits_combination(value, known) and self._fits_content(value, known)

    def _fits_combination(self, value: Any, schema: JsonObject) -> bool:
        if "anyOf" in schema and not any(self.fits(value, each) for each in schema["anyOf"]):
            return False
        if "oneOf" in schema and sum(self.fits(value, each) for each in schema["oneOf"]) != 1:
            return False
        return "not" not in schema or not self.fits(value, schema["not"])

    def _fits_content(self, value: Any, schema: JsonObject) -> bool:
        if isinstance(value, str):
            return _fits_text(value, schema)
        if isinstance(value, bool) or value is None:
            return True
        if isinstance(value, int | float):
            return _fits_number(value, schema)
        if isinstance(value, list):
            return self._fits_list(value, schema)
        return not isinstance(value, dict) or self._fits_object(value, schema)

    def _fits_list(self, values: list[Any], schema: JsonObject) -> bool:
        if not schema.get("minItems", 0) <= len(values) <= schema.get("maxItems", math.inf):
            return False
        if schema.get("uniqueItems") and not all_different(values):
            return False
        return all(self.fits(value, item_schema(schema, n)) for n, value in enumerate(values))

    def _fits_object(self, value: JsonObject, schema: JsonObject) -> bool:
        if not all(name in value for name in schema.get("required", ())):
            return False
        if (
            not schema.get("minProperties", 0)
            <= len(value)
            <= schema.get("maxProperties", math.inf)
        ):
            return False
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        return all(self.fits(each, properties.get(name, others)) for name, each in value.items())


def types_of(schema: JsonObject) -> list[str]:
    """The types a resolved schema names; empty when it names none."""
    given = schema.get("type")
    return list(given) if isinstance(given, list) else [given] if isinstance(given, str) else []


def item_schema(schema: JsonObject, index: int) -> Any:
    """What the item at ``index`` of an array has to fit."""
    prefix = schema.get("prefixItems", ())
    return prefix[index] if index < len(prefix) else schema.get("items", {})


def all_different(values: list[Any]) -> bool:
    """Whether no two values are equal in JSON's sense."""
    return not any(_same(a, b) for n, a in enumerate(values) for b in values[:n])


def _merged(first: JsonObject, second: JsonObject) -> JsonObject:
    """A schema that fits what fits both, as far as that can be said in one."""
    both = {**first, **second}
    if "properties" in first and "properties" in second:
        both["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        both["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    for key, choose in (("minimum", max), ("minLength", max), ("minItems", max), ("maximum", min)):
        if key in first and key in second:
            both[key] = choose(first[key], second[key])
    return both


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _anything(_value: Any) -> bool:
    return True


def _fits_number(value: float, schema: JsonObject) -> bool:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    below = schema.get("exclusiveMaximum", math.inf)
    step = schema.get("multipleOf")
    if step and abs(value / step - round(value / step)) > 1e-9:
        return False
    return bool(low <= value <= high and above < value < below)


def _fits_text(value: str, schema: JsonObject) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        return False
    if not matches(schema.get("pattern"), value):
        return False
    check = _FORMATS.get(schema.get("format", ""))
    return check is None or check(value)


def matches(pattern: Any, value: str) -> bool:
    """Whether a string fits a pattern; one that Python cannot read fits nothing."""
    if pattern is None:
        return True
    try:
        return re.search(pattern, value) is not None
    except (re.error, TypeError):
        return False


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _parses(date.fromisoformat),
    "time": _parses(time.fromisoformat),
    "date-time": _parses(datetime.fromisoformat),
    "email": lambda value: re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) is not None,
    "uri": lambda value: re.match(r"[a-z][a-z0-9+.-]*:\S+$", value, re.IGNORECASE) is not None,
    "uuid": lambda value: (
        re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-\w{12}", value) is not None
    ),
}
