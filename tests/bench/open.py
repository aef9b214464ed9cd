"""What opening a thread of 10,000 messages costs, from the key to the painted screen.

Run with ``python -m tests.bench.open``; it takes about a minute. The app runs on the real engine
and store, without a terminal. Figures are medians of five, in ms and MB.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.app import ScreenStackError
from textual.events import Key
from textual.screen import Screen

from tests.store.log_builder import LogBuilder
from tui.config.paths import resolve_paths
from tui.core.models import Decision
from tui.core.ports import Ask
from tui.core.services import Services
from tui.core.settings import Profile, Settings
from tui.core.thread import ToolCall
from tui.store.thread_store import SqliteThreadStore
from tui.ui.app import TickertapeApp
from tui.ui.chat.log import ChatLog
from tui.wiring import Backend, start_backend

EXCHANGES = 5_000
_ROUNDS = 5
_SIZE = (160, 50)
_PAGE_BYTES = 4096
_WORDS = (  # noqa: SIM905  # a list of words is harder to read
    "the cost of opening a thread must not depend on how long it is because people go away over "
    "this and do not come back to what they had before it got so slow that nobody could wait"
).split()
_NEXT, _BACK = "ctrl+pagedown", "ctrl+pageup"


class _NobodyAsks:
    def decide(self, call: ToolCall, spec: object) -> Decision | Ask:
        return Ask()


def measure() -> dict[str, float]:
    """Medians of five, by name: ms to painted (wall, CPU of the process), ms to whole, MB."""
    with tempfile.TemporaryDirectory() as home:
        _fill(Path(home))
        found: defaultdict[str, list[float]] = defaultdict(list)
        for _ in range(_ROUNDS):
            for name, value in asyncio.run(_round(home)).items():
                found[name].append(value)
    # Later rounds reuse what the first one has taken from the system.
    grown = found.pop("memory, MB")[0]
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {**medians, "memory, MB": grown}


# --- the threads ------------------------------------------------------------------------------


def _fill(home: Path) -> None:
    paths = resolve_paths({"TICKERTAPE_HOME": str(home)})
    paths.data.mkdir(parents=True)
    store = SqliteThreadStore.open(paths.database)
    try:
        asyncio.run(_write(store))
    finally:
        store.close()


async def _write(store: SqliteThreadStore) -> None:
    chance = random.Random(5)
    for thread, exchanges, at in (("long", EXCHANGES, 1_000.0), ("short", 1, 1e6)):
        await store.claim(thread)
        store.append(_conversation(chance, thread, exchanges, at).log)
        store.release(thread)
    await store.barrier()


def _conversation(chance: random.Random, thread: str, exchanges: int, at: float) -> LogBuilder:
    build = LogBuilder(thread, at=at)
    build.created(f"A {thread} thread")
    for number in range(exchanges):
        run, answer = f"{thread}-run-{number}", f"{thread}-answer-{number}"
        build.asked(f"{thread}-question-{number}", f"{_words(chance, 20)}?")
        build.started(run)
        build.answering(run, answer)
        text = f"**{thread}{number}** {_words(chance, 30)}\n\n- {_words(chance, 20)}\n- `code`\n"
        build.words(text, run=run, message=answer)
        build.ended(run)
    return build


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS, k=count))


# --- one round --------------------------------------------------------------------------------


async def _round(home: str) -> dict[str, float]:
    async with _running(home) as stage:
        await stage.shows("short0")
        await asyncio.sleep(2)  # what warms up in the background is not measured
        before = _resident()
        opened = await stage.go(_NEXT, f"long{EXCHANGES - 1}")
        memory = _resident() - before
        await stage.go(_BACK, "short0")
        switched = await stage.go(_NEXT, f"long{EXCHANGES - 1}")
    found = {f"open, {name}": value for name, value in opened.items()}
    found |= {f"switch, {name}": value for name, value in switched.items()}
    return {**found, "memory, MB": memory}


class _Stage:
    """The app as someone sees it who looks at every frame."""

    def __init__(self, app: TickertapeApp, backend: Backend) -> None:
        self._app = app
        self._backend = backend
        self._wanted = ""
        self._seen = asyncio.Event()

    def painted(self) -> None:
        """A frame went out."""
        if self._wanted and self._wanted in self._text():
            self._wanted = ""
            self._at = time.perf_counter(), time.process_time()
            self._seen.set()

    def _text(self) -> str:
        try:
            log = self._app.screen.query_one(ChatLog)
        except ScreenStackError:
            return ""
        return "\n".join(log.render_line(y).text for y in range(log.size.height))

    async def shows(self, words: str) -> None:
        """Wait until a frame shows these words."""
        self._seen.clear()
        self._wanted = words
        async with asyncio.timeout(30):
            await self._seen.wait()

    async def go(self, key: str, words: str) -> dict[str, float]:
        """Press a key; the ms until the words are painted, and until all has been read."""
        wall, spent = time.perf_counter(), time.process_time()
        self._app.post_message(Key(key, None))
        await self.shows(words)
        painted, painted_spent = self._at
        own = time.thread_time()
        stall = await self._rest()
        return {
            "wall": (painted - wall) * 1e3,
            "CPU": (painted_spent - spent) * 1e3,
            "longest stall behind it": stall * 1e3,
            "CPU of the screen behind it": (time.thread_time() - own) * 1e3,
            "CPU with all that follows": (time.process_time() - spent) * 1e3,
        }

    async def _rest(self) -> float:
        """Wait a second in which everything comes to rest; the longest time nothing could run."""
        longest, end = 0.0, time.perf_counter() + 1
        while (now := time.perf_counter()) < end:
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - now - 0.005)
        return longest


@asynccontextmanager
async def _running(home: str) -> AsyncIterator[_Stage]:
    backend = start_backend(
        paths=resolve_paths({"TICKERTAPE_HOME": home}),
        settings=_settings(),
        policy=_NobodyAsks(),
        hide=lambda _: None,
    )

    async def connect() -> Services:
        return backend.services

    backend.services.preferences.set("thread", "short")
    app = _Watched(connect)
    stage = app.stage = _Stage(app, backend)
    try:
        async with app.run_test(size=_SIZE):
            yield stage
    finally:
        await asyncio.to_thread(backend.close)


class _Watched(TickertapeApp):
    """Tells its stage of every frame."""

    stage: _Stage

    def _display(self, screen: Screen[object], renderable: object) -> None:
        super()._display(screen, renderable)  # type: ignore[arg-type]  # whatever it is
        self.stage.painted()


def _settings() -> Settings:
    profile = Profile(name="sandbox", embedded=True, model="sandbox", api_key_env="")
    return Settings(profiles={"sandbox": profile}, default_profile="sandbox")


def _resident() -> float:
    """MB of memory that this process holds; Linux only, 0 elsewhere."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * _PAGE_BYTES / 1e6


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:36} {value:8.1f}")
