"""Keeps keys out of everything that leaves this room: what servers say may repeat them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tui.core.secrets import is_secret, pattern_of

REMOVED = "[key removed]"

_TELLTALE = ("auth", "key", "token", "secret", "cookie")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Strings that must not leave this room; ``repr`` does not show them either."""

    _pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, api_key: str | None, headers: Mapping[str, str]) -> Secrets:
        """The key, and header values that look like credentials."""
        found = [v for k, v in headers.items() if any(word in k.lower() for word in _TELLTALE)]
        found += [value.split(" ", 1)[1] for value in found if " " in value]
        return cls(pattern_of(filter(is_secret, (api_key or "", *found))))

    def redact(self, text: str) -> str:
        """``text`` with every secret blotted out: whole, cut short, starred, and in base64."""
        return text if self._pattern is None else self._pattern.sub(REMOVED, text)

    def __repr__(self) -> str:
        return "Secrets(...)"
