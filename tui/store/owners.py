"""Which processes are alive: each holds a lock file for its life, and its runs carry its name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import uuid
from pathlib import Path

from tui.store.connection import make_private_directory

_NAME = re.compile(r"[0-9a-f]{32}")


class Owner:
    """This process, as others see it in ``directory``. Raises OSError when it cannot be written.

    A lock (``flock``) ends with its process whatever ends it, so nothing has to be cleaned up
    after a crash to know that it happened.
    """

    def __init__(self, directory: Path, role: str = "") -> None:
        """``role`` says what the process is (``app``, ``ask``), beside its number in the file."""
        make_private_directory(directory)
        self.name = uuid.uuid4().hex
        self._path = _path(directory, self.name)
        self._descriptor: int | None = self._lock()
        with contextlib.suppress(OSError):  # on a full disk it stays anonymous
            os.write(self._descriptor, f"{os.getpid()} {role}\n".encode())

    def _lock(self) -> int:
        while True:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Someone may have taken it for a stale one and removed it between the two calls.
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            os.close(descriptor)

    def release(self) -> None:
        """Let others see that this process is done; idempotent."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def is_alive(directory: Path, name: str) -> bool:
    """Whether the process of that name still runs. An empty or foreign name belongs to no one."""
    if not _NAME.fullmatch(name):
        return False
    return not _free(_path(directory, name), remove=False)


def process_of(directory: Path, name: str) -> int | None:
    """The number of the process of that name, if its lock file says so."""
    if not _NAME.fullmatch(name):
        return None
    try:
        number, _, _ = _path(directory, name).read_text(encoding="utf-8").partition(" ")
        return int(number)
    except (OSError, ValueError):
        return None


def remove_stale(directory: Path) -> None:
    """Remove the lock files of processes that are gone."""
    for path in directory.glob("*.lock"):
        if _NAME.fullmatch(path.stem):
            _free(path, remove=True)


def _path(directory: Path, name: str) -> Path:
    return directory / f"{name}.lock"


def _free(path: Path, *, remove: bool) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        # Shared, so that two processes that ask at once do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if remove:
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)
