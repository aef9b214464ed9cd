"""What belongs to threads but not to their logs: summaries, raw events, drafts, deletion."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw

from tui.core.models import RunId, ThreadId, ThreadSummary, WireEvent
from tui.store.batch import insert_rows
from tui.store.owners import is_alive
from tui.store.transactions import writing
from tui.store.values import decode_text, encode_text

# Messages that a run is still writing are in the journal only; SQLite takes a BLOB for JSON of its
# own kind, and each of those is a message too.
_SUMMARIES = """
SELECT t.id, t.title, t.profile, t.created_at, t.updated_at, t.last_seq > t.read_seq,
  (SELECT count(*) FROM message m WHERE m.thread_id = t.id)
  + (SELECT count(DISTINCT
       iif(typeof(j.data_json) = 'text', j.data_json ->> 'message_id', j.seq))
     FROM journal j
     WHERE j.thread_id = t.id AND j.seq > t.folded_seq
       AND j.type IN ('message_added', 'message_started')),
  (SELECT r.now FROM run r WHERE r.thread_id = t.id ORDER BY r.seq DESC LIMIT 1)
FROM thread t ORDER BY t.updated_at DESC, t.id LIMIT ?
"""
_ACTIVE = "SELECT thread_id, driver FROM run WHERE now = 'active'"
# Events of a run whose thread is held elsewhere by now, or was deleted, are not kept.
_APPEND_WIRE = """
WITH fresh (run_id, idx, at, mono, name, data) AS (VALUES {rows})
INSERT OR IGNORE INTO wire_event (run_id, idx, at, mono, name, data)
SELECT * FROM fresh WHERE EXISTS (
  SELECT 1 FROM run r JOIN lease l ON l.thread_id = r.thread_id
  WHERE r.id = fresh.run_id AND l.owner = ?)
"""
_WIRE = """
SELECT idx, at, mono, name, data FROM wire_event WHERE run_id = ? AND idx > ? ORDER BY idx
"""
_DRAFT = "SELECT text FROM draft WHERE key = ?"
_SAVE_DRAFT = """
INSERT INTO draft (key, text) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET text = ?2
"""
_DROP_DRAFT = "DELETE FROM draft WHERE key = ?"
_MARK_READ = "UPDATE thread SET read_seq = max(read_seq, ?) WHERE id = ?"
_DROP_WIRE = "DELETE FROM wire_event WHERE run_id IN (SELECT id FROM run WHERE thread_id = ?)"
_DROP_LEASE = "DELETE FROM lease WHERE thread_id = ?"
_DROP_REQUESTS = "DELETE FROM request WHERE thread_id = ?"
_DROP_THREAD = "DELETE FROM thread WHERE id = ?"


def read_summaries(
    connection: apsw.Connection, owners: Path, owner: str, limit: int | None
) -> list[ThreadSummary]:
    """The newest threads first. A run counts only while the process that drives it lives."""
    drivers = _living_drivers(connection, owners)
    rows: Any = connection.execute(_SUMMARIES, (-1 if limit is None else limit,))
    return [
        ThreadSummary(
            id=thread_id,
            title=decode_text(title),
            profile=decode_text(profile),
            created_at=created_at,
            updated_at=updated_at,
            messages=messages,
            running=thread_id in drivers,
            elsewhere=drivers.get(thread_id, owner) != owner,
            # A run whose process is gone is interrupted, whether that was written down or not.
            interrupted=latest not in (None, "finished") and thread_id not in drivers,
            unread=bool(unread),
        )
        for thread_id, title, profile, created_at, updated_at, unread, messages, latest in rows
    ]


def _living_drivers(connection: apsw.Connection, owners: Path) -> dict[ThreadId, str]:
    """Which process drives which thread."""
    active: list[Any] = connection.execute(_ACTIVE).fetchall()
    alive = {driver: is_alive(owners, driver) for driver in {driver for _, driver in active}}
    return {thread_id: driver for thread_id, driver in active if alive[driver]}


def read_wire(connection: apsw.Connection, run_id: RunId, after: int) -> list[WireEvent]:
    """The raw events of a run whose index is above ``after``, in order."""
    rows: Any = connection.execute(_WIRE, (run_id, after))
    return [
        WireEvent(
            run_id=run_id,
            index=index,
            at=at,
            mono=mono,
            name=decode_text(name),
            data=decode_text(data),
        )
        for index, at, mono, name, data in rows
    ]


def append_wire(connection: apsw.Connection, owner: str, events: Iterable[WireEvent]) -> None:
    """Keep raw events of threads that ``owner`` holds, inside the caller's transaction."""
    rows = [
        (
            event.run_id,
            event.index,
            event.at,
            event.mono,
            encode_text(event.name),
            encode_text(event.data),
        )
        for event in events
    ]
    insert_rows(connection, _APPEND_WIRE, rows, (owner,))


def read_draft(connection: apsw.Connection, key: str) -> str:
    """The text, or an empty one."""
    row: Any = connection.execute(_DRAFT, (key,)).fetchone()
    return "" if row is None else decode_text(row[0])


def write_draft(connection: apsw.Connection, key: str, text: str) -> None:
    """Keep the text; an empty one removes it."""
    with writing(connection):
        if text:
            connection.execute(_SAVE_DRAFT, (key, encode_text(text)))
        else:
            connection.execute(_DROP_DRAFT, (key,))


def mark_read(connection: apsw.Connection, thread_id: ThreadId, seq: int) -> None:
    """Move the mark forward; it never goes back."""
    with writing(connection):
        connection.execute(_MARK_READ, (seq, thread_id))


def delete_thread(connection: apsw.Connection, thread_id: ThreadId) -> bool:
    """Remove all of a thread; false if there was none. Its bytes are overwritten in the file."""
    with writing(connection):
        connection.execute(_DROP_WIRE, (thread_id,))
        connection.execute(_DROP_DRAFT, (thread_id,))
        connection.execute(_DROP_LEASE, (thread_id,))
        connection.execute(_DROP_REQUESTS, (thread_id,))
        connection.execute(_DROP_THREAD, (thread_id,))
        return connection.changes() > 0
