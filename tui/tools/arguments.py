"""Strict reading of the arguments that a model sent for a call."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from tui.core.models import JsonObject, Problem, ToolSpec
from tui.tools.schema import violations

_MOST_SHOWN = 5


def check_json(name: str, arguments: str) -> Problem | None:
    """Why ``arguments`` is not one JSON object, or None."""
    parsed = _parse(name, arguments)
    return parsed if isinstance(parsed, Problem) else None


def check_arguments(spec: ToolSpec, arguments: str) -> Problem | None:
    """Why ``arguments`` cannot be passed to the tool, in words for the model, or None."""
    parsed = _parse(spec.name, arguments)
    if isinstance(parsed, Problem):
        return parsed
    try:
        found = [str(each) for each in islice(violations(parsed, spec.parameters), _MOST_SHOWN)]
    except RecursionError:
        found = ["nested too deeply"]
    if not found:
        return None
    return Problem(
        code="invalid_arguments",
        message=f"The arguments of {spec.name} do not fit its schema: {'; '.join(found)}.",
        hint="Correct the arguments and call the tool again.",
    )


def _parse(name: str, arguments: str) -> JsonObject | Problem:
    try:
        value = json.loads(arguments, parse_constant=_refuse_constant, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return _not_json(name, f"{error.msg} at {place}")
    except RecursionError:
        return _not_json(name, "nested too deeply")
    except ValueError as error:
        return _not_json(name, str(error))
    if not isinstance(value, dict):
        return _not_json(name, "expected an object ({...}), got something else")
    return value


def _not_json(name: str, reason: str) -> Problem:
    return Problem(
        code="invalid_json",
        message=f"The arguments of {name} are not a JSON object: {reason}.",
        hint="Send one complete JSON object and nothing else.",
    )


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> JsonObject:
    # Readers differ in which of two equal keys counts; a person must approve what really runs.
    found: JsonObject = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} appears twice")
        found[key] = value
    return found
