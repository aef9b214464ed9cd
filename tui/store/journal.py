"""Writes envelopes into the journal and folds it into rows: when a run ends, or it gets long."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import apsw

from tui.core import codec
from tui.core import events as e
from tui.core.events import Envelope
from tui.core.models import JsonObject, RunId, ThreadId
from tui.core.transcript import Transcript
from tui.store.batch import insert_rows
from tui.store.deltas import merge_deltas
from tui.store.rows_read import read_rows, read_touched
from tui.store.rows_write import write_rows
from tui.store.transactions import undoable
from tui.store.values import decode_json, encode_json, encode_text

_log = logging.getLogger(__name__)

# Followers in other processes read what was folded for at least this long (seconds).
TRAIL = 60.0
_SWEEP_LIMIT = 20  # threads whose trail is cut in one go

# While a run goes on its envelopes gather; so many are folded at once, that no fold takes long.
FOLD_AT = 5_000

_HOLDS = "SELECT 1 FROM lease WHERE thread_id = ? AND owner = ?"
_LAST_SEQ = "SELECT last_seq FROM thread WHERE id = ?"
_NEW_THREAD = "INSERT OR IGNORE INTO thread (id) VALUES (?)"
_APPEND = """
INSERT INTO journal (thread_id, seq, at, mono, run_id, turn, wire, type, data_json)
VALUES {rows}
"""
_READ = """
SELECT seq, at, mono, run_id, turn, wire, type, data_json
FROM journal WHERE thread_id = ? AND seq > ? ORDER BY seq
"""
_FOLDED_SEQ = "SELECT folded_seq FROM thread WHERE id = ?"
# An envelope ends at every row, at the beginning, and where the trail was cut.
_IS_PLACE = """
SELECT 1 FROM thread t WHERE t.id = ?1 AND (
  ?2 IN (t.cleared_seq, t.last_seq)
  OR EXISTS (SELECT 1 FROM journal j WHERE j.thread_id = ?1 AND j.seq = ?2))
"""
_QUEUED = "DELETE FROM request WHERE thread_id = ? AND kind = 'queue' AND message_id = ?"
_ADVANCE = "UPDATE thread SET last_seq = ?, updated_at = max(updated_at, ?) WHERE id = ?"
_CHANGE = """
UPDATE thread SET title = coalesce(?, title), profile = coalesce(?, profile),
  model = coalesce(?, model)
WHERE id = ?
"""
_CREATED = "UPDATE thread SET created_at = ? WHERE id = ?"
_RUN_STARTED = """
INSERT OR IGNORE INTO run (thread_id, id, seq, owner, driver, now, state, parent_id, tail_id,
  profile, model, started_at, started_mono)
VALUES (?1, ?2, ?3, ?4, ?4, 'active', 'running', ?5, ?5, ?6, ?7, ?8, ?9)
"""
_RUN_RESUMED = """
UPDATE run SET now = 'active', driver = ?
WHERE thread_id = ? AND id = ? AND now IN ('interrupted', 'unsettled')
"""
_RUN_INTERRUPTED = "UPDATE run SET now = ? WHERE thread_id = ? AND id = ? AND now = 'active'"
_RUN_FINISHED = "UPDATE run SET now = 'finished' WHERE thread_id = ? AND id = ?"
_ACTIVE = "SELECT 1 FROM run WHERE thread_id = ? AND now = 'active' LIMIT 1"
_BEGIN_TRAIL = """
UPDATE thread SET trail_seq = folded_seq, trail_at = ? WHERE id = ? AND trail_at IS NULL
"""
# A clock that was set back makes a trail look as if it lay in the future.
_OLD_TRAILS = """
SELECT id FROM thread WHERE trail_at IS NOT NULL AND (trail_at < ?1 - ?2 OR trail_at > ?1) LIMIT ?3
"""
_CUT_TRAIL = """
DELETE FROM journal
WHERE thread_id = ?1 AND seq <= (SELECT trail_seq FROM thread WHERE id = ?1)
"""
_TRAIL_CUT = """
UPDATE thread SET cleared_seq = trail_seq, trail_seq = folded_seq,
  trail_at = iif(folded_seq > trail_seq, ?, NULL)
WHERE id = ?
"""


def append(
    connection: apsw.Connection, owner: str, thread_id: ThreadId, envelopes: Sequence[Envelope]
) -> bool:
    """Add to a thread's log, inside the caller's transaction, if ``owner`` holds its lease.

    Returns whether it does: a process that was frozen may find that another went on with the
    thread, or deleted it. Envelopes that are there already change nothing.
    """
    if not holds(connection, owner, thread_id):
        return False
    write(connection, thread_id, envelopes)
    return True


def holds(connection: apsw.Connection, owner: str, thread_id: ThreadId) -> bool:
    """Whether the process ``owner`` holds the thread's lease."""
    return connection.execute(_HOLDS, (thread_id, owner)).fetchone() is not None


def write(connection: apsw.Connection, thread_id: ThreadId, envelopes: Sequence[Envelope]) -> None:
    """Add to a thread's log, whoever holds it, inside the caller's transaction."""
    last = last_seq(connection, thread_id)
    fresh = _after(last, envelopes)
    if not fresh:
        return
    if last == 0:
        connection.execute(_NEW_THREAD, (thread_id,))
    merged = merge_deltas(fresh)
    insert_rows(connection, _APPEND, [_row(envelope) for envelope in merged])
    for envelope in merged:
        _note(connection, envelope)
    at = max((each.at for each in fresh if isinstance(each.event, e.ACTIVITY)), default=0.0)
    connection.execute(_ADVANCE, (fresh[-1].seq, at, thread_id))
    # By multiples: where rows cannot hold what is there, folding is not tried at every turn.
    much = last // FOLD_AT != fresh[-1].seq // FOLD_AT
    if much or connection.execute(_ACTIVE, (thread_id,)).fetchone() is None:
        fold(connection, thread_id)


def last_seq(connection: apsw.Connection, thread_id: ThreadId) -> int:
    """The seq of the thread's last envelope, 0 when there is no such thread."""
    row: Any = connection.execute(_LAST_SEQ, (thread_id,)).fetchone()
    return 0 if row is None else int(row[0])


def read_thread(connection: apsw.Connection, thread_id: ThreadId) -> Transcript | None:
    """The thread as of everything written, inside the caller's transaction."""
    transcript = read_rows(connection, thread_id)
    if transcript is not None:
        transcript.apply_all(_read(connection, thread_id, transcript.seq))
    return transcript


def read_tail(
    connection: apsw.Connection, thread_id: ThreadId, after: int
) -> list[Envelope] | None:
    """The envelopes behind ``after``, or None when ``after`` is no place in what is kept."""
    if connection.execute(_IS_PLACE, (thread_id, after)).fetchone() is None:
        return None
    return _read(connection, thread_id, after)


def fold(connection: apsw.Connection, thread_id: ThreadId) -> None:
    """Show in rows what the journal says, inside the caller's transaction; leave a trail.

    What rows cannot hold (an index beyond 64 bits, two parts of one id) stays in the journal:
    folding saves time and space, but a thread reads the same without it.
    """
    now = time.time()
    try:
        with undoable(connection):
            row: Any = connection.execute(_FOLDED_SEQ, (thread_id,)).fetchone()
            envelopes = _read(connection, thread_id, row[0])
            transcript = read_touched(connection, thread_id, envelopes)
            write_rows(connection, transcript.apply_all(envelopes))
            connection.execute(_BEGIN_TRAIL, (now, thread_id))
    except (ValueError, TypeError, OverflowError, RecursionError, apsw.ConstraintError):
        _log.exception("thread %s stays in the journal", thread_id)
    sweep(connection, now)


def sweep(connection: apsw.Connection, now: float) -> None:
    """Remove envelopes that were folded a while ago, inside the caller's transaction."""
    old: Any = connection.execute(_OLD_TRAILS, (now, TRAIL, _SWEEP_LIMIT)).fetchall()
    for (thread_id,) in old:
        connection.execute(_CUT_TRAIL, (thread_id,))
        connection.execute(_TRAIL_CUT, (now, thread_id))


def _read(connection: apsw.Connection, thread_id: ThreadId, after: int) -> list[Envelope]:
    rows: Any = connection.execute(_READ, (thread_id, after))
    return [
        Envelope(
            thread=thread_id,
            seq=seq,
            at=at,
            mono=mono,
            run=run,
            turn=turn,
            wire=wire,
            event=codec.decode_event(name, decode_json(JsonObject, data)),
        )
        for seq, at, mono, run, turn, wire, name, data in rows
    ]


def _after(last: int, envelopes: Sequence[Envelope]) -> list[Envelope]:
    """The envelopes that are new; seq only grows."""
    fresh: list[Envelope] = []
    for envelope in envelopes:
        if envelope.seq > last:
            fresh.append(envelope)
            last = envelope.seq
    return fresh


def _row(envelope: Envelope) -> tuple[Any, ...]:
    name, data = _encoded(envelope)
    return (
        envelope.thread,
        envelope.seq,
        envelope.at,
        envelope.mono,
        envelope.run,
        envelope.turn,
        envelope.wire,
        name,
        data,
    )


def _encoded(envelope: Envelope) -> tuple[str, str | bytes | None]:
    name = codec.EVENT_NAMES[type(envelope.event)]
    try:
        return name, encode_json(envelope.event)
    except (ValueError, TypeError, RecursionError):
        # One event that cannot be written must not hold up all that can.
        _log.exception("event %s of thread %s cannot be written", name, envelope.thread)
        return codec.EVENT_NAMES[e.UnknownEvent], encode_json(e.UnknownEvent(name=name))


def _note(connection: apsw.Connection, envelope: Envelope) -> None:
    """Keep what must be known before the fold: the thread's line in the library, who runs it.

    Title, profile and model may so be ahead of the other columns; the journal sets them again in
    order, which ends at the same values.
    """
    match envelope.event:
        case e.ThreadCreated() as created:
            connection.execute(_CREATED, (envelope.at, envelope.thread))
            _change(connection, envelope.thread, created)
        case e.ThreadChanged() as changed:
            _change(connection, envelope.thread, changed)
        case e.MessageQueued(message_id=message_id) | e.MessageAdded(message_id=message_id):
            # Whoever asked for it to be queued sees it in the log from now on.
            connection.execute(_QUEUED, (envelope.thread, encode_text(message_id)))
        case _ if envelope.run is not None:
            _note_run(connection, envelope, envelope.run)


def _change(
    connection: apsw.Connection, thread_id: ThreadId, event: e.ThreadCreated | e.ThreadChanged
) -> None:
    given = (event.title, event.profile, event.model)
    values = [None if each is None else encode_text(each) for each in given]
    connection.execute(_CHANGE, (*values, thread_id))


def _note_run(connection: apsw.Connection, envelope: Envelope, run_id: RunId) -> None:
    """What the run does as of this event: the reducer's own steps, in columns."""
    match envelope.event:
        case e.RunStarted() as event:
            bindings = (
                envelope.thread,
                run_id,
                envelope.seq,
                event.owner,
                encode_text(event.parent_id),
                encode_text(event.profile),
                encode_text(event.model),
                envelope.at,
                envelope.mono,
            )
            connection.execute(_RUN_STARTED, bindings)
        case e.RunResumed(owner=owner):
            connection.execute(_RUN_RESUMED, (owner, envelope.thread, run_id))
        case e.RunInterrupted(settle=settle):
            now = "unsettled" if settle else "interrupted"
            connection.execute(_RUN_INTERRUPTED, (now, envelope.thread, run_id))
        case e.RunFinished():
            connection.execute(_RUN_FINISHED, (envelope.thread, run_id))
        case _:
            pass
