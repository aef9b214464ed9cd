"""Numbers about a store, and making it as small as it can be."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import NotFoundError
from tui.store.compaction import compact_slice, empty_log, vacuum_slice
from tui.store.connection import BUSY_MS, THREADS, open_as_it_is, open_database
from tui.store.failures import store_error
from tui.store.presence import Presence
from tui.store.transactions import reading

_LOG_WAIT_MS = 2_000
# Between two slices, so that others who want to write get their turn.
_PAUSE = 0.005

_COUNTS = """
SELECT (SELECT count(*) FROM thread), (SELECT count(*) FROM message), (SELECT count(*) FROM run),
  (SELECT count(*) FROM wire_event), (SELECT count(*) FROM journal)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """Sizes are in bytes. ``free`` is what the file could shrink by."""

    path: str
    schema: int
    threads: int
    messages: int
    runs: int
    wire_events: int
    journal: int
    size: int
    log_size: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """File and log together, in bytes. ``log_emptied`` is false while others read from the log."""

    before: int
    after: int
    log_emptied: bool


def read_stats(path: Path) -> StoreStats:
    """Raises NotFoundError when there is no database, StoreError when it cannot be read."""
    _expect(path)
    presence = Presence(path)
    try:
        with closing(open_as_it_is(path)) as connection, reading(connection):
            counts: Any = connection.execute(_COUNTS).fetchone()
            threads, messages, runs, wire_events, journal = counts
            return StoreStats(
                path=str(path),
                schema=int(connection.pragma("user_version")),
                threads=threads,
                messages=messages,
                runs=runs,
                wire_events=wire_events,
                journal=journal,
                size=path.stat().st_size,
                log_size=_log_size(path),
                free=int(connection.pragma("freelist_count")) * int(connection.pragma("page_size")),
            )
    except (apsw.Error, OSError) as error:
        raise store_error(error, path) from error
    finally:
        presence.release()


def compact(path: Path, keep_wire_runs: int) -> Shrunk:
    """Remove old raw events now, give back free pages, empty the log; others may write meanwhile.

    Raises NotFoundError when there is no database, StoreError when it cannot be written.
    """
    _expect(path)
    presence = Presence(path)
    try:
        before = path.stat().st_size + _log_size(path)
        with closing(open_database(path, THREADS)) as connection:
            while compact_slice(connection, keep_wire_runs) or vacuum_slice(connection, keep=0):
                time.sleep(_PAUSE)
            emptied = empty_log(connection, _LOG_WAIT_MS, BUSY_MS)
        return Shrunk(
            before=before, after=path.stat().st_size + _log_size(path), log_emptied=emptied
        )
    except (apsw.Error, OSError) as error:
        raise store_error(error, path) from error
    finally:
        presence.release()


def _expect(path: Path) -> None:
    if not path.exists():
        raise NotFoundError(f"There is no database yet: {path}.")


def _log_size(path: Path) -> int:
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0
