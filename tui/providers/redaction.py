"""Keeps keys out of everything that leaves this room: what servers say may repeat them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

REMOVED = "[key removed]"

# Shorter ones, and words without a digit, are what people write where any key will do
# ("ollama", "lm-studio"); blotting those out would spoil answers.
_MIN_SECRET = 8
_SURELY_SECRET = 16
# Servers that quote a key show how it begins, then stars, then how it ends.
_SHOWN = 8
_REST = r"[\w.*…•+/=-]*"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Strings that must not leave this room; ``repr`` does not show them either."""

    values: tuple[str, ...]

    @classmethod
    def of(cls, api_key: str | None, headers: Mapping[str, str]) -> Secrets:
        """The key, and header values that look like credentials."""
        words = ("auth", "key", "token", "secret", "cookie")
        found = [v for k, v in headers.items() if any(word in k.lower() for word in words)]
        found += [value.split(" ", 1)[1] for value in found if " " in value]
        return cls(tuple(value for value in (api_key or "", *found) if _is_secret(value)))

    def redact(self, text: str) -> str:
        """``text`` with every secret blotted out: whole, cut short, starred, and in base64."""
        for value in self.values:
            for start in _beginnings(value):
                if start in text:
                    text = re.sub(re.escape(start) + _REST, REMOVED, text)
        return text

    def __repr__(self) -> str:
        return f"Secrets({len(self.values)})"


def _is_secret(value: str) -> bool:
    if len(value) >= _SURELY_SECRET:
        return True
    return len(value) >= _MIN_SECRET and any(char.isdigit() for char in value)


def _beginnings(value: str) -> tuple[str, str]:
    """What any appearance of the secret begins with."""
    shown = value[:_SHOWN] if len(value) >= _SURELY_SECRET else value
    spelled = base64.b64encode(value.encode()).decode()
    # The last character before the padding depends on what comes next.
    return shown, spelled.rstrip("=")[:-1]
