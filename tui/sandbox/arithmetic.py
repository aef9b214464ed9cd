"""Finds arithmetic in prose, in symbols or in words, and writes it as a formula."""

from __future__ import annotations

import re

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]*\w)"
_CALL = r"(?:sqrt|sin|cos|tan|log|exp|abs|round|floor|ceil)\("
_ATOM = rf"(?:[(\-\u2212]\s*|{_CALL}\s*)*{_NUMBER}(?:\s*(?:squared|cubed)\b)?(?:\s*\))*"
_WORDS = (
    r"plus|minus|times|multiplied\s+by|divided\s+by|to\s+the\s+power\s+of|modulo|mod|percent\s+of"
)
_SIGN = rf"(?:\*\*|//|%\s*of\b|[-+*/^\u00d7÷%\u2212·]|\b(?:{_WORDS})\b|[xX](?=\s*[\d(]))"
_FORMULA = re.compile(
    rf"(?<![\w.])(?:{_ATOM}(?:\s*{_SIGN}\s*{_ATOM})+"
    rf"|square\s+root\s+of\s+{_NUMBER}|{_NUMBER}\s*(?:squared|cubed)\b|{_CALL}\s*{_NUMBER}\s*\))",
    re.IGNORECASE,
)
_REWRITES = tuple(
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"(?<=\d),(?=\d{3})", ""),
        (rf"square\s+root\s+of\s+({_NUMBER})", r"\1**0.5"),
        (r"\s*squared\b", "**2"),
        (r"\s*cubed\b", "**3"),
        (r"\s*(?:%|percent)\s*of\b", "/100 *"),
        (r"\bplus\b", "+"),
        (r"\bminus\b|\u2212", "-"),
        (r"\b(?:times|multiplied\s+by)\b|[\u00d7·xX](?![a-z])", "*"),
        (r"\bdivided\s+by\b|÷", "/"),
        (r"\bto\s+the\s+power\s+of\b|\^", "**"),
        (r"\b(?:modulo|mod)\b", "%"),
    )
)
# 24/7, 3-5 people, 1/2: arithmetic only where someone asks for a value.
_DOUBTFUL = re.compile(r"\d+\s?[-/]\s?\d+")
_CUE = re.compile(
    r"\b(what(?:'s|\u2019s| is| are)|how much|calculate|compute|evaluate|solve|work out|equals?"
    r"|result|expression|formula|maths?|divide|subtract)\b|=",
    re.IGNORECASE,
)


def find_formulas(text: str) -> list[tuple[int, int, str]]:
    """Arithmetic in a text as (start, end, formula), in order.

    ``17 times 23`` is ``17 * 23``; a lone ``24/7`` counts only where a value is asked for.
    """
    asked = _CUE.search(text) is not None
    found = (_balanced(match[0], match.start()) for match in _FORMULA.finditer(text))
    return [
        (start, start + len(span), _rewritten(span))
        for start, span in found
        if span and (asked or not _DOUBTFUL.fullmatch(span))
    ]


def _balanced(span: str, start: int) -> tuple[int, str]:
    """The span without brackets that belong to the sentence; empty if it does not come out."""
    while span.count("(") > span.count(")") and span.startswith("("):
        span, start = span[1:], start + 1
    while span.count(")") > span.count("(") and span.endswith(")"):
        span = span[:-1].rstrip()
    return start, span if span.count("(") == span.count(")") else ""


def _rewritten(span: str) -> str:
    for pattern, sign in _REWRITES:
        span = pattern.sub(sign, span)
    return " ".join(span.split())
