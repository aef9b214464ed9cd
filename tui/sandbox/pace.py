"""Keeps a stream to its rate: tokens fall due on a schedule, so lateness does not add up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

# Beyond this much lateness (the reader paused) the schedule starts anew instead of bursting.
_FORGIVEN = 1.0
# At rate 0 the loop gets its turn after this many tokens.
_BREATH = 8


class StoppedError(Exception):
    """The session was cancelled while it waited."""


class Pacer:
    """Waits for tokens to fall due. ``stop`` ends every wait at once with StoppedError.

    ``now`` (seconds, monotonic) and ``sleep`` can be replaced to run on another clock; ``sleep``
    returns early when ``stop`` is set.
    """

    def __init__(
        self,
        stop: asyncio.Event,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._stop = stop
        self._now = now
        self._sleep = sleep or self._sleep_until_stopped
        self._due: float | None = None
        self._unpaced = 0

    async def beat(self, rate: float) -> None:
        """Return when the next token is due at ``rate`` tokens a second; 0 means at once."""
        if self._stop.is_set():
            raise StoppedError
        if rate <= 0:
            await self._breathe()
            return
        now = self._now()
        if self._due is None or now - self._due > _FORGIVEN:
            self._due = now
        self._due += 1 / rate
        if self._due > now:
            await self._wait(self._due - now)
        else:
            await self._breathe()

    async def pause(self, seconds: float) -> None:
        """Be silent for ``seconds``; the schedule starts anew afterwards."""
        await self._wait(seconds)
        self._due = None

    def restart(self) -> None:
        """Forget the schedule: time passed that the sandbox did not spend."""
        self._due = None

    async def _breathe(self) -> None:
        self._unpaced += 1
        if self._unpaced % _BREATH == 0:
            await asyncio.sleep(0)
            if self._stop.is_set():
                raise StoppedError

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)
        if self._stop.is_set():
            raise StoppedError

    async def _sleep_until_stopped(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
