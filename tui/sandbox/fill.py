"""Fills values from a JSON schema and what a message says."""

from __future__ import annotations

import json

from tui.core.models import JsonObject


def fill_json(schema: JsonObject, question: str) -> str:
    """A JSON text for ``schema``."""
    properties = schema.get("properties", {})
    return json.dumps({name: question for name in schema.get("required", properties)})
