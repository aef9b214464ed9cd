"""Ends what a damaged database shows as running: whoever drove it cannot go on in the new one."""

from __future__ import annotations

import apsw

from tui.core.models import ThreadId
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.store import journal, recovery
from tui.store.values import encode_text

# The row of a run whose start is still in the journal may be lost.
_ROW = """
INSERT OR IGNORE INTO run (thread_id, id, seq, owner, state, parent_id, tail_id, profile, model,
  started_at, started_mono)
VALUES (?1, ?2, coalesce((SELECT min(seq) FROM journal WHERE thread_id = ?1 AND run_id = ?2),
    (SELECT last_seq FROM thread WHERE id = ?1)), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
"""
_OPEN_ROW = """
SELECT 1 FROM run WHERE thread_id = ?
  AND (now = 'active' OR state IN ('running', 'waiting', 'cancelling'))
"""
_ACTIVATE = "UPDATE run SET now = 'active' WHERE thread_id = ? AND id = ?"
# "now" follows what the rows show, where they show everything.
_FOLLOW = """
UPDATE run SET now = CASE WHEN state != 'interrupted' THEN 'finished'
    WHEN settle THEN 'unsettled' ELSE 'interrupted' END
WHERE thread_id IN (SELECT id FROM thread WHERE folded_seq = last_seq)
"""
_NONE_ACTIVE = "UPDATE run SET now = 'interrupted' WHERE now = 'active'"


def settle_runs(connection: apsw.Connection) -> None:
    """Interrupt every run that is not finished, inside the caller's transaction.

    All threads must be readable.
    """
    threads = [str(thread_id) for (thread_id,) in connection.execute("SELECT id FROM thread")]
    for thread_id in threads:
        transcript = _read(connection, thread_id)
        if transcript.active_run() or connection.execute(_OPEN_ROW, (thread_id,)).fetchone():
            _interrupt(connection, transcript)
    connection.execute(_FOLLOW)
    connection.execute(_NONE_ACTIVE)


def _interrupt(connection: apsw.Connection, transcript: Transcript) -> None:
    thread_id = transcript.thread_id
    for run in transcript.runs.values():
        _insert(connection, thread_id, run)
    journal.fold(connection, thread_id)  # shows the runs whose start is lost from the journal
    for run in _read(connection, thread_id).runs.values():
        if run.active:
            connection.execute(_ACTIVATE, (thread_id, run.id))
    recovery.interrupt(connection, thread_id)


def _read(connection: apsw.Connection, thread_id: ThreadId) -> Transcript:
    return journal.read_thread(connection, thread_id) or Transcript(thread_id)


def _insert(connection: apsw.Connection, thread_id: ThreadId, run: Run) -> None:
    connection.execute(
        _ROW,
        (
            thread_id,
            run.id,
            run.owner,
            run.state.value,
            encode_text(run.parent_id),
            encode_text(run.tail_id),
            encode_text(run.profile),
            encode_text(run.model),
            run.started_at,
            run.started_mono,
        ),
    )
