"""Walks a schema and writes one value for it: what the message says first, what is allowed else."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from tui.core.models import JsonObject
from tui.sandbox.clues import ClueKind
from tui.sandbox.hints import FREE, SURE, Hint, hint_for
from tui.sandbox.schema import Schema, all_different, item_schema, types_of
from tui.sandbox.supply import Supply, Want
from tui.sandbox.synthesis import fit_length, fit_number, synthesize_text

_MOST_ITEMS = 20
_DEEPEST = 6
_YES = ("true", "yes", "on", "1")
_NO = ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Filled:
    """A value, and whether the message said it (else it is only allowed)."""

    value: Any
    said: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in the arguments a value stands.

    ``slot`` is its path, ``optional`` ones take only what is surely meant for them, ``nth`` asks
    for different values where a list needs several.
    """

    name: str = ""
    slot: str = ""
    depth: int = 0
    optional: bool = False
    nth: int = 0

    def child(self, name: str, *, optional: bool = False) -> _Place:
        return _Place(
            name=name, slot=f"{self.slot}/{name}", depth=self.depth + 1, optional=optional
        )

    def item(self, index: int, *, optional: bool = False, nth: int = 0) -> _Place:
        return _Place(
            name=self.name,
            slot=f"{self.slot}/{index}",
            depth=self.depth + 1,
            optional=optional,
            nth=nth,
        )

    @property
    def deep(self) -> bool:
        """Whether a schema that contains itself has to come to an end."""
        return self.depth >= _DEEPEST


class Filler:
    """Fills one document; every clue it uses is taken from the supply."""

    def __init__(self, schema: Schema, supply: Supply) -> None:
        self._schema = schema
        self._supply = supply

    def fill_root(self) -> Any:
        """A value for the whole schema."""
        return self._fill(self._schema.root, _Place()).value

    def _fill(self, raw: Any, place: _Place) -> Filled:
        schema = self._schema.resolve(raw)
        if "const" in schema:
            return Filled(schema["const"])
        if (assigned := self._assigned(schema, place)) is not None:
            return assigned
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._alternative(schema, key, place)
        if schema.get("enum"):
            return self._choice(schema, place)
        kinds = types_of(schema) or _implied_types(schema)
        solid = [kind for kind in kinds if kind != "null"]
        nullable = len(solid) < len(kinds)
        if not solid or (nullable and place.deep):
            return Filled(None)
        filled = self._typed(solid[0], schema, replace(place, optional=place.optional or nullable))
        if nullable and not filled.said and not self._has_default(schema):
            return Filled(None)
        return filled

    def _typed(self, kind: str, schema: JsonObject, place: _Place) -> Filled:
        match kind:
            case "object":
                return self._object(schema, place)
            case "array":
                return self._array(schema, place)
            case "integer" | "number":
                return self._number(schema, place, whole=kind == "integer")
            case "boolean":
                return self._flag(schema, place)
            case _:
                return self._text(schema, place)

    def _assigned(self, schema: JsonObject, place: _Place) -> Filled | None:
        raw = self._supply.assigned(place.name) if place.name else None
        for value in _readings(raw) if raw is not None else ():
            if self._schema.fits(value, schema):
                return Filled(value, said=True)
        return None

    # --- alternatives ------------------------------------------------------------------------

    def _alternative(self, schema: JsonObject, key: str, place: _Place) -> Filled:
        beside = {name: value for name, value in schema.items() if name not in (key, "default")}
        branches = [self._schema.resolve({"allOf": [beside, each]}) for each in schema[key]]
        solid = [branch for branch in branches if types_of(branch) != ["null"]]
        nullable = len(solid) < len(branches)
        if nullable and place.deep:
            return Filled(None)
        inner = replace(place, depth=place.depth + 1, optional=place.optional or nullable)
        allowed: list[Filled] = []
        for branch in solid:
            filled = self._fill(branch, inner)
            if self._schema.fits(filled.value, schema):
                if filled.said:
                    return filled
                allowed.append(filled)
        if self._has_default(schema):
            return Filled(schema["default"])
        return Filled(None) if nullable or not allowed else allowed[0]

    def _choice(self, schema: JsonObject, place: _Place) -> Filled:
        allowed = [each for each in schema["enum"] if self._schema.fits(each, schema)]
        if not allowed:
            return Filled(schema["enum"][0])
        literal = self._supply.take_literal(place.slot, allowed)
        if literal is not None:
            return Filled(literal, said=True)
        if self._has_default(schema):
            return Filled(schema["default"])
        return Filled(allowed[place.nth % len(allowed)])

    # --- objects -----------------------------------------------------------------------------

    def _object(self, schema: JsonObject, place: _Place) -> Filled:
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        # What is required chooses first, although the order of the schema is kept.
        filled = {
            name: self._fill(properties.get(name, {}), place.child(name)) for name in required
        }
        for name, each in properties.items():
            if name not in filled and not place.deep:
                self._fill_optional(filled, each, place.child(name, optional=True))
        values = {name: filled[name].value for name in [*properties, *required] if name in filled}
        self._pad(values, schema, place)
        return Filled(values, said=any(each.said for each in filled.values()))

    def _fill_optional(self, filled: dict[str, Filled], raw: Any, place: _Place) -> None:
        each = self._fill(raw, place)
        default = self._schema.resolve(raw).get("default")
        if each.said and self._schema.fits(each.value, raw):
            filled[place.name] = each
        elif default is not None and self._schema.fits(default, raw):
            filled[place.name] = Filled(default)

    def _pad(self, values: JsonObject, schema: JsonObject, place: _Place) -> None:
        """Add optional or free properties until there are as many as the schema wants."""
        least = schema.get("minProperties", 0)
        properties = schema.get("properties") or {}
        spare = [name for name in properties if name not in values]
        spare += [f"key{n + 1}" for n in range(least)]
        for name in spare[: max(0, least - len(values))]:
            raw = properties.get(name, schema.get("additionalProperties"))
            values[name] = self._fill(raw, place.child(name)).value

    # --- arrays ------------------------------------------------------------------------------

    def _array(self, schema: JsonObject, place: _Place) -> Filled:
        values = self._said_items(schema, place)
        if not values and self._has_default(schema):
            return Filled(schema["default"])
        said = bool(values)
        wanted = schema.get("minItems", 0)
        if schema.get("maxItems", 1) and not (said or place.optional or place.deep):
            wanted = max(wanted, 1, len(schema.get("prefixItems", ())))
        self._pad_items(values, schema, place, wanted)
        return Filled(values, said=said)

    def _said_items(self, schema: JsonObject, place: _Place) -> list[Any]:
        if schema.get("prefixItems") or place.deep or schema.get("items") is False:
            return []
        most = min(schema.get("maxItems", _MOST_ITEMS), _MOST_ITEMS)
        item = self._schema.resolve(schema.get("items", {}))
        found = self._simple_items(item, place)
        if found is None:
            found = self._complex_items(item, place, most)
        values: list[Any] = []
        for value in found:
            fresh = not schema.get("uniqueItems") or all_different([*values, value])
            if fresh and self._schema.fits(value, item):
                values.append(value)
        return values[:most]

    def _simple_items(self, item: JsonObject, place: _Place) -> list[Any] | None:
        """All clues for a list of numbers or of texts; None for other lists."""
        kinds = types_of(item)
        if item.get("enum") or not {"integer", "number", "string"} & set(kinds):
            return None
        if "string" not in kinds:
            found = self._supply.take_all(place.slot, (ClueKind.NUMBER,))
            return [fit_number(value, item, whole="number" not in kinds) for value in found]
        hint = hint_for(place.name, item)
        wanted = (*hint.kinds, ClueKind.NAME) if hint is FREE else hint.kinds
        texts = self._supply.take_all(place.slot, wanted)
        if not texts and hint.free and not place.optional:
            texts = self._supply.listed(place.name)
        return [fit_length(str(text), item) for text in texts]

    def _complex_items(self, item: JsonObject, place: _Place, most: int) -> list[Any]:
        values: list[Any] = []
        for index in range(most):
            filled = self._fill(item, place.item(index, optional=True))
            if not filled.said:
                break
            values.append(filled.value)
        return values

    def _pad_items(self, values: list[Any], schema: JsonObject, place: _Place, wanted: int) -> None:
        for nth in range(len(values), len(values) + wanted + _MOST_ITEMS):
            if len(values) >= wanted:
                return
            index = len(values)
            value = self._fill(item_schema(schema, index), place.item(index, nth=nth)).value
            if not schema.get("uniqueItems") or all_different([*values, value]):
                values.append(value)

    # --- plain values ------------------------------------------------------------------------

    def _number(self, schema: JsonObject, place: _Place, *, whole: bool) -> Filled:
        want = Want(name=place.name, kinds=(ClueKind.NUMBER,), near_only=place.optional)
        found = self._supply.take(place.slot, want)
        if found is not None:
            return Filled(fit_number(found, schema, whole=whole), said=True)
        if self._has_default(schema):
            return Filled(schema["default"])
        start = fit_number(1, schema, whole=whole)
        step = schema.get("multipleOf") or 1
        return Filled(fit_number(start + place.nth * step, schema, whole=whole))

    def _flag(self, schema: JsonObject, place: _Place) -> Filled:
        said = self._supply.says(place.name)
        if said is not None:
            return Filled(said, said=True)
        return Filled(schema["default"] if self._has_default(schema) else place.nth % 2 == 1)

    def _text(self, schema: JsonObject, place: _Place) -> Filled:
        hint = hint_for(place.name, schema)
        want = Want(
            name=place.name,
            kinds=hint.kinds,
            near_only=place.optional and not SURE.intersection(hint.kinds),
            usable=lambda value: self._fitted(str(value), schema) is not None,
        )
        found = self._supply.take(place.slot, want)
        text = None if found is None else self._fitted(str(found), schema)
        if text is not None:
            return Filled(text, said=True)
        if self._has_default(schema):
            return Filled(schema["default"])
        phrase = self._supply.phrase if hint.free and not place.optional and not place.nth else ""
        if phrase and (text := self._fitted(phrase, schema)) is not None:
            return Filled(text)
        return Filled(self._sample(schema, hint, place.nth))

    def _sample(self, schema: JsonObject, hint: Hint, nth: int) -> Any:
        for example in schema.get("examples") or ():
            if nth == 0 and self._schema.fits(example, schema):
                return example
        return synthesize_text(schema, nth=nth, sample=hint.sample or "text")

    def _fitted(self, text: str, schema: JsonObject) -> str | None:
        if schema.get("format") == "date-time" and "T" not in text:
            text = f"{text}T12:00:00+00:00"
        text = fit_length(text, schema)
        return text if self._schema.fits(text, schema) else None

    def _has_default(self, schema: JsonObject) -> bool:
        return "default" in schema and self._schema.fits(schema["default"], schema)


def _implied_types(schema: JsonObject) -> list[str]:
    if "properties" in schema or "required" in schema:
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    return ["string"]


def _readings(raw: str) -> list[Any]:
    """What an assigned word can mean: JSON, a flag, or itself."""
    readings: list[Any] = []
    try:
        readings.append(json.loads(raw))
    except ValueError:
        if raw.lower() in (*_YES, *_NO):
            readings.append(raw.lower() in _YES)
    return [*readings, raw]
