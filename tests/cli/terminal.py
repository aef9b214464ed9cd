"""A terminal for tests: runs the command in a pty and waits for words on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_]|P.*?\x1b\\)")


_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])|\x1b\[([<>])[0-9;]*u")
_NORMALLY_ON = frozenset({"7", "25"})
# The pty becomes the controlling terminal, as of a shell, for whoever leads a session and opens it.
_OPEN_TERMINAL = 'exec "$@" <>"$TERMINAL" >&0 2>&0'


class Terminal:
    """The app in a pty of ``columns`` x ``rows``. ``raw`` is every byte it ever wrote.

    ``prelude`` is Python that runs in the app's process first. ``command`` runs instead of the
    app. ``environ`` is on top of the test's own.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 120,
        rows: int = 40,
        prelude: str = "",
        command: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._primary, secondary = pty.openpty()
        self.before = termios.tcgetattr(secondary)
        self._secondary = secondary
        self._is_open = True
        self.resize(columns, rows)
        self.raw = b""
        self.process = subprocess.Popen(
            ["sh", "-c", _OPEN_TERMINAL, "sh", *(command or _tickertape(prelude)), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "TERMINAL": os.ttyname(secondary),
                **(environ or {}),
            },
        )

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the app is told."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._secondary, termios.TIOCSWINSZ, size)
        if process := getattr(self, "process", None):
            os.kill(process.pid, signal.SIGWINCH)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._primary, text.encode())

    def text(self, since: int = 0) -> str:
        """Everything written after byte ``since``, without escape sequences."""
        return _ESCAPES.sub("", self.raw[since:].decode("utf-8", "replace"))

    def wait_for(self, words: str, *, since: int = 0, timeout: float = 30) -> None:
        """Return when the words were written; fails the test when they are not."""
        end = time.monotonic() + timeout
        while words not in self.text(since):
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{words!r} never came; the screen had: {self.text()[-3000:]}")

    def settle(self, quiet: float = 0.5) -> None:
        """Return when nothing more was written for ``quiet`` seconds."""
        while self._read(quiet):
            pass

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._primary], [], [], timeout)
        if not ready:
            return False
        try:
            data = os.read(self._primary, 65536)
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def wait_exit(self, timeout: float = 20) -> int:
        """The exit status; what is still written is read meanwhile."""
        end = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.wait(timeout=1)

    def left_on(self) -> set[str]:
        """Modes of the screen, mouse and keyboard that were changed and not changed back."""
        changed: set[str] = set()
        for numbers, onoff, kitty in _MODE.findall(self.raw):
            for mode in numbers.decode().split(";") if numbers else ["kitty"]:
                is_on = onoff == b"h" if numbers else kitty == b">"
                (changed.add if is_on != (mode in _NORMALLY_ON) else changed.discard)(mode)
        return changed

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._primary)
        self._is_open = False

    def modes(self) -> list[object]:
        """The terminal's settings now, to compare with ``before``."""
        return termios.tcgetattr(self._secondary)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Give everything back."""
        if self.process.poll() is None:
            self.kill()
        if self._is_open:
            os.close(self._primary)
        os.close(self._secondary)


def _tickertape(prelude: str) -> list[str]:
    if not prelude:
        return [sys.executable, "-m", "tui"]
    return [sys.executable, "-c", f"{prelude}\nfrom tui.cli.main import main\nmain()"]


def workers_of(home: Path) -> list[str]:
    """Processes whose command line names this home; nothing should be left of them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(home) in command:
            found.append(command)
    return found
