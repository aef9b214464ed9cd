"""The state of ``tickertape serve``: JSON documents in a SQLite file that one process holds."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import BusyError, NotFoundError, StoreError
from tui.core.models import JsonObject
from tui.core.ports import ObjectKind, Page
from tui.store.connection import SERVER, make_private_directory, open_database
from tui.store.failures import DAMAGED, store_error
from tui.store.transactions import writing
from tui.store.values import encode_text

_PUT = """
INSERT INTO object (kind, id, parent, body_json) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (kind, id) DO UPDATE SET body_json = ?4
"""
_GET = "SELECT body_json FROM object WHERE kind = ? AND id = ?"
_PLACE = "SELECT position FROM object WHERE kind = ? AND id = ? AND parent = ?"
_ASCENDING = """
SELECT body_json FROM object
WHERE kind = ? AND parent = ? AND position > ? AND position < ? ORDER BY position
"""
_DESCENDING = _ASCENDING + " DESC"
_DROP_STEPS = """
DELETE FROM object WHERE kind = 'step' AND parent IN (
  SELECT id FROM object WHERE kind = 'run' AND parent = ?)
"""
_DROP_CHILDREN = "DELETE FROM object WHERE kind = ? AND parent = ?"
_DROP = "DELETE FROM object WHERE kind = ? AND id = ?"

_LAST_POSITION = 2**63 - 1


class SqliteAssistantStore:
    """An AssistantStore for one process and, within it, one thread at a time."""

    def __init__(self, path: Path, connection: apsw.Connection, lock: int) -> None:
        """Takes connection and lock over; ``open`` is the usual way in."""
        self._path = path
        self._connection = connection
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> SqliteAssistantStore:
        """Open or create the database.

        Raises BusyError when another process has it open, StoreError when it cannot be used.
        """
        lock = _lock(path)
        try:
            return cls(path, open_database(path, SERVER), lock)
        except BaseException:
            os.close(lock)
            raise

    def put(self, kind: ObjectKind, parent: str, body: JsonObject) -> None:
        text = json.dumps(body, separators=(",", ":"))
        with self._reported(), writing(self._connection):
            self._connection.execute(_PUT, (kind, body["id"], parent, text))

    def get(self, kind: ObjectKind, object_id: str) -> JsonObject | None:
        with self._reported():
            row: Any = self._connection.execute(_GET, (kind, encode_text(object_id))).fetchone()
        return None if row is None else json.loads(row[0])

    def page(
        self, kind: ObjectKind, parent: str, page: Page, match: JsonObject | None = None
    ) -> tuple[list[JsonObject], bool]:
        low, high = self._between(kind, parent, page)
        # The page before a cursor is the one next to it, so it is collected from its end.
        backwards = page.before is not None and page.after is None
        sql = _DESCENDING if page.descending != backwards else _ASCENDING
        found: list[JsonObject] = []
        more = False
        bindings = (kind, encode_text(parent), low, high)
        with self._reported(), contextlib.closing(self._connection.cursor()) as cursor:
            rows: Any = cursor.execute(sql, bindings)
            for (text,) in rows:
                body: JsonObject = json.loads(text)
                if match and any(body.get(name) != value for name, value in match.items()):
                    continue
                if len(found) == page.limit:
                    more = True
                    break
                found.append(body)
        return found[::-1] if backwards else found, more

    def delete(self, kind: ObjectKind, object_id: str) -> bool:
        target = encode_text(object_id)
        with self._reported(), writing(self._connection):
            if kind == "thread":
                self._connection.execute(_DROP_STEPS, (target,))
                self._connection.execute(_DROP_CHILDREN, ("message", target))
                self._connection.execute(_DROP_CHILDREN, ("run", target))
            elif kind == "run":
                self._connection.execute(_DROP_CHILDREN, ("step", target))
            self._connection.execute(_DROP, (kind, target))
            dropped = self._connection.changes()
        return dropped > 0

    def close(self) -> None:
        """Give back file and lock; idempotent."""
        if self._lock is not None:
            self._connection.close()
            os.close(self._lock)
            self._lock = None

    def _between(self, kind: ObjectKind, parent: str, page: Page) -> tuple[int, int]:
        """The positions between which the page lies, both exclusive."""
        after = None if page.after is None else self._place(kind, parent, page.after)
        before = None if page.before is None else self._place(kind, parent, page.before)
        low, high = (before, after) if page.descending else (after, before)
        return 0 if low is None else low, _LAST_POSITION if high is None else high

    def _place(self, kind: ObjectKind, parent: str, cursor: str) -> int:
        with self._reported():
            bindings = (kind, encode_text(cursor), encode_text(parent))
            row: Any = self._connection.execute(_PLACE, bindings).fetchone()
        if row is None:
            raise NotFoundError(f"No {kind} found with id '{cursor}'.")
        return int(row[0])

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _reported(error, self._path) from error


def _reported(error: apsw.Error, path: Path) -> StoreError:
    failure = store_error(error, path)
    if failure.code != DAMAGED:
        return failure
    hint = "Stop `tickertape serve` and move the file away; it then begins a new one."
    return StoreError(failure.message, hint=hint, code=DAMAGED)


def _lock(path: Path) -> int:
    """A descriptor whose ``flock`` says that this process uses the database."""
    try:
        make_private_directory(path.parent)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise store_error(error, path) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise BusyError(
            f"Another `tickertape serve` is using {path}.",
            hint="Stop it, keep this one's state in memory (--memory), or set TICKERTAPE_HOME.",
        ) from None
    return lock
