"""Where crash reports are kept: small private files beside the log, the newest ten of them."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from tui.config.crash_text import crash_text
from tui.core.sanitise import sanitise

_KEPT = 10
_SAME_NAME = 100


class CrashReports:
    """Writes reports into ``directory`` (mode 0700; files ``crash-TIME-PID.txt``, 0600).

    ``redact`` takes keys out of a text. ``with_messages`` says whether the messages of exceptions
    may be written; it is asked when there is something to write.
    """

    def __init__(
        self,
        directory: Path,
        *,
        redact: Callable[[str], str],
        with_messages: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._redact = redact
        self._with_messages = with_messages

    def write(self, error: BaseException, *, where: str) -> Path | None:
        """The file that now says what happened, or None when it could not be written."""
        try:
            text = crash_text(error, where=where, with_messages=self._with_messages())
            path = self._store(self._redact(sanitise(text)))
            self._forget_old()
        except Exception:  # noqa: BLE001
            # Whatever is wrong with the report must not hide what it is about.
            return None
        return path

    def _store(self, text: str) -> Path:
        _make(self._directory)
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        for number in range(_SAME_NAME):
            extra = f"-{number}" if number else ""
            path = self._directory / f"crash-{moment}-{os.getpid()}{extra}.txt"
            with contextlib.suppress(FileExistsError), _create(path) as file:
                file.write(text)
                return path
        raise FileExistsError(path)

    def _forget_old(self) -> None:
        for path in sorted(self._directory.glob("crash-*.txt"))[:-_KEPT]:
            path.unlink(missing_ok=True)


class NativeWatch:
    """Lets native code that crashes, and a process that hangs, say where, in a file of its own.

    The file is there, empty, while the process runs. One that is not empty when its process is
    gone becomes a crash report at the next start.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"running-{os.getpid()}.txt"
        self._file: TextIO | None = None
        with contextlib.suppress(OSError):
            _make(directory)
            _adopt(directory)
            self._path.unlink(missing_ok=True)
            self._file = _create(self._path)
            faulthandler.enable(self._file)

    def dump(self) -> None:
        """Write down where every thread is."""
        if self._file is not None:
            faulthandler.dump_traceback(self._file)

    def close(self) -> None:
        """The process ends by itself; idempotent."""
        if self._file is None:
            return
        faulthandler.disable()
        self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            _settle(self._path)


def _make(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def _create(path: Path) -> TextIO:
    # No link that somebody left there is followed, and nothing is overwritten.
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _adopt(directory: Path) -> None:
    for path in directory.glob("running-*.txt"):
        pid = path.stem.partition("-")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            _settle(path)


def _settle(path: Path) -> None:
    """Remove an empty file; what is in another one is a report."""
    found = path.stat()
    if found.st_size == 0:
        path.unlink()
        return
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(found.st_mtime))
    pid = path.stem.partition("-")[2]
    path.rename(path.with_name(f"crash-{moment}-{pid}.txt"))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
