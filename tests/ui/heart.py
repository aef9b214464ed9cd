"""How long the screen's loop ever stood still."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

LONGEST = 0.25  # seconds of processor time, which other programs on the machine do not change
STUCK = 2.0  # seconds that pass; a screen that waits for something stands still for longer


@dataclass
class Heart:
    """The longest pause between two turns: ``passed`` on the clock, ``worked`` by this thread."""

    passed: float = 0.0
    worked: float = 0.0

    def __str__(self) -> str:
        return f"{self.passed * 1000:.0f} ms passed, {self.worked * 1000:.0f} ms worked"

    def check(self) -> None:
        """Fail when it was too long."""
        assert self.passed > 0, "it never beat"
        assert self.worked < LONGEST, str(self)
        assert self.passed < STUCK, str(self)

    async def _beat(self) -> None:
        passed, worked = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            self.passed = max(self.passed, time.monotonic() - passed)
            self.worked = max(self.worked, time.thread_time() - worked)
            passed, worked = time.monotonic(), time.thread_time()


@asynccontextmanager
async def heartbeat() -> AsyncIterator[Heart]:
    """Listen to the running loop. What pytest holds in memory is no garbage of the app's."""
    gc.collect()
    gc.freeze()
    heart = Heart()
    beating = asyncio.create_task(heart._beat())
    try:
        yield heart
    finally:
        beating.cancel()
        gc.unfreeze()
