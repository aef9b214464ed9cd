"""The one thread that writes: collects what is appended, writes it in time, retries, reports."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import apsw

from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import ThreadId, WireEvent
from tui.core.ports import StoreListener
from tui.store import journal, library
from tui.store.failures import store_error
from tui.store.housekeeping import Housekeeping
from tui.store.leases import Leases
from tui.store.soundness import note_if_damaged
from tui.store.transactions import writing
from tui.store.watch import Watch
from tui.store.work import Item, Job, LogItem, Release, ends_run, is_urgent

_log = logging.getLogger(__name__)

T = TypeVar("T")

# Deltas must be on disk 250 ms after they were shown; this leaves the rest for the writing.
INTERVAL = 0.1
_RETRY_INTERVAL = 1.0

_TOUCH = """
INSERT INTO meta (name, value) VALUES ('synced_at', ?1)
ON CONFLICT (name) DO UPDATE SET value = ?1
"""


class Writer:
    """Owns the writing connection and its thread. ``append`` and ``submit`` never block.

    Everything happens in the order in which it was given. What cannot be written is kept and
    tried again: with the next thing that is urgent, and every second. What belongs to a thread
    that another process has taken over is dropped.
    """

    def __init__(
        self, connection: apsw.Connection, path: Path, leases: Leases, keep_wire_runs: int
    ) -> None:
        self._connection = connection
        self._path = path
        self._leases = leases
        self._watch = Watch(connection, leases)
        self._housekeeping = Housekeeping(connection, path, keep_wire_runs)
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._due: float | None = None
        self._urgent = False
        self._closing = False
        self._unsynced = False
        self._failure: StoreError | None = None
        # A daemon, so that an interpreter that exits without close() does not wait for it.
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    # --- any thread -----------------------------------------------------------------------------

    def append(self, items: Sequence[LogItem]) -> None:
        """Queue items of the log. Raises StoreError after close()."""
        urgent = any(isinstance(item, Release) or is_urgent(item) for item in items)
        self._put(items, urgent=urgent)

    def listen(self, listener: StoreListener) -> None:
        """Tell ``listener`` what happens besides what is appended here, from this thread."""
        with self._changed:
            self._watch.listener = listener
            self._changed.notify()

    def submit(self, work: Callable[[apsw.Connection], T], *, durable: bool = False) -> Future[T]:
        """Queue work behind everything queued so far. The future raises StoreError."""
        job = Job(work, durable)
        self._put((job,), urgent=True)
        return job.result

    def flush(self) -> Future[None]:
        """Everything queued so far is written, so that readers see it."""
        return self.submit(lambda _: None)

    def sync(self) -> Future[None]:
        """Everything queued so far is on the disk."""
        return self.submit(self._sync, durable=True)

    def forget(self, work: Callable[[apsw.Connection], bool]) -> Future[bool]:
        """Like ``submit`` for work that deletes: what it removes leaves the disk, log included."""

        def done(connection: apsw.Connection) -> bool:
            deleted = work(connection)
            if deleted:
                self._housekeeping.thread_deleted()
            return deleted

        return self.submit(done, durable=True)

    def close(self) -> None:
        """Write what is queued, end the thread, close the connection; idempotent.

        Raises StoreError if something could not be written.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._connection.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _put(self, items: Sequence[Item], *, urgent: bool) -> None:
        if not items:
            return
        with self._changed:
            if self._closing:
                raise StoreError("The store is closed.")
            self._queue.extend(items)
            if self._due is None:
                self._due = time.monotonic() + INTERVAL
            elif not urgent:
                return  # the writer is waiting for that moment already
            self._urgent = self._urgent or urgent
            self._changed.notify()

    # --- the writer's thread --------------------------------------------------------------------

    def _loop(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._work(batch)
            if self._closing and self._failure is not None:
                return  # the disk refuses the last of it too; close() says so
            self._watch.look()
            if not batch:
                self._housekeeping.look()
        self._housekeeping.finish()
        self._let_go()

    def _next_batch(self) -> list[Item] | None:
        """What to write now; waits for it. Empty: it is time to look around. None: the end."""
        with self._changed:
            while not self._must_write() and (patience := self._patience()) > 0:
                self._changed.wait(patience)
            if self._closing and not self._queue:
                return None
            if not self._must_write():
                return []
            batch = list(self._queue)
            self._queue.clear()
            self._due, self._urgent = None, False
            return batch

    def _must_write(self) -> bool:
        due = self._due is not None and time.monotonic() >= self._due
        return self._closing or self._urgent or due

    def _patience(self) -> float:
        """Seconds until something is due."""
        moments = (self._due, self._watch.due(), self._housekeeping.due())
        return min(each for each in moments if each is not None) - time.monotonic()

    def _work(self, batch: list[Item]) -> None:
        while batch:
            jobs = (place for place, item in enumerate(batch) if isinstance(item, Job))
            end = next(jobs, len(batch))
            log = [item for item in batch[:end] if not isinstance(item, Job)]
            job = batch[end] if end < len(batch) else None
            durable = self._closing or (isinstance(job, Job) and job.durable)
            try:
                self._write(log, durable=durable or any(map(is_urgent, log)))
            except Exception as error:  # noqa: BLE001
                # Whatever it was, the thread must live and the log must be kept.
                # Once: it may go on like this every second for hours.
                level = logging.DEBUG if self._failure is not None else logging.ERROR
                _log.log(level, "the store could not write; it will try again", exc_info=True)
                self._keep(batch, store_error(error, self._path))
                return
            if isinstance(job, Job):
                self._run(job)
            batch = batch[end + 1 :]

    def _keep(self, batch: list[Item], failure: StoreError) -> None:
        """Put the log back in its place, and tell those who wait."""
        note_if_damaged(failure, self._path)
        with self._changed:
            self._failure = failure
            kept = [item for item in batch if not isinstance(item, Job)]
            if kept:
                self._queue.extendleft(reversed(kept))
                self._due = time.monotonic() + _RETRY_INTERVAL
        for item in batch:
            if isinstance(item, Job):
                item.fail(failure)
        if kept:
            self._watch.tell_trouble(failure.problem)

    def _write(self, log: list[LogItem], *, durable: bool) -> None:
        self._set_durable(durable)
        if log:
            with writing(self._connection):
                refused = self._write_log(log)
            self._unsynced = not durable
            self._watch.tell_lost(refused)
            if any(map(ends_run, log)):
                self._housekeeping.run_ended()
            for item in log:
                if isinstance(item, Release):
                    self._leases.forget(item.thread_id)
        self._failure = None
        self._watch.tell_trouble(None)

    def _write_log(self, log: list[LogItem]) -> list[ThreadId]:
        """Returns the threads that are not this process's to write."""
        threads: dict[ThreadId, list[Envelope]] = {}
        wire: list[WireEvent] = []
        for item in log:
            if isinstance(item, Envelope):
                threads.setdefault(item.thread, []).append(item)
            elif isinstance(item, WireEvent):
                wire.append(item)
        owner = self._leases.owner
        refused = [
            thread_id
            for thread_id, envelopes in threads.items()
            if not journal.append(self._connection, owner, thread_id, envelopes)
        ]
        library.append_wire(self._connection, owner, wire)
        for item in log:
            if isinstance(item, Release):
                self._leases.release(self._connection, item.thread_id)
        return refused

    def _run(self, job: Job[Any]) -> None:
        before = self._connection.total_changes()
        job.run(self._connection, self._path)
        if not job.durable and self._connection.total_changes() != before:
            self._unsynced = True

    def _sync(self, connection: apsw.Connection) -> None:
        # A commit with synchronous=FULL syncs the log file, and so everything before it.
        if self._unsynced:
            with writing(connection):
                connection.execute(_TOUCH, (time.time(),))
            self._unsynced = False

    def _let_go(self) -> None:
        try:
            self._leases.release_all(self._connection)
        except (apsw.Error, StoreError):
            # Leases are worth nothing without this process, so others take them over.
            _log.warning("leases could not be given back", exc_info=True)

    def _set_durable(self, durable: bool) -> None:
        self._connection.pragma("synchronous", "FULL" if durable else "NORMAL")
