"""Numbers as a person reads them."""

from __future__ import annotations

_UNITS = ("bytes", "KB", "MB", "GB")


def size_text(size: int) -> str:
    """Bytes in the largest unit that fits, such as ``1.4 MB`` (of 1,000,000 bytes)."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{size} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def count_text(count: int, what: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
