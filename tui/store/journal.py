"""Writes envelopes into the journal and folds it into rows when no run of the thread is active."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import dropwhile

import apsw

from tui.core import codec
from tui.core import events as e
from tui.core.events import Envelope
from tui.core.models import JsonObject, RunState, ThreadId
from tui.core.transcript import Transcript
from tui.store.deltas import merge_deltas
from tui.store.rows_read import read_rows, read_touched
from tui.store.rows_write import write_rows
from tui.store.transactions import undoable
from tui.store.values import decode_json, encode_json, encode_text

_log = logging.getLogger(__name__)

_LAST_SEQ = "SELECT last_seq FROM thread WHERE id = ?"
_NEW_THREAD = "INSERT INTO thread (id) VALUES (?)"
_APPEND = """
INSERT INTO journal (thread_id, seq, at, mono, run_id, turn, wire, type, data_json)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_READ = """
SELECT seq, at, mono, run_id, turn, wire, type, data_json
FROM journal WHERE thread_id = ? ORDER BY seq
"""
_ADVANCE = "UPDATE thread SET last_seq = ?, updated_at = max(updated_at, ?) WHERE id = ?"
_CHANGE = """
UPDATE thread SET title = coalesce(?, title), profile = coalesce(?, profile) WHERE id = ?
"""
_CREATED = "UPDATE thread SET created_at = ? WHERE id = ?"
_RUN_STARTED = """
INSERT OR IGNORE INTO run (thread_id, id, seq, owner, state, parent_id, tail_id, profile, model,
  started_at, started_mono)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10)
"""
_RUN_ENDED = "UPDATE run SET state = ? WHERE thread_id = ? AND id = ?"
_ACTIVE = """
SELECT 1 FROM run WHERE thread_id = ? AND state IN ('running', 'waiting', 'cancelling') LIMIT 1
"""
_CLEAR = "DELETE FROM journal WHERE thread_id = ?"


def append(
    connection: apsw.Connection, thread_id: ThreadId, envelopes: Sequence[Envelope], written: int
) -> int:
    """Add to a thread's log, inside the caller's transaction.

    ``written`` is the last seq that this process itself has written to the thread: anything up to
    it is there already. A seq that someone else has taken meanwhile gets the next free one, so
    that nothing is lost. The thread begins with ThreadCreated (or seq 1); what comes late for a
    thread that was deleted is dropped. Returns the new ``written``.
    """
    row = connection.execute(_LAST_SEQ, (thread_id,)).fetchone()
    if row is None:
        envelopes = list(dropwhile(lambda each: not _begins(each), envelopes))
        if not envelopes:
            _log.debug("dropped envelopes of thread %s, which does not exist", thread_id)
            return 0
        connection.execute(_NEW_THREAD, (thread_id,))
        last = written = 0
    else:
        last = int(row[0])
    envelopes = _after(envelopes, written)
    for envelope in merge_deltas(envelopes):
        last = envelope.seq if envelope.seq > last else last + 1
        _append_one(connection, envelope, last)
    if not envelopes:
        return written
    at = max((each.at for each in envelopes if isinstance(each.event, e.ACTIVITY)), default=0.0)
    connection.execute(_ADVANCE, (last, at, thread_id))
    if connection.execute(_ACTIVE, (thread_id,)).fetchone() is None:
        fold(connection, thread_id)
    return max(written, envelopes[-1].seq)


def read_thread(connection: apsw.Connection, thread_id: ThreadId) -> Transcript | None:
    """The thread as of everything written, inside the caller's transaction."""
    transcript = read_rows(connection, thread_id)
    if transcript is not None:
        transcript.apply_all(read_journal(connection, thread_id))
        row = connection.execute(_LAST_SEQ, (thread_id,)).fetchone()
        transcript.seq = transcript.seq if row is None else int(row[0])
    return transcript


def read_journal(connection: apsw.Connection, thread_id: ThreadId) -> list[Envelope]:
    """The envelopes of a thread that are not folded into rows yet, in order."""
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
        for seq, at, mono, run, turn, wire, name, data in connection.execute(_READ, (thread_id,))
    ]


def fold(connection: apsw.Connection, thread_id: ThreadId) -> None:
    """Move the journal of a thread into its rows, inside the caller's transaction.

    What rows cannot hold (an index beyond 64 bits, two parts of one id) stays in the journal:
    folding saves time and space, but a thread reads the same without it.
    """
    try:
        with undoable(connection):
            envelopes = read_journal(connection, thread_id)
            transcript = read_touched(connection, thread_id, envelopes)
            write_rows(connection, transcript.apply_all(envelopes))
            connection.execute(_CLEAR, (thread_id,))
    except (ValueError, TypeError, OverflowError, RecursionError, apsw.ConstraintError):
        _log.exception("thread %s stays in the journal", thread_id)


def _after(envelopes: Sequence[Envelope], written: int) -> list[Envelope]:
    fresh: list[Envelope] = []
    for envelope in envelopes:
        if envelope.seq > written:
            fresh.append(envelope)
            written = envelope.seq
    return fresh


def _begins(envelope: Envelope) -> bool:
    return envelope.seq == 1 or isinstance(envelope.event, e.ThreadCreated)


def _append_one(connection: apsw.Connection, envelope: Envelope, seq: int) -> None:
    name, data = _encoded(envelope)
    connection.execute(
        _APPEND,
        (
            envelope.thread,
            seq,
            envelope.at,
            envelope.mono,
            envelope.run,
            envelope.turn,
            envelope.wire,
            name,
            data,
        ),
    )
    _note(connection, envelope, seq)


def _encoded(envelope: Envelope) -> tuple[str, str | bytes | None]:
    name = codec.EVENT_NAMES[type(envelope.event)]
    try:
        return name, encode_json(envelope.event)
    except (ValueError, TypeError, RecursionError):
        # One event that cannot be written must not hold up all that can.
        _log.exception("event %s of thread %s cannot be written", name, envelope.thread)
        return codec.EVENT_NAMES[e.UnknownEvent], encode_json(e.UnknownEvent(name=name))


def _note(connection: apsw.Connection, envelope: Envelope, seq: int) -> None:
    """Keep what must be known before the fold: the thread's line in the library, active runs.

    Title and profile may so be ahead of the other columns; the journal sets them again in order,
    which ends at the same values.
    """
    match envelope.event:
        case e.ThreadCreated(title=title, profile=profile):
            connection.execute(_CREATED, (envelope.at, envelope.thread))
            bindings = (encode_text(title), encode_text(profile), envelope.thread)
            connection.execute(_CHANGE, bindings)
        case e.ThreadChanged(title=new_title, profile=new_profile):
            changed = [
                None if each is None else encode_text(each) for each in (new_title, new_profile)
            ]
            connection.execute(_CHANGE, (*changed, envelope.thread))
        case e.RunStarted():
            _note_run(connection, envelope, envelope.event, seq)
        case e.RunFinished():
            _note_end(connection, envelope, RunState.FINISHED)
        case e.RunInterrupted():
            _note_end(connection, envelope, RunState.INTERRUPTED)
        case _:
            pass


def _note_run(
    connection: apsw.Connection, envelope: Envelope, event: e.RunStarted, seq: int
) -> None:
    if envelope.run is None:
        return
    connection.execute(
        _RUN_STARTED,
        (
            envelope.thread,
            envelope.run,
            seq,
            event.owner,
            RunState.RUNNING.value,
            encode_text(event.parent_id),
            encode_text(event.profile),
            encode_text(event.model),
            envelope.at,
            envelope.mono,
        ),
    )


def _note_end(connection: apsw.Connection, envelope: Envelope, state: RunState) -> None:
    if envelope.run is not None:
        connection.execute(_RUN_ENDED, (state.value, envelope.thread, envelope.run))
