"""How durations and sizes read in the inspector, where every millisecond counts."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """``312 ms``, ``1.24 s``, ``2:05``."""
    milliseconds = round(max(0.0, seconds) * 1000)
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    minutes, rest = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{rest:02}"


def size(text: str) -> str:
    """What it takes as UTF-8: ``312 B``, ``1.2 kB``, ``1.0 MB``."""
    return _scaled(len(text.encode("utf-8", "replace")), " ", "B")


def characters(number: int) -> str:
    """``312 chars``, ``1.2k chars``."""
    return _scaled(number, "", " chars")


def _scaled(number: int, space: str, unit: str) -> str:
    if number < 1000:
        return f"{number}{space}{unit}"
    if number < 999_950:
        return f"{number / 1000:.1f}{space}k{unit}"
    return f"{number / 1_000_000:.1f}{space}M{unit}"
