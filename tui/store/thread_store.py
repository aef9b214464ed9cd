"""The local database as the rest of Tickertape sees it: threads, runs, raw events, drafts."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import apsw

from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import RunId, ThreadId, ThreadSummary, WireEvent
from tui.core.ports import Request, StoreListener
from tui.core.settings import StorageSettings
from tui.core.transcript import Transcript
from tui.store import journal, library
from tui.store.compaction import Compacted, read_compacted
from tui.store.failures import store_error
from tui.store.first_version import refuse_beside_first_version
from tui.store.leases import Leases
from tui.store.opening import Opened, open_store
from tui.store.owners import Owner, remove_stale
from tui.store.preview import read_preview
from tui.store.recovery import orphaned, read_unsettled, recover
from tui.store.requests import Inbox, post
from tui.store.soundness import note_if_damaged
from tui.store.transactions import reading
from tui.store.work import Release
from tui.store.writer import Writer

T = TypeVar("T")

_KEEP_WIRE_RUNS = StorageSettings().keep_wire_runs


class SqliteThreadStore:
    """A ThreadStore in one SQLite file, used by several processes at once.

    ``owner`` names this process in the runs it starts: as long as the store is open, others
    leave those alone. Usable from any event loop and thread: one thread writes, one reads.
    """

    def __init__(self, path: Path, opened: Opened, role: str, keep_wire_runs: int) -> None:
        """Takes over what is opened; ``open`` is the usual way in."""
        self._path = path
        self._owners = path.parent / "owners"
        self._owner = Owner(self._owners, role)
        self._leases = Leases(self._owners, self._owner.name)
        self._inbox = Inbox(self._owner.name)
        self._presence = opened.presence
        self._reading = opened.reading
        self.notice = opened.notice
        """What had to be mended when the store was opened, for the user; None if nothing."""
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")
        self._writer = Writer(opened.writing, path, self._leases, keep_wire_runs)
        self._closed = False
        atexit.register(self.close)

    @classmethod
    def open(
        cls,
        path: Path,
        role: str = "",
        keep_wire_runs: int = _KEEP_WIRE_RUNS,
    ) -> SqliteThreadStore:
        """Open or create the database; blocks for some milliseconds, longer if it is damaged.

        ``role`` says to other processes what this one is (``app``, ``ask``). Raw events are kept
        for ``keep_wire_runs`` runs, the newest. Raises StoreError if it cannot be used: no
        access, not ours, or from a newer version.
        """
        refuse_beside_first_version(path)
        opened = open_store(path)
        try:
            return cls(path, opened, role, keep_wire_runs)
        except OSError as error:
            opened.close()
            raise store_error(error, path) from error

    @property
    def owner(self) -> str:
        """What to put into ``RunStarted.owner``."""
        return self._owner.name

    def append(self, envelopes: Sequence[Envelope]) -> None:
        self._writer.append(envelopes)

    def append_wire(self, events: Sequence[WireEvent]) -> None:
        self._writer.append(events)

    async def barrier(self, thread_id: ThreadId = "") -> None:
        await asyncio.wrap_future(self._writer.sync())

    # --- several processes ------------------------------------------------------------------

    def listen(self, listener: StoreListener) -> None:
        self._writer.listen(listener)

    async def claim(self, thread_id: ThreadId, *, force: bool = False) -> int:
        return await self._write(
            lambda connection: self._leases.claim(connection, thread_id, force=force)
        )

    def release(self, thread_id: ThreadId) -> None:
        with suppress(StoreError):  # closing lets everything go
            self._writer.append((Release(thread_id),))

    async def post(self, request: Request) -> bool:
        return await self._write(
            lambda connection: post(connection, self._owners, self.owner, request), durable=True
        )

    async def requests(self) -> Sequence[Request]:
        return await self._write(self._inbox.take)

    async def tail(self, thread_id: ThreadId, after: int) -> Sequence[Envelope] | None:
        return await self._read(lambda connection: journal.read_tail(connection, thread_id, after))

    async def recover(self) -> Sequence[RunId]:
        if not await self._read(self._is_orphaned):
            return []
        return await self._write(
            lambda connection: recover(connection, self._owners, self.owner), durable=True
        )

    def _is_orphaned(self, connection: apsw.Connection) -> bool:
        remove_stale(self._owners)
        return bool(orphaned(connection, self._owners, self.owner))

    async def unsettled(self) -> Sequence[tuple[ThreadId, RunId]]:
        return await self._read(read_unsettled)

    # --- threads ----------------------------------------------------------------------------

    async def load(self, thread_id: ThreadId) -> Transcript | None:
        return await self._read(lambda connection: journal.read_thread(connection, thread_id))

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return await self._read(lambda connection: read_preview(connection, thread_id))

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        return await self._read(
            lambda connection: library.read_summaries(connection, self._owners, self.owner, limit)
        )

    async def wire(self, run_id: RunId, after: int = -1) -> Sequence[WireEvent]:
        return await self._read(lambda connection: library.read_wire(connection, run_id, after))

    async def compacted(self, run_id: RunId) -> Compacted | None:
        """How much of a run's raw events is not kept any longer, or None."""
        return await self._read(lambda connection: read_compacted(connection, run_id))

    async def draft(self, key: str) -> str:
        return await self._read(lambda connection: library.read_draft(connection, key))

    async def delete(self, thread_id: ThreadId) -> bool:
        def work(connection: apsw.Connection) -> bool:
            deleted = library.delete_thread(connection, thread_id)
            self._leases.forget(thread_id)
            return deleted

        return await asyncio.wrap_future(self._writer.forget(work))

    async def mark_read(self, thread_id: ThreadId, seq: int) -> None:
        await self._write(lambda connection: library.mark_read(connection, thread_id, seq))

    async def save_draft(self, key: str, text: str) -> None:
        await self._write(lambda connection: library.write_draft(connection, key, text))

    def close(self) -> None:
        """Write what is queued and give everything back; blocks; idempotent.

        Raises StoreError, after giving everything back, if something could not be written.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._reader.shutdown()
        self._reading.close()
        try:
            self._writer.close()
        finally:
            self._owner.release()
            self._presence.release()

    async def _write(self, work: Callable[[apsw.Connection], T], *, durable: bool = False) -> T:
        return await asyncio.wrap_future(self._writer.submit(work, durable=durable))

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Read what is on disk once everything appended so far is there."""
        await asyncio.wrap_future(self._writer.flush())
        try:
            return await asyncio.wrap_future(self._reader.submit(self._consistently, work))
        except (apsw.Error, OSError) as error:
            failure = store_error(error, self._path)
            note_if_damaged(failure, self._path)
            raise failure from error
        except RuntimeError as error:
            if self._closed:
                raise StoreError("The store is closed.") from error
            raise

    def _consistently(self, work: Callable[[apsw.Connection], T]) -> T:
        # One transaction: between two statements another process may fold what is being read.
        with reading(self._reading):
            return work(self._reading)
