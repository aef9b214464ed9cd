"""One run's stream of frames to any number of responses, each at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """How a response ends: properly, or by breaking the connection."""

    CLEAN = "clean"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing for so many seconds; 0 means until the reader leaves."""

    seconds: float


class Subscriber:
    """One response's queue. ``next`` has one caller; everything else never waits."""

    def __init__(self) -> None:
        self._items: deque[bytes | Pause | Ending] = deque()
        self._ready = asyncio.Event()
        self._over = asyncio.Event()

    def push(self, item: bytes | Pause | Ending) -> None:
        """Queue an item behind those that were not sent yet."""
        self._items.append(item)
        self._ready.set()

    def leave(self, ending: Ending = Ending.CLEAN) -> None:
        """The reader is gone, or the server stops: end the response, pause or not."""
        self.push(ending)
        self._over.set()

    async def next(self) -> bytes | Ending:
        """All frames that are due, joined, or the end; sits out pauses."""
        while True:
            await self._ready.wait()
            item = self._items.popleft()
            if isinstance(item, bytes):
                item = self._joined(item)
            if not self._items:
                self._ready.clear()
            if not isinstance(item, Pause):
                return item
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), item.seconds or None)

    def _joined(self, first: bytes) -> bytes:
        frames = [first]
        while self._items and isinstance(self._items[0], bytes):
            frames.append(self._items[0])
            self._items.popleft()
        return b"".join(frames)


class Broadcast:
    """Where a run's frames go. A reader that leaves changes nothing for the run."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()

    def subscribe(self) -> Subscriber:
        """Everything from now until the next ``end``."""
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        return subscriber

    def drop(self, subscriber: Subscriber) -> None:
        """Forget a reader that left."""
        self._subscribers.discard(subscriber)

    def send(self, item: bytes | Pause) -> None:
        """Queue an item for every reader."""
        for subscriber in self._subscribers:
            subscriber.push(item)

    def end(self, ending: Ending = Ending.CLEAN) -> None:
        """End every response after what is queued for it."""
        for subscriber in self._subscribers:
            subscriber.push(ending)
        self._subscribers.clear()
