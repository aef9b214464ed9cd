"""Who may write a thread: one process at a time, until it lets go, ends or is robbed of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import BusyError
from tui.core.models import ThreadId
from tui.store import journal
from tui.store.owners import is_alive, process_of
from tui.store.recovery import interrupt, let_go
from tui.store.transactions import reading, writing

_HOLDER = "SELECT owner FROM lease WHERE thread_id = ?"
_HELD = "SELECT thread_id FROM lease WHERE owner = ?"
_LEASE = """
INSERT INTO lease (thread_id, owner) VALUES (?1, ?2)
ON CONFLICT (thread_id) DO UPDATE SET owner = ?2
"""


class Leases:
    """The threads that this process holds. Belongs to the writer's thread.

    The table is the truth; what this process believes is kept beside it, to see when another
    process has taken a thread away.
    """

    def __init__(self, owners: Path, owner: str) -> None:
        self.owner = owner
        self._owners = owners
        self._believed: set[ThreadId] = set()

    def claim(self, connection: apsw.Connection, thread_id: ThreadId, *, force: bool) -> int:
        """Hold the thread; returns the seq of its last envelope, 0 when there is none.

        Raises BusyError while another living process holds it, unless ``force``.
        """
        with reading(connection):
            if journal.holds(connection, self.owner, thread_id):
                return journal.last_seq(connection, thread_id)
        with writing(connection):
            holder = _holder(connection, thread_id)
            if not force and is_alive(self._owners, holder):
                raise _busy(self._owners, holder)
            interrupt(connection, thread_id)
            let_go(connection, thread_id)
            connection.execute(_LEASE, (thread_id, self.owner))
            last = journal.last_seq(connection, thread_id)
        self._believed.add(thread_id)
        return last

    def release(self, connection: apsw.Connection, thread_id: ThreadId) -> None:
        """Let go, inside the caller's transaction; call ``forget`` when it is committed."""
        if journal.holds(connection, self.owner, thread_id):
            let_go(connection, thread_id)

    def forget(self, thread_id: ThreadId) -> bool:
        """Believe no longer to hold the thread; returns whether this is news."""
        known = thread_id in self._believed
        self._believed.discard(thread_id)
        return known

    def robbed(self, connection: apsw.Connection) -> list[ThreadId]:
        """The threads that are believed to be held and are not; each is named once."""
        if not self._believed:
            return []
        rows: Any = connection.execute(_HELD, (self.owner,)).fetchall()
        gone = self._believed - {thread_id for (thread_id,) in rows}
        self._believed -= gone
        return sorted(gone)

    def release_all(self, connection: apsw.Connection) -> None:
        """Let go of every thread, in one transaction."""
        with writing(connection):
            for thread_id in self._believed:
                self.release(connection, thread_id)
        self._believed.clear()


def _holder(connection: apsw.Connection, thread_id: ThreadId) -> str:
    row: Any = connection.execute(_HOLDER, (thread_id,)).fetchone()
    return "" if row is None else str(row[0])


def _busy(owners: Path, holder: str) -> BusyError:
    process = process_of(owners, holder)
    who = f"Another Tickertape (process {process})" if process else "Another Tickertape"
    return BusyError(
        f"{who} is writing in this thread.",
        hint="Wait until it is done, or take the thread over.",
    )
