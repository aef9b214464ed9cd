"""Keeps keys out of everything that leaves this room: what servers say may repeat them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.core.secrets import is_secret, pattern_of

REMOVED = "[key removed]"

_TELLTALE = ("auth", "key", "token", "secret", "cookie")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Strings that must not leave this room; ``repr`` does not show them either."""

    _pattern: re.Pattern[str] | None

    @classmethod
    def of(
        cls,
        api_key: str | None,
        headers: Mapping[str, str],
        tools: Sequence[Any] = (),
        also: Iterable[str] = (),
    ) -> Secrets:
        """The key, what by its name is a credential in headers and hosted ``tools``, ``also``."""
        found = [*_credentials(headers), *_credentials(tools), *also]
        found += [value.split(" ", 1)[1] for value in found if " " in value]
        return cls(pattern_of(filter(is_secret, (api_key or "", *found))))

    def redact(self, text: str) -> str:
        """``text`` with every secret blotted out: whole, cut short, starred, and in base64."""
        return text if self._pattern is None else self._pattern.sub(REMOVED, text)

    def __repr__(self) -> str:
        return "Secrets(...)"


def _credentials(data: Any) -> Iterator[str]:
    """Every text below a name that says so, however deep."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            if isinstance(value, str) and any(word in name.lower() for word in _TELLTALE):
                yield value
            yield from _credentials(value)
    elif isinstance(data, list | tuple):
        for each in data:
            yield from _credentials(each)
