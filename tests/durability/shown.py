"""Processes that will be killed, watched: what each showed, and the moment it was seen."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.durability.home import ROOT, WORD, Home
from tui.core import codec
from tui.core.events import Envelope

_PATIENCE = 60.0
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_]|P.*?\x1b\\)")


@dataclass(frozen=True, slots=True)
class Sight:
    """A word that was shown, and when it was seen on the monotonic clock, in seconds."""

    word: str
    at: float


class Watched(ABC):
    """A process in a group of its own, read by a thread that notes when each piece arrived.

    ``envelopes`` are those that it printed, ``reports`` what else it told; an app tells neither.
    """

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self.process = process
        self.words: list[Sight] = []
        self.envelopes: list[tuple[Envelope, float]] = []
        self.reports: list[tuple[dict[str, Any], float]] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def wait(self, seen: Callable[[], bool], what: str) -> None:
        """Return when ``seen``. Raises AssertionError if the process ends before that."""
        with self._changed:
            self._changed.wait_for(lambda: seen() or self._ended, _PATIENCE)
            if not seen():
                raise AssertionError(f"{what} never came")

    def idle(self, seconds: float) -> None:
        """Let it go on for so long; less if it ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)

    def tell(self, report: dict[str, Any]) -> None:
        """Add a report that the process cannot make itself."""
        self.reports.append((report, time.monotonic()))

    def kill(self) -> float:
        """SIGKILL for the whole process group; returns when, on the monotonic clock."""
        at = time.monotonic()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._thread.join()
        self._close()
        return at

    def types(self) -> list[str]:
        """The types of the envelopes so far, as ``ask --json`` names them."""
        return [codec.EVENT_NAMES[type(envelope.event)] for envelope, _ in self.envelopes]

    def _loop(self) -> None:
        while piece := self._read():
            at = time.monotonic()
            with self._changed:
                self._take(piece, at)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @abstractmethod
    def _read(self) -> bytes:
        """The next piece; empty at the end."""

    @abstractmethod
    def _take(self, piece: bytes, at: float) -> None:
        """Note what the piece shows."""

    @abstractmethod
    def _close(self) -> None:
        """Give back what was read from."""


class Lines(Watched):
    """A process that prints JSON lines: ``ask --json``, or a victim of this directory."""

    def __init__(self, home: Home, arguments: Sequence[str]) -> None:
        self._texts: dict[str, str] = {}
        with (home.path / "stderr").open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=home.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        assert process.stdout is not None
        self._output = process.stdout
        super().__init__(process)

    def _read(self) -> bytes:
        return self._output.readline()

    def _close(self) -> None:
        self._output.close()

    def _take(self, piece: bytes, at: float) -> None:
        if not piece.endswith(b"\n"):
            return  # the kill came in the middle of it
        data = json.loads(piece)
        if "v" not in data:
            self.reports.append((data, at))
            return
        self.envelopes.append((codec.decode_envelope(data), at))
        if data["type"] in ("text_delta", "arguments_delta"):
            given = data["data"]
            self._grow(given["part_id"], given.get("text") or given.get("fragment"), at)

    def _grow(self, part: str, more: str, at: float) -> None:
        before = self._texts.get(part, "")
        self._texts[part] = before + more
        known = len(WORD.findall(before))
        self.words += [Sight(word, at) for word in WORD.findall(before + more)[known:]]


class Screen(Watched):
    """The app in a pty. A word counts as shown when its last byte has come out of the pty."""

    def __init__(self, home: Home, *, columns: int = 120, rows: int = 40) -> None:
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._raw = b""
        self._seen: set[str] = set()
        process = subprocess.Popen(
            [sys.executable, "-m", "tui"],
            cwd=ROOT,
            env=home.environment(),
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            start_new_session=True,
        )
        os.close(secondary)
        super().__init__(process)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._primary, text.encode())

    def text(self) -> str:
        """Everything written so far, without escape sequences."""
        return _ESCAPES.sub("", self._raw.decode("utf-8", "replace"))

    def wait_for(self, words: str) -> None:
        """Return when the words were written."""
        self.wait(lambda: words in self.text(), repr(words))

    def _read(self) -> bytes:
        try:
            return os.read(self._primary, 65536)
        except OSError:  # the last process on the other side has gone
            return b""

    def _close(self) -> None:
        os.close(self._primary)

    def _take(self, piece: bytes, at: float) -> None:
        # The end of what came before may be the beginning of a word.
        around = (self._raw[-8:] + piece).decode("utf-8", "replace")
        self._raw += piece
        for word in WORD.findall(around):
            if word not in self._seen:
                self._seen.add(word)
                self.words.append(Sight(word, at))
