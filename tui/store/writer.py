"""The one thread that writes: collects what is appended, writes it in time, retries, reports."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import apsw

from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import ThreadId, WireEvent
from tui.store import journal
from tui.store.failures import store_error
from tui.store.transactions import writing
from tui.store.values import encode_text

_log = logging.getLogger(__name__)

T = TypeVar("T")
LogItem: TypeAlias = Envelope | WireEvent

# Deltas must be on disk 250 ms after they were shown; this leaves the rest for the writing.
INTERVAL = 0.15
_RETRY_INTERVAL = 1.0

# Written at once, and synced: what a person did, and what must not happen twice.
_URGENT = (
    e.MessageAdded,
    e.ApprovalDecided,
    e.ToolStarted,
    e.RunStarted,
    e.RunFinished,
    e.RunInterrupted,
)

# Events of a run that the store does not have (it was deleted meanwhile) are not kept.
_APPEND_WIRE = """
INSERT OR IGNORE INTO wire_event (run_id, idx, at, mono, name, data)
SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM run WHERE id = ?1)
"""
_TOUCH = """
INSERT INTO meta (name, value) VALUES ('synced_at', ?1)
ON CONFLICT (name) DO UPDATE SET value = ?1
"""


@dataclass(slots=True)
class _Job(Generic[T]):
    """Work on the writing connection, in its turn. ``durable``: what went before is synced."""

    work: Callable[[apsw.Connection], T]
    durable: bool = False
    result: Future[T] = field(default_factory=Future)

    def run(self, connection: apsw.Connection, path: Path) -> None:
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            value = self.work(connection)
        except (apsw.Error, OSError) as error:
            self.result.set_exception(store_error(error, path))
        except Exception as error:  # noqa: BLE001
            # It belongs to whoever waits; the writer's thread goes on.
            _log.exception("the store could not do its work")
            self.result.set_exception(error)
        else:
            self.result.set_result(value)

    def fail(self, error: StoreError) -> None:
        if self.result.set_running_or_notify_cancel():
            self.result.set_exception(error)


_Item: TypeAlias = Envelope | WireEvent | _Job[Any]


class Writer:
    """Owns the writing connection and its thread. ``append`` and ``submit`` never block.

    Everything happens in the order in which it was given. What cannot be written is kept and
    tried again: with the next thing that is urgent, and every second.
    """

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._due: float | None = None
        self._urgent = False
        self._closing = False
        self._unsynced = False
        self._failure: StoreError | None = None
        self._written: dict[ThreadId, int] = {}
        # A daemon, so that an interpreter that exits without close() does not wait for it.
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    # --- any thread -----------------------------------------------------------------------------

    def append(self, items: Sequence[LogItem]) -> None:
        """Queue items of the log. Raises StoreError after close()."""
        urgent = any(map(_is_urgent, items))
        self._put(items, urgent=urgent)

    def submit(self, work: Callable[[apsw.Connection], T], *, durable: bool = False) -> Future[T]:
        """Queue work behind everything queued so far. The future raises StoreError."""
        job = _Job(work, durable)
        self._put((job,), urgent=True)
        return job.result

    def flush(self) -> Future[None]:
        """Everything queued so far is written, so that readers see it."""
        return self.submit(lambda _: None)

    def sync(self) -> Future[None]:
        """Everything queued so far is on the disk."""
        return self.submit(self._sync, durable=True)

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

    def _put(self, items: Sequence[_Item], *, urgent: bool) -> None:
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
        while batch := self._next_batch():
            self._work(batch)
            if self._closing and self._failure is not None:
                return  # the disk refuses the last of it too; close() says so

    def _next_batch(self) -> list[_Item]:
        """What to write now; waits for it. Empty when the store closes."""
        with self._changed:
            while not (self._closing or self._urgent or self._is_due()):
                self._changed.wait(self._patience())
            batch = list(self._queue)
            self._queue.clear()
            self._due, self._urgent = None, False
            return batch

    def _is_due(self) -> bool:
        return self._due is not None and time.monotonic() >= self._due

    def _patience(self) -> float | None:
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def _work(self, batch: list[_Item]) -> None:
        while batch:
            jobs = (place for place, item in enumerate(batch) if isinstance(item, _Job))
            end = next(jobs, len(batch))
            log = [item for item in batch[:end] if not isinstance(item, _Job)]
            job = batch[end] if end < len(batch) else None
            durable = self._closing or (isinstance(job, _Job) and job.durable)
            try:
                self._write(log, durable=durable or any(map(_is_urgent, log)))
            except Exception as error:  # noqa: BLE001
                # Whatever it was, the thread must live and the log must be kept.
                _log.exception("the store could not write; it will try again")
                self._keep(batch, store_error(error, self._path))
                return
            if isinstance(job, _Job):
                self._run(job)
            batch = batch[end + 1 :]

    def _keep(self, batch: list[_Item], failure: StoreError) -> None:
        """Put the log back in its place, and tell those who wait."""
        with self._changed:
            self._failure = failure
            kept = [item for item in batch if not isinstance(item, _Job)]
            if kept:
                self._queue.extendleft(reversed(kept))
                self._due = time.monotonic() + _RETRY_INTERVAL
        for item in batch:
            if isinstance(item, _Job):
                item.fail(failure)

    def _write(self, log: list[LogItem], *, durable: bool) -> None:
        self._set_durable(durable)
        if log:
            threads: dict[ThreadId, list[Envelope]] = {}
            for item in log:
                if isinstance(item, Envelope):
                    threads.setdefault(item.thread, []).append(item)
            written: dict[ThreadId, int] = {}
            with writing(self._connection):
                for thread_id, envelopes in threads.items():
                    known = self._written.get(thread_id, 0)
                    written[thread_id] = journal.append(
                        self._connection, thread_id, envelopes, known
                    )
                wire = [item for item in log if isinstance(item, WireEvent)]
                self._connection.executemany(_APPEND_WIRE, map(_wire_row, wire))
            self._written.update(written)
            self._unsynced = not durable
        self._failure = None

    def _run(self, job: _Job[Any]) -> None:
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

    def _set_durable(self, durable: bool) -> None:
        self._connection.pragma("synchronous", "FULL" if durable else "NORMAL")


def _is_urgent(item: LogItem) -> bool:
    return isinstance(item, Envelope) and isinstance(item.event, _URGENT)


def _wire_row(event: WireEvent) -> tuple[str, int, float, float, str | bytes, str | bytes]:
    name, data = encode_text(event.name), encode_text(event.data)
    return event.run_id, event.index, event.at, event.mono, name, data
