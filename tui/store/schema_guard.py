"""Keeps a program that is too old for the file from writing it, also when it got so meanwhile."""

from __future__ import annotations

import apsw

from tui.core.errors import StoreError

NEWER = "newer_schema"


class GuardedConnection(apsw.Connection):
    """A connection whose every transaction looks whether the schema is still a known one.

    ``known_version`` 0 means that nobody has said yet which ones are.
    """

    known_version = 0


def refuse_newer_schema(connection: apsw.Connection) -> None:
    """Raise StoreError if a newer program has migrated the file since it was opened.

    Called inside a transaction, so that no migration can come in between.
    """
    if not isinstance(connection, GuardedConnection) or not connection.known_version:
        return
    if int(connection.pragma("user_version")) > connection.known_version:
        raise StoreError(
            f"A newer Tickertape has changed the database {connection.filename} meanwhile.",
            hint="Quit this one and start the newer. Nothing more is saved here until then.",
            code=NEWER,
        )
