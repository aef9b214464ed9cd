"""How long the screen's loop ever stood still."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST = 0.25  # seconds of processor time, which other programs on the machine do not change
STUCK = 2.0  # seconds asleep; a screen that waits for something stands still for longer
# Nanoseconds that this thread has run, and that it could have run and others did. Linux has it.
_SCHEDULED = Path("/proc/thread-self/schedstat")


@dataclass
class Heart:
    """The longest pause between two turns: what this thread ``worked``, and how long it ``slept``.

    What other programs on the machine take of the processor counts as neither.
    """

    beats: int = 0
    worked: float = 0.0
    slept: float = 0.0

    def __str__(self) -> str:
        return f"{self.slept * 1000:.0f} ms asleep, {self.worked * 1000:.0f} ms worked"

    def check(self) -> None:
        """Fail when it was too long."""
        assert self.beats > 0, "it never beat"
        assert self.worked < LONGEST, str(self)
        assert self.slept < STUCK, str(self)

    async def _beat(self) -> None:
        worked, asleep = time.thread_time(), _asleep()
        while True:
            await asyncio.sleep(0.005)
            self.beats += 1
            self.worked = max(self.worked, time.thread_time() - worked)
            self.slept = max(self.slept, _asleep() - asleep)
            worked, asleep = time.thread_time(), _asleep()


def _asleep() -> float:
    """The clock of this thread's sleep, in seconds: it stands still while it works or queues."""
    if not _SCHEDULED.exists():
        return 0.0
    now = time.monotonic()
    ran, queued, _ = map(int, _SCHEDULED.read_text(encoding="ascii").split())
    return now - (ran + queued) / 1e9


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
