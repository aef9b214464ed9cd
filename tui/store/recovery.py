"""After a crash: runs whose process is gone are marked interrupted; nothing is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tui.core.events import Envelope, RunInterrupted
from tui.core.models import RunId, ThreadId
from tui.store import journal
from tui.store.owners import is_alive
from tui.store.transactions import writing

_ACTIVE = """
SELECT thread_id, id, owner FROM run WHERE state IN ('running', 'waiting', 'cancelling')
ORDER BY thread_id, seq
"""
_LAST = """
SELECT t.last_seq, coalesce(j.at, r.started_at), coalesce(j.mono, r.started_mono)
FROM thread t JOIN run r ON r.thread_id = t.id
LEFT JOIN journal j ON j.thread_id = t.id AND j.run_id = r.id
WHERE t.id = ? AND r.id = ? ORDER BY j.seq DESC LIMIT 1
"""


def interrupt_orphans(connection: apsw.Connection, owners: Path) -> list[RunId]:
    """Append RunInterrupted to every active run whose owner is gone; returns those runs.

    The stamp is the run's last sign of life: its duration stays true, and a thread does not move
    up in the library because someone looked at it a week later.
    """
    interrupted: list[RunId] = []
    with writing(connection):
        rows: Any = connection.execute(_ACTIVE).fetchall()
        alive = {owner: is_alive(owners, owner) for owner in {row[2] for row in rows}}
        for thread_id, run_id, owner in rows:
            if not alive[owner]:
                _interrupt(connection, thread_id, run_id)
                interrupted.append(run_id)
    return interrupted


def _interrupt(connection: apsw.Connection, thread_id: ThreadId, run_id: RunId) -> None:
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
    journal.append(connection, thread_id, [envelope], written=last_seq)
