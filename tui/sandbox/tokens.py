"""How the sandbox cuts what it says: words for text, small fragments for arguments."""

from __future__ import annotations

import re
from itertools import cycle

# A word with the space before it, as real tokenisers do it; long words come in pieces.
_TOKEN = re.compile(r"\s*(?:\w{1,12}|[^\w\s]{1,4})|\s+")
_SIZES = (5, 3, 7, 4, 8, 6)
_LEAST, _MOST = 3, 8


def split_text(text: str) -> list[str]:
    """Tokens of at most a word each; joined they are ``text``."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """How many tokens ``split_text`` makes of it."""
    return sum(1 for _ in _TOKEN.finditer(text))


def split_arguments(raw: str, start: int = 0) -> list[str]:
    """Fragments of 3 to 8 characters (one shorter if there are no more); joined they are ``raw``.

    ``start`` shifts the sequence of sizes, so that parallel calls do not move in step.
    """
    sizes = cycle(_SIZES[start % len(_SIZES) :] + _SIZES[: start % len(_SIZES)])
    fragments: list[str] = []
    at = 0
    while (rest := len(raw) - at) > _MOST:
        size = min(next(sizes), rest - _LEAST)
        fragments.append(raw[at : at + size])
        at += size
    return [*fragments, raw[at:]] if rest else fragments
