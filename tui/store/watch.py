"""Tells a listener what others write into the store, and how writing goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import apsw

from tui.core.models import Problem, ThreadId
from tui.core.ports import StoreListener
from tui.store.leases import Leases

_log = logging.getLogger(__name__)

INTERVAL = 0.2
"""Seconds between two looks while others write; they are seen within this and the writing."""
LULL_INTERVAL = 0.4
"""Seconds between two looks when nothing was seen for a while: each look costs a wake-up."""
_LULL = 10.0


class Watch:
    """Belongs to the writer's thread, and uses its connection. Idle without a listener."""

    def __init__(self, connection: apsw.Connection, leases: Leases) -> None:
        self.listener: StoreListener | None = None
        self._connection = connection
        self._leases = leases
        self._version = self._data_version()
        self._next = self._seen = 0.0
        self._problem: Problem | None = None

    def due(self) -> float | None:
        """When to look next, in seconds on the monotonic clock; None: no one wants to know."""
        return None if self.listener is None else self._next

    def look(self) -> None:
        """See whether another process wrote something; says so at most once an interval."""
        now = time.monotonic()
        if self.listener is None or now < self._next:
            return
        self._next = now + (INTERVAL if now - self._seen < _LULL else LULL_INTERVAL)
        try:
            version = self._data_version()
            if version == self._version:
                return
            robbed = self._leases.robbed(self._connection)
        except apsw.Error:
            _log.debug("could not look for changes", exc_info=True)
            return
        self._version, self._seen = version, now
        for thread_id in robbed:
            self._tell_lost(thread_id)
        self._tell(lambda listener: listener.changed())

    def tell_lost(self, threads: Iterable[ThreadId]) -> None:
        """What was appended to these threads was refused."""
        for thread_id in threads:
            if self._leases.forget(thread_id):
                self._tell_lost(thread_id)
            else:
                _log.debug("dropped envelopes of thread %s, which is not held", thread_id)

    def tell_trouble(self, problem: Problem | None) -> None:
        """Why nothing can be written, or None; says so when that changes."""
        if problem != self._problem and self.listener is not None:
            self._problem = problem
            self._tell(lambda listener: listener.troubled(problem))

    def _tell_lost(self, thread_id: ThreadId) -> None:
        _log.warning("another process has taken thread %s over", thread_id)
        self._tell(lambda listener: listener.lost(thread_id))

    def _tell(self, news: Callable[[StoreListener], None]) -> None:
        if self.listener is None:
            return
        try:
            news(self.listener)
        except Exception:  # noqa: BLE001
            # A listener that fails (its loop has ended, say) must not end the writing.
            _log.exception("the store's listener failed")

    def _data_version(self) -> int:
        return int(self._connection.pragma("data_version"))
