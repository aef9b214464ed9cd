"""What processes ask of the one that holds a thread: left in the store, taken once, never lost."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import apsw

from tui.core import codec
from tui.core.events import Envelope, MessageQueued
from tui.core.models import JsonObject, ThreadId
from tui.core.ports import Request
from tui.store import journal
from tui.store.owners import is_alive
from tui.store.transactions import writing
from tui.store.values import decode_json, encode_json, encode_text

_log = logging.getLogger(__name__)

_THREAD_OF = "SELECT thread_id FROM run WHERE id = ?"
_HOLDER = "SELECT owner FROM lease WHERE thread_id = ?"
_POST = """
INSERT INTO request (thread_id, kind, run_id, message_id, data_json, at) VALUES (?, ?, ?, ?, ?, ?)
"""
_MINE = """
SELECT r.id, r.thread_id, r.kind, r.run_id, r.data_json
FROM request r JOIN lease l ON l.thread_id = r.thread_id WHERE l.owner = ? ORDER BY r.id
"""
_TAKEN = "DELETE FROM request WHERE id = ?"
_QUEUED = "SELECT data_json, at FROM request WHERE thread_id = ? AND kind = 'queue' ORDER BY id"
_CLEAR = "DELETE FROM request WHERE thread_id = ?"


def post(connection: apsw.Connection, owners: Path, owner: str, request: Request) -> bool:
    """Leave it for the holder; false, and nothing left, when no other living process is that.

    ``owner`` is this process.
    """
    with writing(connection):
        thread_id = request.thread_id or _first(connection, _THREAD_OF, request.run_id)
        holder = _first(connection, _HOLDER, thread_id)
        if holder == owner or not is_alive(owners, holder):
            return False
        message_id = request.data.get("message_id") if request.kind == "queue" else None
        bindings = (
            thread_id,
            request.kind,
            request.run_id,
            None if message_id is None else encode_text(message_id),
            encode_json(request.data),
            time.time(),
        )
        connection.execute(_POST, bindings)
        return True


def _first(connection: apsw.Connection, sql: str, key: str) -> str:
    row: Any = connection.execute(sql, (key,)).fetchone()
    return "" if row is None else str(row[0])


class Inbox:
    """The requests for one process, each handed out once. Belongs to the writer's thread."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._taken: set[int] = set()

    def take(self, connection: apsw.Connection) -> list[Request]:
        """Those that came since, in order.

        One that queues a message stays on disk until the message is in the log, so that it
        survives a crash in between; the others mean nothing without the process they were for.
        """
        rows: Any = connection.execute(_MINE, (self._owner,)).fetchall()
        fresh = [row for row in rows if row[0] not in self._taken]
        done = [(row[0],) for row in fresh if row[2] != "queue"]
        if done:
            with writing(connection):
                connection.executemany(_TAKEN, done)
        self._taken = {row[0] for row in rows}
        return [
            Request(
                thread_id=thread_id,
                kind=kind,
                run_id=run_id,
                data=decode_json(JsonObject, data),
            )
            for _, thread_id, kind, run_id, data in fresh
        ]


def settle(connection: apsw.Connection, thread_id: ThreadId) -> None:
    """The holder is gone: messages it was given are queued in the log, the rest is dropped.

    Inside the caller's transaction.
    """
    rows: Any = connection.execute(_QUEUED, (thread_id,)).fetchall()
    for data, at in rows:
        try:
            event = codec.decode(MessageQueued, decode_json(JsonObject, data))
        except (ValueError, TypeError, KeyError):
            # It must not keep its thread, and so all of this process, from being written.
            _log.exception("a request for thread %s cannot be read", thread_id)
            continue
        seq = journal.last_seq(connection, thread_id) + 1
        envelope = Envelope(thread=thread_id, seq=seq, at=at, mono=time.monotonic(), event=event)
        journal.write(connection, thread_id, [envelope])
    connection.execute(_CLEAR, (thread_id,))
