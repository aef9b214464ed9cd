"""A thread of 10,000 messages in a real store: opened, left and shown again, and what it weighs.

``python -m tests.bench.opening DIRECTORY`` prints one JSON object; the store is made in DIRECTORY
unless it is there. Seconds are from the command to the write that shows the last message.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

from tests.bench.process import resident
from tests.bench.stage import exchanges
from tests.bench.terminal import SIZE, BenchApp, Write, driver_of
from tui.core import events as e
from tui.core.services import Services
from tui.core.settings import Paths, Profile, Settings
from tui.store.thread_store import SqliteThreadStore
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import start_backend

MESSAGES = 10_000
_LONG, _SHORT = "long", "short"
_PATIENCE = 60
_ROUNDS = 3


def _fill(paths: Paths) -> None:
    paths.data.mkdir(parents=True)
    store = SqliteThreadStore.open(paths.database)
    for thread, count in ((_LONG, MESSAGES), (_SHORT, 2)):
        asyncio.run(store.claim(thread))
        events: list[e.Event] = [e.ThreadCreated(title=thread, profile="sandbox")]
        events += exchanges(count)
        store.append(
            [
                e.Envelope(thread=thread, seq=seq, at=1e9 + seq, mono=float(seq), event=event)
                for seq, event in enumerate(events, 1)
            ]
        )
        asyncio.run(store.barrier())
    store.close()


def _settings() -> Settings:
    sandbox = Profile(name="sandbox", embedded=True, model="sandbox", api_key_env="")
    return Settings(profiles={"sandbox": sandbox}, default_profile="sandbox")


class _Screen:
    """The app on that store; ``go`` opens a thread and waits for a word of it."""

    def __init__(self, app: BenchApp) -> None:
        self._app = app
        self._wanted = ""
        self._shown = asyncio.Event()
        self._at = 0.0
        driver_of(app).on_write = self._wrote

    def _wrote(self, write: Write) -> None:
        if self._wanted and self._wanted in write.text and not self._shown.is_set():
            self._at = write.at
            self._shown.set()

    async def go(self, thread: str, word: str) -> float:
        self._wanted = word
        self._shown.clear()
        begin = time.monotonic()
        self._app.call_later(self._app._main._open_thread, thread)
        await asyncio.wait_for(self._shown.wait(), _PATIENCE)
        return self._at - begin


async def _measured(paths: Paths) -> dict[str, float]:
    backend = start_backend(
        paths=paths, settings=_settings(), policy=ReadOnlyPolicy(), hide=lambda _: None
    )

    async def connect() -> Services:
        return backend.services

    app = BenchApp(connect)
    running = asyncio.create_task(app.run_async(size=SIZE, mouse=False))
    await asyncio.sleep(3)
    screen = _Screen(app)
    last, short = f"w{MESSAGES - 1:06}", "w000001"
    await screen.go(_SHORT, short)
    gc.collect()
    before = resident()
    opened = await screen.go(_LONG, last)
    await asyncio.sleep(2)
    gc.collect()
    memory = resident() - before
    again = []
    for _ in range(_ROUNDS):
        await screen.go(_SHORT, short)
        await asyncio.sleep(0.5)
        again.append(await screen.go(_LONG, last))
        await asyncio.sleep(0.5)
    app.exit()
    await running
    await asyncio.to_thread(backend.close)
    return {"open": opened, "switch": sorted(again)[_ROUNDS // 2], "memory": memory}


def measure(directory: Path) -> dict[str, float]:
    """Seconds to open and to return, megabytes more than before it was open."""
    paths = Paths(config=directory / "c", data=directory / "d", logs=directory / "l")
    if not paths.data.exists():
        _fill(paths)
    return asyncio.run(_measured(paths))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
