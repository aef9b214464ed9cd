"""The arguments of the calls to one tool, from its schema and the clues that belong to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tui.core.models import JsonObject
from tui.sandbox.clues import Clue, find_clues
from tui.sandbox.filler import Filler
from tui.sandbox.schema import Schema
from tui.sandbox.supply import Supply

_MOST_CALLS = 8


def fill_calls(parameters: JsonObject, text: str, clues: Sequence[Clue], phrase: str) -> list[str]:
    """The arguments, as JSON, of each call that the clues are enough for; at least one.

    Two cities for one parameter are two calls, two numbers for two parameters are one.
    """
    schema = Schema(parameters)
    supply = Supply(text, clues, phrase, property_names(parameters))
    calls: list[str] = []
    while len(calls) < _MOST_CALLS:
        supply.next_call()
        arguments = _filled(schema, supply)
        if calls and not supply.made_progress:
            break
        # Arguments are an object, whatever a schema without a type would allow.
        calls.append(arguments if arguments.startswith("{") else "{}")
    return calls


def fill_json(schema: JsonObject, question: str) -> str:
    """A JSON text that fits ``schema``, filled from a question."""
    supply = Supply(question, find_clues(question), question[:200], property_names(schema))
    return _filled(Schema(schema), supply)


def property_names(schema: Any) -> set[str]:
    """The names of all properties anywhere in a schema."""
    if isinstance(schema, list):
        return set[str]().union(*map(property_names, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    names = {str(name) for name in own} if isinstance(own, dict) else set()
    return names.union(*map(property_names, schema.values()))


def _filled(schema: Schema, supply: Supply) -> str:
    # Schemas come from strangers, and a bad one ("minItems": "two") must not end the run: the
    # tool's own check of the arguments tells what is missing.
    try:
        value = Filler(schema, supply).fill_root()
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return "{}"
