"""The Library and RunLog services: threads as a list, and reading what happens in one."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core import events as e
from tui.core.errors import NotFoundError
from tui.core.feed import Feed
from tui.core.models import Problem, RunId, ThreadId, ThreadSummary, WireEvent
from tui.core.services import Subscription
from tui.core.transcript import Transcript
from tui.engine.conversations import EngineConversations
from tui.engine.threads import Threads


class EngineLibrary:
    """The threads of the store, with what is going on in this process laid over them."""

    def __init__(self, threads: Threads, conversations: EngineConversations) -> None:
        self._threads = threads
        self._conversations = conversations

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        found = await self._threads.summaries(limit)
        self._threads.announcements.listed(found, limit)
        return found

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        async with self._threads.writing(thread_id) as log:
            if log.transcript.seq == 0:
                raise _no_such_thread()
            log.append(e.ThreadChanged(title=title))
            await log.barrier()

    async def delete(self, thread_id: ThreadId) -> None:
        async with self._threads.writing(thread_id):
            await self._conversations.stop_thread(thread_id)  # and no other run begins meanwhile
            gone = await self._threads.store.delete(thread_id)
            self._threads.forget(thread_id)
        if not gone:
            raise _no_such_thread()

    async def mark_read(self, thread_id: ThreadId) -> None:
        await self._threads.mark_read(thread_id)

    async def draft(self, key: str) -> str:
        return await self._threads.store.draft(key)

    async def save_draft(self, key: str, text: str) -> None:
        await self._threads.store.save_draft(key, text)

    def watch(self) -> Feed[ThreadSummary]:
        return self._threads.announcements.watch()

    def storage(self) -> Feed[Problem | None]:
        return self._threads.announcements.storage()


class EngineRunLog:
    """Reading: a thread from now on, and the raw events of a run."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return await self._threads.store.preview(thread_id)

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        transcript, feed = await self._threads.subscribe(thread_id)
        return Subscription(transcript=transcript, feed=feed)

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        return await self._threads.store.wire(run_id)


def _no_such_thread() -> NotFoundError:
    return NotFoundError("There is no such thread.", hint="See: tickertape threads list")
