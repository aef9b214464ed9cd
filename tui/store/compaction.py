"""Takes out of the file what is not kept: raw events of old runs, free pages, the log's old pages.

Everything here comes in slices, so that nobody who writes waits for long.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import apsw

from tui.core.models import RunId
from tui.store.transactions import writing

# A slice stops after so many seconds; with its commit it stays below 50 ms.
SLICE = 0.02
_EVENTS = 64
_PAGES = 32
_AGAIN = 0.005

# Raw events of old runs: the newest runs are those that began last, whatever their clocks said.
_OLDEST_KEPT = "SELECT rowid FROM run ORDER BY rowid DESC LIMIT 1 OFFSET ?"
# Steps from one run's events to the next in the key, so it costs as much as there are such runs.
_WITH_EVENTS = """
WITH RECURSIVE held (id) AS (
  SELECT min(run_id) FROM wire_event
  UNION ALL
  SELECT (SELECT min(run_id) FROM wire_event WHERE run_id > held.id) FROM held
  WHERE held.id IS NOT NULL)
SELECT run.rowid, run.id FROM held JOIN run ON run.id = held.id
WHERE run.now = 'finished' AND run.rowid < ? ORDER BY run.rowid
"""
_PIECE = """
SELECT count(*), total(bytes), max(idx) FROM (
  SELECT idx, octet_length(name) + octet_length(data) AS bytes FROM wire_event
  WHERE run_id = ? ORDER BY idx LIMIT ?)
"""
_DROP = "DELETE FROM wire_event WHERE run_id = ? AND idx <= ?"
_COUNT = "UPDATE run SET wire_events = wire_events + ?, wire_bytes = wire_bytes + ? WHERE rowid = ?"
_COMPACTED = "SELECT wire_events, wire_bytes FROM run WHERE id = ? AND wire_events > 0"
_NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """How many raw events of a run are not kept any longer, and how many bytes they had."""

    events: int
    size: int


def read_compacted(connection: apsw.Connection, run_id: RunId) -> Compacted | None:
    """What was compacted of the run, or None."""
    row: Any = connection.execute(_COMPACTED, (run_id,)).fetchone()
    return None if row is None else Compacted(events=row[0], size=row[1])


def compact_slice(connection: apsw.Connection, keep: int) -> bool:
    """Remove raw events of finished runs beyond the newest ``keep``; whether there may be more.

    Number and size stay with the run.
    """
    runs = _compactable(connection, keep)
    if not runs:
        return False
    deadline = time.monotonic() + SLICE
    with writing(connection):
        while runs and time.monotonic() < deadline:
            if not _drop_piece(connection, *runs[0]):
                runs.popleft()
    return bool(runs)


def vacuum_slice(connection: apsw.Connection, keep: int) -> bool:
    """Give free pages beyond ``keep`` back to the file system; whether there may be more."""
    deadline = time.monotonic() + SLICE
    free = int(connection.pragma("freelist_count"))
    if free <= keep:
        return False
    with writing(connection):
        while free > keep and time.monotonic() < deadline:
            # A pragma works as it is stepped through.
            connection.execute(f"PRAGMA incremental_vacuum({min(_PAGES, free - keep)})").fetchall()
            left = int(connection.pragma("freelist_count"))
            if left == free:
                return False
            free = left
    return free > keep


def empty_log(connection: apsw.Connection, wait_ms: int, usual_ms: int) -> bool:
    """Take old copies of pages out of the write-ahead log; false while a reader needs them."""
    deadline = time.monotonic() + wait_ms / 1000
    connection.set_busy_timeout(wait_ms)
    try:
        while not _truncate_log(connection):
            if time.monotonic() >= deadline:
                return False
            # SQLite waits for those who read or write, not for another who does just this.
            time.sleep(_AGAIN)
    finally:
        connection.set_busy_timeout(usual_ms)
    return True


def _truncate_log(connection: apsw.Connection) -> bool:
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return False
    return True


def _compactable(connection: apsw.Connection, keep: int) -> deque[tuple[int, RunId]]:
    oldest: Any = (_NO_LIMIT,)
    if keep > 0:
        oldest = connection.execute(_OLDEST_KEPT, (keep - 1,)).fetchone()
    if oldest is None:
        return deque()
    found: Any = connection.execute(_WITH_EVENTS, oldest).fetchall()
    return deque(found)


def _drop_piece(connection: apsw.Connection, row: int, run_id: RunId) -> bool:
    found: Any = connection.execute(_PIECE, (run_id, _EVENTS)).fetchone()
    events, size, last = found
    if not events:
        return False
    connection.execute(_DROP, (run_id, last))
    connection.execute(_COUNT, (events, int(size), row))
    return True
