"""What SQLite and the file system complain about, as a sentence and a hint for the user."""

from __future__ import annotations

from pathlib import Path

import apsw

from tui.core.errors import StoreError

_READ_ONLY = (
    "The database cannot be written: {path} is read-only.",
    "Check the permissions of the file and its directory, or set TICKERTAPE_HOME to another place.",
)
DAMAGED = "damaged"

_SENTENCES: dict[type[apsw.Error], tuple[str, str]] = {
    apsw.FullError: (
        "The disk is full, so {path} cannot take more.",
        "Free some space; what is not saved yet is kept in memory and tried again.",
    ),
    apsw.ReadOnlyError: _READ_ONLY,
    apsw.PermissionsError: _READ_ONLY,
    apsw.CantOpenError: (
        "The database cannot be opened: {path}.",
        "Check that its directory exists and can be written, or set TICKERTAPE_HOME elsewhere.",
    ),
    apsw.BusyError: (
        "Another program holds the database for too long: {path}.",
        "Close other programs that use it, then try again.",
    ),
    apsw.IOError: (
        "The disk reported an error while {path} was read or written.",
        "Check the disk, its free space and your quota; what is not saved yet is tried again.",
    ),
}


def damaged(path: Path) -> StoreError:
    """The database ``path`` is not what SQLite has written."""
    return StoreError(
        f"The database is damaged: {path}.",
        hint="Run `tickertape store check`. The next start saves what can be read into a new one.",
        code=DAMAGED,
    )


def store_error(error: Exception, path: Path) -> StoreError:
    """A failure of SQLite or the file system as a StoreError about the database ``path``.

    Its code is DAMAGED when the file is.
    """
    if isinstance(error, StoreError):
        return error
    if isinstance(error, apsw.CorruptError):
        return damaged(path)
    if isinstance(error, apsw.NotADBError):
        return StoreError(
            f"This file is not a Tickertape database: {path}.",
            hint="Move it away, or set TICKERTAPE_HOME to another place.",
            code=DAMAGED,
        )
    for kind, (message, hint) in _SENTENCES.items():
        if isinstance(error, kind):
            return StoreError(message.format(path=path), hint=hint)
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return StoreError(
            f"{error.filename or path} cannot be used: {reason}.",
            hint="Check its permissions, or set TICKERTAPE_HOME to another place.",
        )
    # Constraint and similar messages of SQLite name tables and columns, never values.
    return StoreError(f"The database {path} reported: {error}.", hint="The log has the details.")
