"""The whole screen on services in memory, a frame for every token: what a token costs there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.bench.terminal import SIZE, BenchApp, RecordingDriver, driver_of
from tests.ui.fakes import FakeBackend
from tui.core import events as e
from tui.core.models import PartInput, Role
from tui.ui import clock

_START_SECONDS = 1.5
_FRAME_PATIENCE = 60


class Stage:
    """A running app. ``frame`` comes after each piece that is sent."""

    def __init__(self, app: BenchApp, backend: FakeBackend) -> None:
        self.app = app
        self.backend = backend
        self._painted = asyncio.Event()

    @property
    def terminal(self) -> RecordingDriver:
        return driver_of(self.app)

    def note_frame(self) -> None:
        self._painted.set()

    async def frame(self, send: Callable[[], object]) -> None:
        """Send something and wait until the screen shows it."""
        self._painted.clear()
        send()
        await asyncio.wait_for(self._painted.wait(), _FRAME_PATIENCE)


@asynccontextmanager
async def staged(backend: FakeBackend, thread: str = "t") -> AsyncIterator[Stage]:
    """The app with this thread open. Frames are painted as fast as they can be."""
    assert os.environ.get("TEXTUAL_FPS"), "run this with TEXTUAL_FPS=1000, or frames are waited for"
    clock.FAST = clock.SLOW = 0.0
    backend.remembered["thread"] = thread
    app = BenchApp(backend.connect, now=backend.now)
    running = asyncio.create_task(app.run_async(size=SIZE, mouse=False))
    stage = Stage(app, backend)
    painted = clock.FrameClock.painted

    def noted(self: clock.FrameClock) -> None:
        painted(self)
        stage.note_frame()

    clock.FrameClock.painted = noted  # type: ignore[method-assign]  # to know when
    await asyncio.sleep(_START_SECONDS)
    try:
        yield stage
    finally:
        clock.FrameClock.painted = painted  # type: ignore[method-assign]  # as it was
        app.exit()
        await running


def distinct(number: int) -> str:
    """The text of a message; no two are the same."""
    about = " ".join(f"word{(number * 31 + each * 17) % 9973}" for each in range(30))
    return f"Message **{number}**: {about}\n\n- `item {number}`\n- w{number:06}"


def exchanges(count: int) -> list[e.MessageAdded]:
    """So many messages of both sides, each below the one before."""
    return [
        e.MessageAdded(
            message_id=f"old{number}",
            parent_id=f"old{number - 1}" if number else None,
            role=Role.ASSISTANT if number % 2 else Role.USER,
            parts=(PartInput(text=distinct(number)),),
        )
        for number in range(count)
    ]


def backend_with(messages: int) -> FakeBackend:
    """Services with a thread ``t`` that has so many messages."""
    backend = FakeBackend()
    backend.add_thread("t", "A thread")
    for added in exchanges(messages):
        backend.emit("t", added)
    return backend
