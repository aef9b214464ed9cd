"""Values that a schema allows when the message offers none: as plain as they can be."""

from __future__ import annotations

import math
from typing import Any

from tui.core.models import JsonObject
from tui.sandbox.patterns import example_of

_FORMATTED = {
    "date": "2026-01-01",
    "time": "12:00:00",
    "date-time": "2026-01-01T12:00:00+00:00",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uuid4": "00000000-0000-4000-8000-000000000000",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "duration": "PT1H",
    "binary": "AA==",
    "byte": "AA==",
    "base64": "AA==",
    "regex": ".*",
    "time-zone": "UTC",
}


def synthesize_text(schema: JsonObject, *, nth: int = 0, sample: str = "text") -> str:
    """A string that fits format, pattern and length; different ``nth`` give different ones."""
    formatted = _FORMATTED.get(schema.get("format", ""))
    if formatted is not None:
        return formatted
    if isinstance(pattern := schema.get("pattern"), str):
        return example_of(pattern, least=schema.get("minLength", 0))
    text = sample if nth == 0 else f"{sample} {nth + 1}"
    return fit_length(text, schema)


def fit_length(text: str, schema: JsonObject) -> str:
    """The text cut or padded to the lengths that are allowed."""
    most: int | None = schema.get("maxLength")
    if most is not None and len(text) > most:
        text = text[:most].rstrip() or "x" * most
    least: int = schema.get("minLength", 0)
    return text + "x" * max(0, least - len(text))


def fit_number(value: float, schema: JsonObject, *, whole: bool) -> Any:
    """The allowed number that is nearest to ``value``, as near as a simple rule comes."""
    step = schema.get("multipleOf") or (1 if whole else None)
    low, high = _bounds(schema, step)
    value = min(max(value, low), high)
    if step is not None:
        value = _on_grid(value, step, low, high)
    # 1e300 would be a whole number of 300 digits; a schema that says number takes it as it is.
    if whole or (float(value).is_integer() and abs(value) < 1e15):
        return int(value)
    return value


def _bounds(schema: JsonObject, step: float | None) -> tuple[float, float]:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    nudge = step or 1.0
    if step is None and above is not None and below is not None:
        nudge = min(1.0, (below - above) / 4)
    if above is not None:
        low = max(low, above + nudge)
    if below is not None:
        high = min(high, below - nudge)
    return low, high


def _on_grid(value: float, step: float, low: float, high: float) -> float:
    """The multiple of ``step`` at or below ``value``, kept within the bounds."""
    multiple = value // step * step  # whole numbers stay exact however large they are
    if multiple < low:
        multiple += step
    return multiple - step if multiple > high else multiple
