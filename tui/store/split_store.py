"""One store out of two: private threads live in memory, all others on disk."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.events import Envelope
from tui.core.models import Problem, RunId, ThreadId, ThreadSummary, WireEvent, is_private
from tui.core.ports import Request, StoreListener
from tui.core.transcript import Transcript
from tui.store.memory_store import MemoryThreadStore
from tui.store.thread_store import SqliteThreadStore


class SplitThreadStore:
    """A ThreadStore that sends everything of a private thread to ``memory``, the rest to ``disk``.

    It owns both. A run belongs where its thread is; a draft is private when its key is.
    """

    def __init__(self, disk: SqliteThreadStore, memory: MemoryThreadStore) -> None:
        self._disk = disk
        self._memory = memory

    @property
    def owner(self) -> str:
        """What to put into ``RunStarted.owner``."""
        return self._disk.owner

    @property
    def notice(self) -> Problem | None:
        """What had to be mended when the store was opened, for the user; None if nothing."""
        return self._disk.notice

    def _of(self, thread_id: ThreadId) -> SqliteThreadStore | MemoryThreadStore:
        return self._memory if is_private(thread_id) else self._disk

    def append(self, envelopes: Sequence[Envelope]) -> None:
        private = [each for each in envelopes if is_private(each.thread)]
        self._memory.append(private)
        self._disk.append([each for each in envelopes if not is_private(each.thread)])

    def append_wire(self, events: Sequence[WireEvent]) -> None:
        private = [each for each in events if self._memory.has_run(each.run_id)]
        self._memory.append_wire(private)
        self._disk.append_wire([each for each in events if not self._memory.has_run(each.run_id)])

    async def barrier(self, thread_id: ThreadId = "") -> None:
        await self._of(thread_id).barrier(thread_id)

    # --- several processes ------------------------------------------------------------------

    def listen(self, listener: StoreListener) -> None:
        self._disk.listen(listener)

    async def claim(self, thread_id: ThreadId, *, force: bool = False) -> int:
        return await self._of(thread_id).claim(thread_id, force=force)

    def release(self, thread_id: ThreadId) -> None:
        self._of(thread_id).release(thread_id)

    async def post(self, request: Request) -> bool:
        if is_private(request.thread_id) or self._memory.has_run(request.run_id):
            return await self._memory.post(request)
        return await self._disk.post(request)

    async def requests(self) -> Sequence[Request]:
        return await self._disk.requests()

    async def tail(self, thread_id: ThreadId, after: int) -> Sequence[Envelope] | None:
        return await self._of(thread_id).tail(thread_id, after)

    async def recover(self) -> Sequence[RunId]:
        return await self._disk.recover()

    async def unsettled(self) -> Sequence[tuple[ThreadId, RunId]]:
        return [*await self._memory.unsettled(), *await self._disk.unsettled()]

    # --- threads ----------------------------------------------------------------------------

    async def load(self, thread_id: ThreadId) -> Transcript | None:
        return await self._of(thread_id).load(thread_id)

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return await self._of(thread_id).preview(thread_id)

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        both = [*await self._memory.threads(limit), *await self._disk.threads(limit)]
        return sorted(both, key=lambda each: each.updated_at, reverse=True)[:limit]

    async def delete(self, thread_id: ThreadId) -> bool:
        return await self._of(thread_id).delete(thread_id)

    async def wire(self, run_id: RunId, after: int = -1) -> Sequence[WireEvent]:
        if self._memory.has_run(run_id):
            return await self._memory.wire(run_id, after)
        return await self._disk.wire(run_id, after)

    async def mark_read(self, thread_id: ThreadId, seq: int) -> None:
        await self._of(thread_id).mark_read(thread_id, seq)

    async def draft(self, key: str) -> str:
        return await self._of(key).draft(key)

    async def save_draft(self, key: str, text: str) -> None:
        await self._of(key).save_draft(key, text)

    def close(self) -> None:
        """Forget what is private, close the file; blocks; idempotent. Raises StoreError."""
        self._memory.close()
        self._disk.close()
