"""Signals for a command on an event loop: the first stops it in order, the second at once."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# ``timeout`` sends its signal twice, and so do a kernel and a shell whose terminal closes.
_SAME = 0.1
_BOUND = 8.0


class Stops:
    """Which signal asked to stop, if one did. ``status`` is the exit status it stands for.

    The handlers are Python's own, not the loop's: the loop may be waiting for whoever reads.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self._since = 0.0
        self._over = False
        self._on_stop: Callable[[], None] | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over. One that is ignored (``nohup``) stays ignored."""
        numbers = [each for each in _NUMBERS if signal.getsignal(each) is not signal.SIG_IGN]
        before = [(each, signal.signal(each, self._arrived)) for each in numbers]
        try:
            yield
        finally:
            self._over = True
            for number, handler in before:
                signal.signal(number, handler)

    def on_stop(self, act: Callable[[], None] | None) -> None:
        """What the first signal does: called inside a handler, so it may only pass it on."""
        self._on_stop = act
        if self.status is not None and act is not None:
            act()

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self.status is not None:
            if time.monotonic() - self._since > _SAME:
                os._exit(128 + number)
            return
        self.status, self._since = 128 + number, time.monotonic()
        # Not ``threading``: its locks may be held where the signal came in between.
        _thread.start_new_thread(self._end_late, (self.status,))
        if self._on_stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._on_stop()

    def _end_late(self, status: int) -> None:
        time.sleep(_BOUND)
        if not self._over:  # whoever listened may live on
            os._exit(status)
