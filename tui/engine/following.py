"""Keeps up with other processes: what they write, what they ask of this one, when they die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tui.core.errors import TickertapeError
from tui.core.models import Problem, ThreadId
from tui.engine.conversations import EngineConversations
from tui.engine.threads import Threads

_log = logging.getLogger(__name__)

# A process that dies writes nothing: while one drives something, its life is looked at so often.
_LIFE_SECONDS = 1.0


class Following:
    """A StoreListener that acts on the engine's loop. ``start`` there, ``stop`` before its end."""

    def __init__(self, threads: Threads, conversations: EngineConversations) -> None:
        self._threads = threads
        self._conversations = conversations
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen to the store from now on."""
        self._loop = asyncio.get_running_loop()
        self._begin(self._follow())
        self._threads.announcements.on_elsewhere = self._woken.set
        self._threads.store.listen(self)

    async def stop(self) -> None:
        """Hear nothing more."""
        self._loop = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- any thread ------------------------------------------------------------------------

    def changed(self) -> None:
        """Another process has written something."""
        self._hop(self._woken.set)

    def troubled(self, problem: Problem | None) -> None:
        """Nothing can be written just now, or it can again."""
        self._hop(lambda: self._threads.announcements.tell_storage(problem))

    def lost(self, thread_id: ThreadId) -> None:
        """Another process took a thread over."""
        self._hop(lambda: self._lose(thread_id))

    def _hop(self, act: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                loop.call_soon_threadsafe(act)

    # --- the engine's loop -----------------------------------------------------------------

    def _lose(self, thread_id: ThreadId) -> None:
        self._threads.lost(thread_id)  # before whoever waits for a barrier goes on
        self._begin(self._quietly(self._conversations.lost(thread_id)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        while True:
            try:
                await self._wait()
                await self._obey()
                await self._threads.catch_up()
            except TickertapeError as error:
                _log.warning("could not follow other processes: %s", error)
            except Exception:  # noqa: BLE001
                # Nothing of this may end the process that only looks on.
                _log.exception("could not follow other processes")

    async def _wait(self) -> None:
        patience = _LIFE_SECONDS if self._threads.announcements.any_elsewhere else None
        try:
            await asyncio.wait_for(self._woken.wait(), patience)
        except TimeoutError:
            await self._threads.store.recover()
        self._woken.clear()

    async def _obey(self) -> None:
        for request in await self._threads.store.requests():
            _log.info("another process asks to %s", request.kind)
            self._begin(self._quietly(self._conversations.obey(request)))

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except TickertapeError as error:
            # It was for another process; there a message waits, and a decision is still asked for.
            _log.warning("could not act on what another process did: %s", error)
