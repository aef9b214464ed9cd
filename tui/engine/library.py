"""The Library and RunLog services: threads as a list, and reading what happens in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui.core import events as e
from tui.core.errors import NotFoundError
from tui.core.feed import Feed
from tui.core.models import RunId, ThreadId, ThreadSummary, WireEvent
from tui.core.services import Subscription
from tui.engine.conversations import EngineConversations
from tui.engine.threads import Threads


class EngineLibrary:
    """The threads of the store, with what is going on in this process laid over them."""

    def __init__(self, threads: Threads, conversations: EngineConversations) -> None:
        self._threads = threads
        self._conversations = conversations

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        return await self._threads.store.threads(limit)

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        log = await self._threads.log(thread_id)
        if log.transcript.seq == 0:
            raise NotFoundError("There is no such thread.", hint="See: tickertape threads list")
        log.append(e.ThreadChanged(title=title))
        await self._threads.store.barrier()

    async def delete(self, thread_id: ThreadId) -> None:
        await self._conversations.stop_thread(thread_id)
        gone = await self._threads.store.delete(thread_id)
        self._threads.forget(thread_id)
        if not gone:
            raise NotFoundError("There is no such thread.", hint="See: tickertape threads list")
        summary = ThreadSummary(id=thread_id, title="", created_at=0.0, updated_at=0.0)
        self._threads.announce(replace(summary, deleted=True))

    async def mark_read(self, thread_id: ThreadId) -> None:
        log = await self._threads.log(thread_id)
        log.read_seq = log.transcript.seq
        await self._threads.store.mark_read(thread_id, log.read_seq)
        self._threads.announce(log.summary())

    async def draft(self, key: str) -> str:
        return await self._threads.store.draft(key)

    async def save_draft(self, key: str, text: str) -> None:
        await self._threads.store.save_draft(key, text)

    def watch(self) -> Feed[ThreadSummary]:
        return self._threads.watch()


class EngineRunLog:
    """Reading: a thread from now on, and the raw events of a run."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        transcript, feed = await self._threads.subscribe(thread_id)
        return Subscription(transcript=transcript, feed=feed)

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        return await self._threads.store.wire(run_id)
