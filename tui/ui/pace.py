"""Slows an answer down for people who read along: text appears so many words a second at most."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from tui.core.events import Envelope, PartStarted, RunStarted, TextDelta
from tui.core.models import PartId, PartKind
from tui.core.services import LogItem, ThreadReloaded

# Frames come when they come: what is due since the last of them appears together.
_SLACK = 0.1


class Pace:
    """A queue between what arrives for a thread and what is shown of it; the order stays.

    A piece of text is let out when the words before it have had their time. ``now`` is in seconds.
    """

    def __init__(
        self, words_per_second: float, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds_a_word = 1 / words_per_second
        self._now = now
        self._held: deque[LogItem] = deque()
        self._next = 0.0  # when the next text may appear
        self._folded: set[PartId] = set()
        self._hurries = False
        self._in_word = False

    @property
    def wait(self) -> float | None:
        """In how many seconds something held may appear, or None when nothing is held."""
        return max(0.0, self._next - self._now()) if self._held else None

    def hurry(self) -> None:
        """Show everything at once, until another run begins."""
        self._hurries = True

    def take(self, items: Iterable[LogItem]) -> list[LogItem]:
        """Take in what arrived; returns what may be shown now."""
        for item in items:
            if isinstance(item, ThreadReloaded):
                self._held.clear()  # all of it is in there
            self._held.append(item)
        shown: list[LogItem] = []
        while self._held and self._may_appear(self._held[0]):
            shown.append(self._held.popleft())
        return shown

    def _may_appear(self, item: LogItem) -> bool:
        if not isinstance(item, Envelope):
            return True
        event = item.event
        if isinstance(event, RunStarted):
            self._hurries = False
        elif isinstance(event, PartStarted) and event.kind is not PartKind.TEXT:
            self._folded.add(event.part_id)  # nobody reads along there
        elif isinstance(event, TextDelta) and event.part_id not in self._folded:
            return self._may_be_read(event.text)
        return True

    def _may_be_read(self, text: str) -> bool:
        now = self._now()
        if self._hurries:
            return True
        if now < self._next:
            return False
        self._next = max(self._next, now - _SLACK) + self._words(text) * self._seconds_a_word
        return True

    def _words(self, text: str) -> int:
        """How many words begin in it."""
        goes_on = self._in_word and not text[:1].isspace()
        self._in_word = goes_on if not text else not text[-1].isspace()
        return max(0, len(text.split()) - goes_on)
