"""One frame clock for all panes: paint the first change at once, then at a bounded rate."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable

FAST = 1 / 60
SLOW = 1 / 30
# A frame that takes more of its budget than this halves the rate.
BUSY_SHARE = 0.25


class FrameClock:
    """Calls ``frame`` soon after ``wake``, at most 60 times a second, 30 when frames are dear.

    Nothing runs while nobody wakes it. ``painted`` tells it that the screen shows the frame; until
    then no other frame begins, so a slow terminal gets larger batches and never a queue.
    """

    def __init__(
        self,
        frame: Callable[[], None],
        *,
        now: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._frame = frame
        self._now = now
        # Processor time, because a frame also waits for the screen's own timer, which is no cost.
        self._spent = spent
        self._loop = loop or asyncio.get_running_loop()
        # Wakes come from foreign threads; widgets need the context of the app that made the clock.
        self._context = contextvars.copy_context()
        self._timer: asyncio.Handle | None = None
        self._began = float("-inf")
        self._spent_before = 0.0
        self._painting = False
        self._asked = False
        self._closed = False
        self.interval = FAST

    def wake(self) -> None:
        """Something changed. Callable from any thread."""
        if not self._closed:
            self._loop.call_soon_threadsafe(self._request, context=self._context)

    def close(self) -> None:
        """No frame begins after this."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def painted(self) -> None:
        """The last frame is on screen."""
        if not self._painting:
            return
        self._painting = False
        cost = self._spent() - self._spent_before
        self.interval = SLOW if cost > FAST * BUSY_SHARE else FAST
        if self._asked:
            self._request()

    def _request(self) -> None:
        if self._closed or self._timer is not None:
            return
        if self._painting:
            self._asked = True
            return
        wait = self._began + self.interval - self._now()
        if wait <= 0:
            self._timer = self._loop.call_soon(self._tick, context=self._context)
        else:
            self._timer = self._loop.call_later(wait, self._tick, context=self._context)

    def _tick(self) -> None:
        self._timer = None
        self._asked = False
        self._painting = True
        self._began = self._now()
        self._spent_before = self._spent()
        self._frame()
