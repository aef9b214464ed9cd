"""What a tool prints, caught inside the worker: batched, bounded, and told apart by call."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextvars import ContextVar

from tui.tools.protocol import MAX_TEXT, cut_mark

_BATCH = 8192  # characters that are sent without waiting
_FLUSH_SECONDS = 0.05
_SETTLE_SECONDS = 0.2


class Printed:
    """What one call printed; ``send`` is given batches until ``MAX_TEXT`` characters are spent."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._pending: list[str] = []
        self._size = 0
        self._left = MAX_TEXT
        self._cut = 0

    def add(self, text: str) -> None:
        """Take text from any thread; whatever is over the limit is only counted."""
        with self._lock:
            kept = text[: self._left]
            self._left -= len(kept)
            self._cut += len(text) - len(kept)
            if kept:
                self._pending.append(kept)
                self._size += len(kept)
            if self._size >= _BATCH:
                self._flush()

    def flush(self) -> None:
        """Send what waits."""
        with self._lock:
            self._flush()

    def finish(self) -> None:
        """Send the rest, and how much was cut."""
        with self._lock:
            if self._cut:
                self._pending.append(cut_mark(self._cut))
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            text = "".join(self._pending)
            self._pending, self._size = [], 0
            self._send(text)


class Capture:
    """Replaces standard output and error of this process, down to the file descriptors.

    Python's own prints are told apart by context. What comes from elsewhere (subprocesses,
    extension modules, threads that a tool started) belongs to the only running call; with
    several running it could be anybody's and is dropped. ``begin_thread`` runs something
    for as long as the process lives.
    """

    def __init__(self, begin_thread: Callable[[Callable[[], None]], None]) -> None:
        self._calls: set[Printed] = set()
        self._current: ContextVar[Printed | None] = ContextVar("current", default=None)
        self._process = os.getpid()
        self._dirty = threading.Event()
        self._pipe, writing = os.pipe()
        self._reading = threading.Lock()
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        os.close(writing)
        sys.stdout = _Stream(self._route, 1)
        sys.stderr = _Stream(self._route, 2)
        begin_thread(self._drain)
        begin_thread(self._flush_often)

    def begin(self, printed: Printed) -> None:
        """From here on this context (and those copied from it) prints into ``printed``."""
        self._current.set(printed)
        self._calls.add(printed)

    def end(self, printed: Printed) -> None:
        """The call is over; later prints of its threads are dropped."""
        self._settle()
        self._calls.discard(printed)
        printed.finish()

    def _route(self, text: str) -> bool:
        """Give ``text`` to the call it belongs to; false in a forked child, which has no calls."""
        if os.getpid() != self._process:
            return False
        printed = self._current.get() or self._only()
        self._add(printed, text)
        return True

    def _add(self, printed: Printed | None, text: str) -> None:
        if printed in self._calls and printed is not None:
            printed.add(text)
            self._dirty.set()

    def _only(self) -> Printed | None:
        calls = list(self._calls)
        return calls[0] if len(calls) == 1 else None

    def _drain(self) -> None:
        decoder = getincrementaldecoder("utf-8")("replace")
        while self._waits(None):
            with self._reading:
                data = os.read(self._pipe, 65536)
                self._add(self._only(), decoder.decode(data))

    def _settle(self) -> None:
        """Let what was written to the descriptors so far arrive; a steady stream is not awaited."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            with self._reading:
                if not self._waits(0):
                    return
            time.sleep(0.001)

    def _waits(self, timeout: float | None) -> bool:
        polled = select.poll()
        polled.register(self._pipe, select.POLLIN)
        return bool(polled.poll(timeout))

    def _flush_often(self) -> None:
        while self._dirty.wait():
            time.sleep(_FLUSH_SECONDS)  # what is printed meanwhile goes along
            self._dirty.clear()
            for printed in list(self._calls):
                printed.flush()


class _Stream(io.TextIOBase):
    """A text stream for ``sys.stdout``; bytes written to its ``buffer`` go to the descriptor."""

    def __init__(self, route: Callable[[str], bool], descriptor: int) -> None:
        self._route = route
        self._descriptor = descriptor
        self.buffer = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115  # kept open

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has an attribute
        return "utf-8"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        if not self._route(text):
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
        return len(text)
