"""A StoreListener whose news can be waited for."""

from __future__ import annotations

import asyncio

from tui.core.models import Problem, ThreadId


class Listener:
    """Must be made on the loop that waits. ``told`` is everything so far, ``changed`` once each."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
        self.told: list[tuple[str, object]] = []

    def changed(self) -> None:
        self._tell("changed", None)

    def troubled(self, problem: Problem | None) -> None:
        self._tell("troubled", None if problem is None else problem.message)

    def lost(self, thread_id: ThreadId) -> None:
        self._tell("lost", thread_id)

    def _tell(self, what: str, about: object) -> None:
        self._loop.call_soon_threadsafe(self._news.put_nowait, (what, about))

    async def wait_for(self, what: str, patience: float = 10.0) -> object:
        """The next news of that kind. Raises TimeoutError after ``patience`` seconds."""
        async with asyncio.timeout(patience):
            while True:
                kind, about = await self._news.get()
                self.told.append((kind, about))
                if kind == what:
                    return about

    def count(self, what: str) -> int:
        """How often it was told so far."""
        while not self._news.empty():
            self.told.append(self._news.get_nowait())
        return sum(kind == what for kind, _ in self.told)
