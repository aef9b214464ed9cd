"""Looks for damage when a database is opened: all of it if need be, otherwise what is quick."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import StoreError
from tui.store.failures import damaged, store_error

# A start may cost so many seconds of looking; a small database is seen whole in that time.
BUDGET = 0.03
_STEPS = 2_000


def check_quickly(connection: apsw.Connection, path: Path) -> None:
    """Raise StoreError (code DAMAGED) for what is seen to be damaged.

    Everything is looked at after damage was suspected (see ``suspect``) and after a process has
    died without closing the store, since the machine may have died with it.
    """
    thorough = _mark(path).exists() or _crashed(path)
    try:
        problem = _first_problem(connection, None if thorough else BUDGET)
    except apsw.Error as error:
        raise store_error(error, path) from error
    if problem:
        raise damaged(path)
    if thorough:
        _mark(path).unlink(missing_ok=True)


def lost_its_file(path: Path) -> bool:
    """Whether there is a log with nothing to apply it to; SQLite would delete it."""
    log = path.with_name(path.name + "-wal")
    # In this order: a new database has its first page before it has a log. A single byte is what
    # SQLite itself puts into an empty file.
    written = log.exists() and log.stat().st_size > 0
    return written and not (path.exists() and path.stat().st_size > 1)


def suspect(path: Path) -> None:
    """Have the next start look at everything."""
    with contextlib.suppress(OSError):
        _mark(path).touch(mode=0o600)


def note_if_damaged(error: StoreError, path: Path) -> None:
    """``suspect`` if that is what the error says."""
    if error.code == damaged(path).code:
        suspect(path)


def forget_suspicion(path: Path) -> None:
    """The file was replaced."""
    _mark(path).unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _crashed(path: Path) -> bool:
    return any((path.parent / "owners").glob("*.lock"))


def _first_problem(connection: apsw.Connection, budget: float | None) -> str | None:
    deadline = None if budget is None else time.monotonic() + budget
    if deadline is not None:
        connection.set_progress_handler(lambda: time.monotonic() >= deadline, _STEPS)
    try:
        row: Any = connection.execute("PRAGMA quick_check(1)").fetchone()
    except apsw.InterruptError:
        return None  # as far as it was seen
    finally:
        connection.set_progress_handler(None)
    return None if row == ("ok",) else str(row[0])
