"""The shapes that answers have to have: JSON schemas in files, as options of a request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.core.errors import ConfigError
from tui.core.models import JsonObject
from tui.core.settings import Profile

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
# Where a schema has schemas: by name, in a list (or one), or one.
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems", "items")  # the last: before 2020
_SINGLE = ("additionalProperties", "not", "if", "then", "else", "contains")


def with_schema(profile: Profile, schema: Path) -> Profile:
    """The same profile, answering with JSON of this shape. Raises ConfigError."""
    return replace(profile, options={**profile.options, "response_format": shape(schema)})


def shape(schema: Path) -> JsonObject:
    """The ``response_format`` for a file with a JSON schema. Raises ConfigError."""
    try:
        found = json.loads(schema.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{schema} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{schema} is no JSON: {error}.") from error
    if not isinstance(found, dict) or not found:
        raise ConfigError(
            f"{schema} is no JSON schema.",
            hint='It has to be an object, such as {"type": "object", "properties": {}}.',
        )
    if fault := next(_faults(found, ""), ""):
        raise ConfigError(
            f"{schema} is no JSON schema: {fault}.", hint=f"Its types: {', '.join(_TYPES)}."
        )
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(found.get("title") or schema.stem))[:64]
    # Only a schema without loose ends is one that a server can hold the model to.
    strict = found.get("additionalProperties") is False
    described = {"name": name, "schema": found, "strict": strict}
    return {"type": "json_schema", "json_schema": described}


def _faults(schema: Any, at: str) -> Iterator[str]:
    """What no server could make sense of; ``at`` is the way to this schema, or empty."""
    if not isinstance(schema, dict):
        if not isinstance(schema, bool):  # which are schemas too
            yield f"{at} is {json.dumps(schema)[:40]}, but has to be an object"
        return
    types = schema.get("type", [])
    for each in types if isinstance(types, list) else [types]:
        if each not in _TYPES:
            yield f"{_below(at, 'type')} is {json.dumps(each)[:40]}, which is no type"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        yield f"{_below(at, 'required')} has to be a list of names"
    for where, inner in _inner(schema, at):
        yield from _faults(inner, where)


def _inner(schema: JsonObject, at: str) -> Iterator[tuple[str, Any]]:
    """Every schema within, and the way there."""
    for word in (*_NAMED, *_LISTED, *_SINGLE):
        if word not in schema:
            continue
        found, where = schema[word], _below(at, word)
        if word in _NAMED and isinstance(found, dict):
            yield from ((_below(where, name), each) for name, each in found.items())
        elif word in _LISTED and isinstance(found, list):
            yield from ((_below(where, str(place)), each) for place, each in enumerate(found))
        else:
            yield where, found


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
