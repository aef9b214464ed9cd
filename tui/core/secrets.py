"""What a key looks like wherever it turns up: whole, quoted, cut short, starred, in base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

# Shorter ones, and words without a digit, are what people write where any key will do
# ("ollama", "lm-studio"); blotting those out would spoil what is said.
_LEAST = 8
_SURELY = 16
# All keys of a kind begin alike (sk-proj-, gsk_, xai-); only what comes behind that is secret.
_KIND = re.compile(r"[A-Za-z]{1,8}[-_](?:[a-z]{1,8}\d{0,2}[-_]){0,2}")
# Nor is a word, with which people let the keys of their own servers begin.
_WORD = re.compile(r"[A-Za-z][a-z]{3,}(?![A-Za-z])")
_TELLING = 5
_SHOWN = 8
# Servers that quote a key show how it begins, then stars, then how it ends.
_REST = r"[\w.*…•+/=%-]*"


def is_secret(value: str) -> bool:
    """Whether a value is one that must not be shown, rather than a word in its place."""
    if len(value) >= _SURELY:
        return True
    return len(value) >= _LEAST and any(char.isdigit() for char in value)


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Finds any of these secrets in a text, in any spelling; None when there are none.

    A long one is found with whatever follows it, however it is starred; a short one as it is.
    """
    spellings: dict[str, str] = {}
    for secret in filter(None, secrets):
        spellings.update(_spellings(secret))
    # The longest first: one may begin with another.
    ordered = sorted(spellings, key=len, reverse=True)
    found = "|".join(re.escape(each) + spellings[each] for each in ordered)
    return re.compile(found) if found else None


def _spellings(secret: str) -> dict[str, str]:
    """Each spelling, with a pattern of what belongs to it behind it."""
    found = dict.fromkeys((secret, quote(secret, safe=""), quote_plus(secret)), "")
    if len(secret) >= _SURELY:
        found = dict.fromkeys((*found, _beginning(secret)), _REST)
        found.update(dict.fromkeys(_in_base64(secret.encode("utf-8", "replace")), _REST))
    return found


def _beginning(secret: str) -> str:
    """What shows which key it is, even when the rest is cut off."""
    known = max(found.end() if (found := each.match(secret)) else 0 for each in (_KIND, _WORD))
    return secret[: max(_SHOWN, known + _TELLING)]


def _in_base64(secret: bytes) -> set[str]:
    """What any base64 text has in it that holds the secret, wherever it begins in there."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret).decode()
        # Characters at either end also depend on what stands next to the secret.
        certain = encoded[(0, 2, 3)[before] : (before + len(secret)) * 4 // 3]
        found |= {certain, certain.translate(str.maketrans("+/", "-_"))}
    return found
