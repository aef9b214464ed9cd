"""What the writer's thread does in passing: compaction after runs, clean logs after deletions."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import StoreError
from tui.store.compaction import compact_slice, empty_log, vacuum_slice
from tui.store.connection import BUSY_MS
from tui.store.failures import store_error
from tui.store.soundness import note_if_damaged
from tui.store.transactions import writing

_log = logging.getLogger(__name__)

# So many free pages (of 4 KiB) stay in the file: it neither grows nor shrinks all the time.
FREE_PAGES = 256

_WAIT_MS = 50
_SOON = 0.5
_RETRY = 1.0
_LATER = 60.0

_NOTE = "INSERT OR IGNORE INTO meta (name, value) VALUES ('purge', 1)"
_NOTED = "SELECT 1 FROM meta WHERE name = 'purge'"
_DONE = "DELETE FROM meta WHERE name = 'purge'"


class Housekeeping:
    """All of it happens on the writer's thread, one slice a ``look``, when that has nothing to do.

    ``keep`` is for how many runs raw events are kept. Trouble here is logged, never raised: it
    can wait, and what is written for the reader says it too.
    """

    def __init__(self, connection: apsw.Connection, path: Path, keep: int) -> None:
        self._connection = connection
        self._path = path
        self._keep = keep
        self._compacting = True  # another process may have left something to do
        self._purging = False
        self._due = time.monotonic() + _RETRY

    def due(self) -> float:
        """When to look next, on the monotonic clock."""
        return self._due

    def run_ended(self) -> None:
        """There may be raw events to compact."""
        self._compacting = True
        self._due = min(self._due, time.monotonic() + _SOON)

    def thread_deleted(self) -> None:
        """Take what was deleted out of the log, now or as soon as every reader has moved on."""
        self._compacting = True  # its pages are free now
        self._due = min(self._due, time.monotonic() + _SOON)
        try:
            self._purging = not self._empty_log()
            if self._purging:
                with writing(self._connection):
                    self._connection.execute(_NOTE)  # whoever stays longest does it
        except (apsw.Error, StoreError):
            _log.warning("the log could not be emptied yet", exc_info=True)
            self._purging = True

    def look(self) -> None:
        """Do a slice of what is due."""
        if time.monotonic() < self._due:
            return
        try:
            wait = self._slice()
        except apsw.BusyError:
            wait = _RETRY
        except (apsw.Error, StoreError) as error:
            _log.warning("housekeeping has to wait", exc_info=True)
            note_if_damaged(store_error(error, self._path), self._path)
            wait = _LATER
        self._due = time.monotonic() + wait

    def finish(self) -> None:
        """One last slice: a process that ends with its only run never gets to another."""
        if self._compacting:
            self._due = 0.0
            self.look()

    def _slice(self) -> float:
        """Returns how long the rest can wait."""
        self._connection.set_busy_timeout(_WAIT_MS)
        try:
            if self._compacting:
                self._compacting = self._compact()
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
        if self._compacting:
            return 0.0
        self._purging = self._purging or self._is_noted()
        if self._purging:
            self._purging = not self._empty_log()
        return _SOON if self._purging else _LATER

    def _compact(self) -> bool:
        return compact_slice(self._connection, self._keep) or vacuum_slice(
            self._connection, FREE_PAGES
        )

    def _is_noted(self) -> bool:
        noted: Any = self._connection.execute(_NOTED).fetchone()
        return noted is not None

    def _empty_log(self) -> bool:
        if not empty_log(self._connection, _WAIT_MS, BUSY_MS):
            return False
        if self._is_noted():
            with writing(self._connection):
                self._connection.execute(_DONE)
        return True
