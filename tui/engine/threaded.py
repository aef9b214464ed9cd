"""The engine on a thread of its own: services whose calls hop to its loop and back.

A provider that parses a large event or imports its SDK must never hold up the screen.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from tui.core.errors import TickertapeError
from tui.core.feed import Feed
from tui.core.models import (
    CallId,
    Decision,
    MessageId,
    ModelInfo,
    Problem,
    RunId,
    ThreadId,
    ThreadSummary,
    ToolSpec,
    WireEvent,
)
from tui.core.services import (
    Catalog,
    Conversations,
    Library,
    ProfileInfo,
    RetryRun,
    RunLog,
    SendMessage,
    Subscription,
)
from tui.core.transcript import Transcript

_log = logging.getLogger(__name__)

T = TypeVar("T")

_STOP_SECONDS = 5.0


class EngineThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def call(
        self, work: Coroutine[Any, Any, T], *, unwanted: Callable[[T], object] | None = None
    ) -> T:
        """Run ``work`` on the engine's loop; a caller that goes away does not stop it.

        ``unwanted`` takes the result of which nobody gets to know then. What the work had to say
        to its caller, a TickertapeError, is forgotten then; any other error is told.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        answer = asyncio.wrap_future(future)
        # Told below if the caller has gone, so that asyncio need not.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            future.add_done_callback(lambda done: self._abandoned(done, unwanted))
            raise

    def _abandoned(self, done: Future[T], unwanted: Callable[[T], object] | None) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None and unwanted is not None:
            unwanted(done.result())
        elif not isinstance(error, TickertapeError):
            self._tell_failure(done)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the engine's loop and block until it is done."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start ``work`` on the engine's loop and let it go on by itself."""
        asyncio.run_coroutine_threadsafe(work, self._loop).add_done_callback(self._tell_failure)

    def _tell_failure(self, done: Future[Any]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            what = {"message": "work in the background failed", "exception": error}
            self._loop.call_exception_handler(what)

    def stop(self) -> None:
        """End the loop and its thread; what still runs there is cancelled. Idempotent, bounded.

        What does not end even then is left behind: whoever stops has more to save.
        """
        if self._loop.is_closed():
            return
        cancelling = asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop)
        try:
            cancelling.result(timeout=_STOP_SECONDS)
        except TimeoutError:
            _log.warning("something in the engine does not end")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=_STOP_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class ThreadedConversations:
    """Conversations, from any loop."""

    def __init__(self, engine: EngineThread, inner: Conversations) -> None:
        self._engine, self._inner = engine, inner

    async def send(self, command: SendMessage) -> None:
        await self._engine.call(self._inner.send(command))

    async def retry(self, command: RetryRun) -> None:
        await self._engine.call(self._inner.retry(command))

    async def cancel(self, thread_id: ThreadId, run_id: RunId) -> None:
        await self._engine.call(self._inner.cancel(thread_id, run_id))

    async def decide(
        self, thread_id: ThreadId, run_id: RunId, call_id: CallId, decision: Decision
    ) -> None:
        await self._engine.call(self._inner.decide(thread_id, run_id, call_id, decision))

    async def resume(self, thread_id: ThreadId) -> None:
        await self._engine.call(self._inner.resume(thread_id))

    async def leave(self, thread_id: ThreadId) -> None:
        await self._engine.call(self._inner.leave(thread_id))

    async def use(self, thread_id: ThreadId, profile: str, model: str = "") -> None:
        await self._engine.call(self._inner.use(thread_id, profile, model))

    async def select(self, thread_id: ThreadId, message_id: MessageId) -> None:
        await self._engine.call(self._inner.select(thread_id, message_id))

    async def unqueue(self, thread_id: ThreadId, message_id: MessageId) -> None:
        await self._engine.call(self._inner.unqueue(thread_id, message_id))

    async def send_queued(self, thread_id: ThreadId) -> None:
        await self._engine.call(self._inner.send_queued(thread_id))


class ThreadedLibrary:
    """Library, from any loop."""

    def __init__(self, engine: EngineThread, inner: Library) -> None:
        self._engine, self._inner = engine, inner

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        return await self._engine.call(self._inner.threads(limit))

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        await self._engine.call(self._inner.rename(thread_id, title))

    async def delete(self, thread_id: ThreadId) -> None:
        await self._engine.call(self._inner.delete(thread_id))

    async def mark_read(self, thread_id: ThreadId) -> None:
        await self._engine.call(self._inner.mark_read(thread_id))

    async def draft(self, key: str) -> str:
        return await self._engine.call(self._inner.draft(key))

    async def save_draft(self, key: str, text: str) -> None:
        await self._engine.call(self._inner.save_draft(key, text))

    def watch(self) -> Feed[ThreadSummary]:
        return self._inner.watch()

    def storage(self) -> Feed[Problem | None]:
        return self._inner.storage()


class ThreadedRunLog:
    """RunLog, from any loop."""

    def __init__(self, engine: EngineThread, inner: RunLog) -> None:
        self._engine, self._inner = engine, inner

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return await self._engine.call(self._inner.preview(thread_id))

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        # A feed that nobody drains would take in the thread's items for ever.
        return await self._engine.call(
            self._inner.subscribe(thread_id), unwanted=lambda opened: opened.feed.close()
        )

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        return await self._engine.call(self._inner.wire(run_id))


class ThreadedCatalog:
    """Catalog, from any loop."""

    def __init__(self, engine: EngineThread, inner: Catalog) -> None:
        self._engine, self._inner = engine, inner

    async def profiles(self) -> Sequence[ProfileInfo]:
        return await self._engine.call(self._inner.profiles())

    async def discover(self) -> Sequence[ProfileInfo]:
        return await self._engine.call(self._inner.discover())

    async def models(self, profile: str) -> Sequence[ModelInfo]:
        return await self._engine.call(self._inner.models(profile))

    async def make_default(self, profile: str, model: str = "") -> None:
        await self._engine.call(self._inner.make_default(profile, model))

    async def tools(self) -> Sequence[ToolSpec]:
        return await self._engine.call(self._inner.tools())
