"""What a run cost, from its token counts and the prices that the user wrote down."""

from __future__ import annotations

import math

from tui.core.models import Usage
from tui.core.settings import Price

_MILLION = 1_000_000
_DIGITS = 4


def cost(usage: Usage, price: Price) -> float:
    """In the currency of ``price``; cached input at its own price, if there is one."""
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = price.input if price.cached is None else price.cached
    total = (
        (usage.input_tokens - cached) * price.input
        + cached * cached_price
        + usage.output_tokens * price.output
    )
    return total / _MILLION


def cost_text(usage: Usage | None, price: Price | None) -> str:
    """``cost 0.001234``: four significant digits, or nothing when either is not known."""
    if usage is None or price is None:
        return ""
    amount = cost(usage, price)
    if amount <= 0:
        return "cost 0"
    places = max(0, _DIGITS - 1 - math.floor(math.log10(amount)))
    return f"cost {amount:,.{places}f}"
