"""Transactions that survive SQLite ending them itself, as it does on a full disk or an I/O error.

apsw's own ``with connection`` then fails to roll back and hides what really went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from tui.store.schema_guard import refuse_newer_schema


@contextmanager
def writing(connection: apsw.Connection) -> Iterator[None]:
    """One write, whole or not at all. It waits for its lock at the start and so never later.

    A transaction that reads first and writes then fails at once when another process has written
    in between, whatever the time-out (BUSY_SNAPSHOT).
    """
    with _transaction(connection, "BEGIN IMMEDIATE"):
        refuse_newer_schema(connection)
        yield


@contextmanager
def reading(connection: apsw.Connection) -> Iterator[None]:
    """Several reads that see the same moment."""
    with _transaction(connection, "BEGIN"):
        refuse_newer_schema(connection)
        yield


@contextmanager
def undoable(connection: apsw.Connection) -> Iterator[None]:
    """A step within a transaction that is taken back when it fails."""
    connection.execute("SAVEPOINT step")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO step")
            connection.execute("RELEASE step")
        raise
    connection.execute("RELEASE step")


@contextmanager
def _transaction(connection: apsw.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
