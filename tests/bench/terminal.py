"""A terminal for benchmarks: takes what the app writes, as a real one would, and notes when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from textual.app import App
from textual.driver import Driver
from textual.drivers.headless_driver import HeadlessDriver

from tui.ui.app import TickertapeApp

SIZE = (160, 50)
WORD = re.compile(r"w(\d{6})")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Write(NamedTuple):
    """When something was written (``time.monotonic``), what it had cost so far, and the text."""

    at: float
    cpu: float
    text: str

    @property
    def newest(self) -> int:
        """The highest numbered word in it, -1 for none."""
        return max(map(int, WORD.findall(_CONTROL.sub("", self.text))), default=-1)


class RecordingDriver(HeadlessDriver):
    """Not headless to the app, so that it encodes and writes what it paints."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.on_write: Callable[[Write], None] | None = None
        self.written = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.written += len(data)
        if self.on_write is not None and len(data) > 20:
            self.on_write(Write(time.monotonic(), time.process_time(), data))


class BenchApp(TickertapeApp):
    """The app on that terminal."""

    def get_driver_class(self) -> type[Driver]:
        return RecordingDriver


def driver_of(app: App[Any]) -> RecordingDriver:
    """The terminal of a running app."""
    assert isinstance(app._driver, RecordingDriver)
    return app._driver
