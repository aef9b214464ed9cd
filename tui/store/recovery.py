"""After a crash or a take-over: what a process drove is marked interrupted; nothing is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tui.core.events import Envelope, RunInterrupted
from tui.core.models import RunId, ThreadId
from tui.store import journal, requests
from tui.store.owners import is_alive
from tui.store.transactions import writing

_INVOLVED = """
SELECT thread_id, driver FROM run WHERE now = 'active'
UNION SELECT thread_id, owner FROM lease
"""
_HOLDERS = "SELECT thread_id, owner FROM lease"
_ACTIVE = """
SELECT id FROM run INDEXED BY run_active WHERE thread_id = ? AND now = 'active' ORDER BY seq
"""
_LAST = """
SELECT t.last_seq, coalesce(j.at, r.started_at), coalesce(j.mono, r.started_mono)
FROM thread t JOIN run r ON r.thread_id = t.id
LEFT JOIN journal j ON j.thread_id = t.id AND j.run_id = r.id
WHERE t.id = ? AND r.id = ? ORDER BY j.seq DESC LIMIT 1
"""
_DROP_LEASE = "DELETE FROM lease WHERE thread_id = ?"
_UNSETTLED = """
SELECT r.thread_id, r.id FROM run r WHERE r.now = 'unsettled'
  AND r.seq = (SELECT max(seq) FROM run WHERE thread_id = r.thread_id)
ORDER BY r.thread_id
"""


def recover(connection: apsw.Connection, owners: Path, owner: str) -> list[RunId]:
    """Mark the runs of processes that are gone as interrupted; returns those runs.

    ``owner`` is this process.
    """
    interrupted: list[RunId] = []
    with writing(connection):
        for thread_id in orphaned(connection, owners, owner):
            interrupted += interrupt(connection, thread_id)
            if not journal.holds(connection, owner, thread_id):
                let_go(connection, thread_id)
    return interrupted


def orphaned(connection: apsw.Connection, owners: Path, owner: str) -> list[ThreadId]:
    """Threads of processes that are gone, unless another one has gone on with them already."""
    involved: Any = connection.execute(_INVOLVED).fetchall()
    alive = {name: is_alive(owners, name) for _, name in involved}
    holders: Any = connection.execute(_HOLDERS).fetchall()
    taken = {thread_id for thread_id, name in holders if name != owner and alive[name]}
    return sorted({thread_id for thread_id, name in involved if not alive[name]} - taken)


def interrupt(connection: apsw.Connection, thread_id: ThreadId) -> list[RunId]:
    """Nobody drives the thread's runs any more; returns them. Inside the caller's transaction."""
    rows: Any = connection.execute(_ACTIVE, (thread_id,)).fetchall()
    interrupted = [run_id for (run_id,) in rows]
    for run_id in interrupted:
        _interrupt(connection, thread_id, run_id)
    return interrupted


def let_go(connection: apsw.Connection, thread_id: ThreadId) -> None:
    """Whoever holds the thread holds it no longer, inside the caller's transaction."""
    requests.settle(connection, thread_id)
    connection.execute(_DROP_LEASE, (thread_id,))


def _interrupt(connection: apsw.Connection, thread_id: ThreadId, run_id: RunId) -> None:
    """Append RunInterrupted, stamped with the run's last sign of life.

    Its duration so stays true, and a thread does not move up in the library because someone
    looked at it a week later.
    """
    row: Any = connection.execute(_LAST, (thread_id, run_id)).fetchone()
    last_seq, at, mono = row
    envelope = Envelope(
        thread=thread_id,
        seq=last_seq + 1,
        at=at,
        mono=mono,
        run=run_id,
        event=RunInterrupted(),
    )
    journal.write(connection, thread_id, [envelope])


def read_unsettled(connection: apsw.Connection) -> list[tuple[ThreadId, RunId]]:
    """Interrupted runs that are to be settled at the next start, with their threads."""
    rows: Any = connection.execute(_UNSETTLED).fetchall()
    return [(thread_id, run_id) for thread_id, run_id in rows]
