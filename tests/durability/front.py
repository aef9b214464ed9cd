"""What a person does through the services: sends, waits for the end, looks at the thread."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.durability.home import Home
from tui.config.paths import resolve_paths
from tui.config.settings_file import load_settings
from tui.core.events import Envelope
from tui.core.models import ThreadId
from tui.core.services import SendMessage, Services, Subscription, ThreadReloaded
from tui.core.settings import Paths
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import Backend, start_backend

PATIENCE = 60.0


def paths_of(home: Home) -> Paths:
    """The paths of a home that is not this process's own."""
    found = resolve_paths()
    names = {name: home.path / name for name in ("config", "data", "logs")}
    return replace(found, **names)


@asynccontextmanager
async def front(home: Home) -> AsyncIterator[Front]:
    """A backend in this process, on somebody's home."""
    paths = paths_of(home)
    backend: Backend = await asyncio.to_thread(
        start_backend,
        paths=paths,
        settings=load_settings(paths.config_file),
        policy=ReadOnlyPolicy(),
        hide=lambda _: None,
    )
    try:
        yield Front(backend.services)
    finally:
        await asyncio.to_thread(backend.close)


@dataclass
class Front:
    """One reader. Its ids begin with the process's number, so two never make the same."""

    services: Services
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def send(self, thread_id: ThreadId, text: str, *, queue: bool = False) -> str:
        """Send it; returns the id of the run that will answer."""
        name = f"{os.getpid()}-{id(self)}-{next(self._ids)}"
        command = SendMessage(
            thread_id=thread_id,
            message_id=f"message-{name}",
            run_id=f"run-{name}",
            text=text,
            queue=queue,
        )
        await self.services.conversations.send(command)
        return command.run_id

    async def ended(self, thread_id: ThreadId, run_id: str) -> Run:
        """The run once it is over, or interrupted."""
        await self.until(thread_id, lambda t: run_id in t.runs and not t.runs[run_id].active)
        return (await self.look(thread_id)).runs[run_id]

    async def idle(self, thread_id: ThreadId) -> Transcript:
        """The thread once nothing runs in it."""
        return await self.until(thread_id, lambda t: t.active_run() is None)

    async def look(self, thread_id: ThreadId) -> Transcript:
        """The thread now."""
        subscription = await self.services.run_log.subscribe(thread_id)
        subscription.feed.close()
        return subscription.transcript

    async def until(self, thread_id: ThreadId, seen: Callable[[Transcript], bool]) -> Transcript:
        """The thread as soon as ``seen`` says so. Raises TimeoutError."""
        following = Following(await self.services.run_log.subscribe(thread_id))
        try:
            async with asyncio.timeout(PATIENCE):
                while not seen(following.transcript):
                    await following.more()
        finally:
            following.close()
        return following.transcript


class Following:
    """A subscription that is folded as a screen folds it."""

    def __init__(self, subscription: Subscription) -> None:
        self.transcript = subscription.transcript
        self._feed = subscription.feed
        self._arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._feed.notify(lambda: loop.call_soon_threadsafe(self._arrived.set))

    async def more(self) -> list[Envelope]:
        """Wait for more, fold it in, return what came."""
        await self._arrived.wait()
        self._arrived.clear()
        return self.take()

    def take(self) -> list[Envelope]:
        """Fold in what has come so far, and return it."""
        came: list[Envelope] = []
        for item in self._feed.drain():
            if isinstance(item, Envelope):
                self.transcript.apply(item)
                came.append(item)
            elif isinstance(item, ThreadReloaded):
                self.transcript = item.transcript
        return came

    def close(self) -> None:
        """Stop following."""
        self._feed.close()
