"""How late this machine is: a thread that wants to wake every few milliseconds, and when it does.

A promise in milliseconds can be kept by a program only as far as it gets to run.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_EVERY = 0.005
_SPAN = 2.0


@dataclass
class Lag:
    """``worst()`` is the longest that the thread had to wait in the last seconds."""

    _late: deque[float] = field(default_factory=lambda: deque(maxlen=int(_SPAN / _EVERY)))
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until it is stopped."""
        before = time.monotonic()
        while not self._over.wait(_EVERY):
            now = time.monotonic()
            self._late.append(now - before - _EVERY)
            before = now

    def stop(self) -> None:
        self._over.set()

    def worst(self) -> float:
        return max(self._late, default=0.0)


@contextmanager
def lag() -> Iterator[Lag]:
    """Watches while the block runs."""
    watched = Lag()
    thread = threading.Thread(target=watched.watch, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        watched.stop()
        thread.join()
