"""The terminal as Textual drives it, and given back clean however the app ends.

Textual's own driver trusts the terminal: one that has gone kills the thread that writes, and then
everything waits for it; a signal may find it in the middle of a write; and not every mode that it
sets is taken back.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import sys
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import Any, TextIO, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.ui.terminal import TerminalParser

_READ = 64 * 1024
_TICK_SECONDS = 0.1
# So long a terminal that takes nothing is waited for, once the app wants to leave.
_PATIENCE = 1.0

# What Textual's driver sets and does not take back, or only when it is sure that it was set: a
# frame cut short, mouse positions in pixels, sizes in the input, the shape of the pointer.
_FORGOTTEN = "\x1b[?2026l\x1b[?1016l\x1b[?2048l\x1b]22;default\x07"
_MOUSE = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l"
# The keyboard protocol first: the alternate screen has one of its own.
_SCREEN = "\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
GIVE_BACK = _FORGOTTEN + _MOUSE + _SCREEN


class TerminalOutput:
    """The terminal as a file that never fails: what goes to one that has gone is dropped.

    It is opened anew, since only a description of one's own may be made non-blocking: the other
    one belongs to the shell as well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._encoding = stream.encoding
        try:
            path = os.ttyname(stream.fileno())
            self._fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            self._fd = os.dup(stream.fileno())
        self._gone = False
        self._until = float("inf")

    def hurry(self) -> None:
        """Wait no longer than a moment from now for a terminal that takes nothing."""
        self._until = min(self._until, time.monotonic() + _PATIENCE)

    def write(self, text: str) -> int:
        """Write all of it, unless the terminal has gone."""
        # A character that the terminal cannot spell keeps its place, as one sign.
        left = memoryview(text.encode(self._encoding, "replace"))
        while left and not self._gone:
            left = left[self._write_some(left) :]
        return len(text)

    def _write_some(self, data: memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            select.select([], [self._fd], [], _TICK_SECONDS)
            self._gone = time.monotonic() > self._until
        except OSError:
            self._gone = True
        return 0

    def flush(self) -> None:
        """Nothing is held back."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)


class TerminalDriver(LinuxDriver):
    """Textual's driver, for terminals that stop, hang up and come back.

    It also reads with our own parser (see ``terminal``).
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        # Standard error may be a file; the screen does not belong there.
        stream = sys.__stderr__ if _is_terminal(sys.__stderr__) else sys.__stdout__
        assert stream is not None, "the command line has checked that there is a terminal"
        self._output = TerminalOutput(stream)
        self._file = cast("Any", self._output)  # Textual only writes to it
        self._taken = False
        self._is_restarted = False
        # Textual handles these wherever the program happens to be, even inside a write.
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._continue)

    # --- taking and giving back ------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal; in the background nothing happens, until ``fg``."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's
        self._taken = self._writer_thread is not None

    def stop_application_mode(self) -> None:
        """Give the terminal back; when this returns, it has been written."""
        if not self._taken:
            return
        self._output.hurry()
        self.write(_FORGOTTEN + _MOUSE)
        super().stop_application_mode()
        self.close()
        self._taken = False

    def close(self) -> None:
        """Wait for what is still to be written."""
        super().close()
        self._writer_thread = None

    def write(self, data: str) -> None:
        """Write, unless somebody else has the terminal now."""
        if self._writer_thread is not None:
            self._writer_thread.write(data)

    def give_back(self) -> None:
        """The last resort, from any thread: give the terminal back without loop and writer."""
        if not self._taken:
            return
        self._taken = False
        self._output.hurry()
        self._output.write(GIVE_BACK)
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    # --- stopping and going on -------------------------------------------------------------

    def _suspend(self) -> None:
        """Stop as the shell asks for, with its terminal back; returns when it says ``fg``.

        A program that no shell waits for is not stopped: the kernel ignores the signal then.
        """
        self.suspend_application_mode()
        self._loop.remove_signal_handler(signal.SIGTSTP)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._must_signal_resume = True
        self._restart()
        self._is_restarted = self._taken

    def _continue(self) -> None:
        """Take the terminal again, also after a stop that nobody announced."""
        if self._is_restarted:
            self._is_restarted = False
            return
        self.stop_application_mode()
        self._restart()

    def _restart(self) -> None:
        self.start_application_mode()
        self._app.refresh(layout=True)

    # --- reading ---------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        """Read keys until the driver stops; when the terminal goes away, so does the app."""
        with contextlib.suppress(OSError):
            self.run_input_thread()
        if not self.exit_event.is_set():
            os.kill(os.getpid(), signal.SIGHUP)  # what the kernel says to programs in front

    def run_input_thread(self) -> None:
        """Read keys until the driver stops or nothing more comes."""
        parser = TerminalParser(self._debug)
        # Bytes that are no UTF-8 (a pasted binary) are shown as such; they do not end the app.
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_TICK_SECONDS):
                    if not (data := os.read(self.fileno, _READ)):
                        return
                    text = decode(data)
                    self._process(parser.feed(text) if text else ())
                self._process(parser.tick())

    def _process(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
