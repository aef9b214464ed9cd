"""A thread-safe queue with one reader: how envelopes cross from engine to screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """Items pushed from any thread, drained by one reader in batches.

    ``on_ready`` is called from the pushing thread for the first item since the last ``drain``; it
    must be quick and thread-safe (``loop.call_soon_threadsafe`` is the usual body). A late reader
    gets a larger batch, never a queue of work.
    """

    def __init__(self, on_close: Callable[[Feed[T]], None] | None = None) -> None:
        self._items: deque[T] = deque()
        self._on_close = on_close
        self._on_ready: Callable[[], object] | None = None
        self._told = False
        self.closed = False

    def push(self, item: T) -> None:
        """Add an item; ignored once the feed is closed."""
        if self.closed:
            return
        # The item before the question, and in ``drain`` the other way round: whichever thread
        # comes in between, either the reader takes the item or it is told once too often.
        self._items.append(item)
        on_ready = self._on_ready
        if on_ready is not None and not self._told:
            self._told = True
            on_ready()

    def drain(self) -> list[T]:
        """Everything that arrived since the last call, in order."""
        self._told = False
        items: list[T] = []
        while self._items:
            items.append(self._items.popleft())
        return items

    def notify(self, on_ready: Callable[[], object]) -> None:
        """Call ``on_ready`` now if something waits, and whenever something comes."""
        self._on_ready = on_ready
        if self._items:
            self._told = True
            on_ready()

    def close(self) -> None:
        """Stop receiving; safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self._on_ready = None
        if self._on_close is not None:
            self._on_close(self)
