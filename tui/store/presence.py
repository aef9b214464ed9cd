"""Who has the store open: everyone shares a lock file; what replaces the file wants it alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from tui.core.errors import BusyError
from tui.store.connection import make_private_directory
from tui.store.failures import store_error
from tui.store.owners import is_alive

PATIENCE = 10.0
_PAUSE = 0.02


class Presence:
    """This process among those that have the database at ``path`` open.

    The lock (``flock``) ends with its process whatever ends it. Raises BusyError when another
    process replaces the file for longer than ``PATIENCE`` seconds, StoreError without access.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            make_private_directory(path.parent)
            name = path.with_name(path.name + ".lock")
            self._descriptor: int | None = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise store_error(error, path) from error
        if not self._take(fcntl.LOCK_SH, PATIENCE):
            self.release()
            raise BusyError(
                f"Another Tickertape is repairing or restoring {path}.",
                hint="Wait until it is done, then try again.",
            )

    def alone(self, patience: float | None = None) -> None:
        """Keep everyone else away from now on. Raises BusyError that says who is in the way.

        For a moment nobody is held off, so what was seen before has to be looked at again.
        """
        self._lock(fcntl.LOCK_UN)
        if not self._take(fcntl.LOCK_EX, PATIENCE if patience is None else patience):
            self._take(fcntl.LOCK_SH, PATIENCE)
            raise BusyError(
                f"{others(self._path)} is using {self._path}.",
                hint="Quit it, then try again.",
            )
        if living(self._path):  # of a version that knows no lock file
            self.share()
            raise BusyError(
                f"{others(self._path)} is using {self._path}.",
                hint="Quit it, then try again.",
            )

    def share(self) -> None:
        """Let others in again."""
        self._lock(fcntl.LOCK_SH)

    def release(self) -> None:
        """This process is done with the store; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, kind: int, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while not _tried(lambda: self._lock(kind | fcntl.LOCK_NB)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def _lock(self, kind: int) -> None:
        assert self._descriptor is not None
        fcntl.flock(self._descriptor, kind)


def others(path: Path) -> str:
    """The living processes that have announced themselves beside ``path``, as a subject."""
    numbers = [f"process {each}" for each in living(path) if each]
    return f"Another Tickertape ({', '.join(numbers)})" if numbers else "Another Tickertape"


def living(path: Path) -> list[str]:
    """The process numbers of those that hold an owner's lock beside ``path``; "" if unknown.

    Raises StoreError when that cannot be seen.
    """
    found = []
    try:
        for lock in sorted((path.parent / "owners").glob("*.lock")):
            if is_alive(lock.parent, lock.stem):
                with contextlib.suppress(FileNotFoundError):
                    found.append(lock.read_text(errors="replace").partition(" ")[0].strip())
    except OSError as error:
        raise store_error(error, path) from error
    return [each if each.isdecimal() else "" for each in found]


def _tried(lock: Callable[[], None]) -> bool:
    try:
        lock()
    except BlockingIOError:
        return False
    return True
