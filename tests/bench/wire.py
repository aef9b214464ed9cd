"""What a word costs from the socket on, and when it is painted: the app, no screen, naive Textual.

``python -m tests.bench.wire WHO KIND RATE COUNT`` prints one JSON object; WHO is ``ours``,
``parse``, ``engine`` (everything but the screen) or ``naive``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

from rich.syntax import Syntax
from textual._context import active_app
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.driver import Driver
from textual.widgets import Markdown, Static

from tests.bench.peer import CALLS, Peer, running_peer
from tests.bench.terminal import SIZE, WORD, BenchApp, RecordingDriver, Write, driver_of
from tui.core import events as e
from tui.core.models import HistoryMessage, PartInput, Role
from tui.core.ports import (
    Checkpoint,
    NewMessages,
    ResponseOpened,
    RunRequest,
    WireFault,
    WireReceived,
)
from tui.core.services import SendMessage, Services
from tui.core.settings import Paths, Profile, Settings
from tui.core.transcript import Transcript
from tui.providers.registry import create
from tui.tools.policy import ReadOnlyPolicy
from tui.ui.composer import Composer
from tui.wiring import Backend, start_backend

_PATIENCE = 300
Figures: TypeAlias = dict[str, float]


class _Meter:
    """What was spent between the first word and the last; ``seen`` says which came, and when."""

    def __init__(self, kind: str, count: int) -> None:
        self.kind = kind
        self._last = count - 1
        self._newest = -1
        self._begin = (0.0, 0.0, 0)
        self._end = (0.0, 0.0, 0)
        self.over = asyncio.Event()
        self.shown: list[tuple[float, int]] = []

    def seen(self, newest: int, at: float, cpu: float) -> None:
        if newest <= self._newest:
            return
        if self._newest < 0:
            self._begin = at, cpu, newest
        self._newest = newest
        self._end = at, cpu, newest
        self.shown.append((at, newest))
        if newest == self._last:
            self.over.set()

    def wrote(self, write: Write) -> None:
        self.seen(write.newest, write.at, write.cpu)

    def parsed(self, newest: int) -> None:
        self.seen(newest, time.monotonic(), time.process_time())

    def figures(self) -> Figures:
        words = max(1, self._end[2] - self._begin[2])
        return {"cpu": (self._end[1] - self._begin[1]) / words, "seen": self._end[0]}

    def latencies(self, due: float, rate: float) -> list[float]:
        """Seconds from when each word was due to the write that showed it or a later one."""
        found: list[float] = []
        for at, newest in self.shown:
            while len(found) <= newest:
                found.append(at - due - (len(found) / rate if rate else 0))
        return found


def _profile(peer: Peer) -> Profile:
    return Profile(
        name="bench",
        protocol="chat",
        base_url=peer.url,
        model="bench",
        api_key_env="",
        tools=False,
    )


# --- the app --------------------------------------------------------------------------------------


def _backend(peer: Peer, home: str) -> Backend:
    root = Path(home)
    paths = Paths(config=root / "config", data=root / "data", logs=root / "logs")
    settings = Settings(profiles={"bench": _profile(peer)}, default_profile="bench")
    return start_backend(
        paths=paths, settings=settings, policy=ReadOnlyPolicy(), hide=lambda _: None
    )


async def _ours(peer: Peer, meter: _Meter) -> None:
    with tempfile.TemporaryDirectory() as home:
        backend = _backend(peer, home)

        async def connect() -> Services:
            backend.warm()
            return backend.services

        app = BenchApp(connect)
        running = asyncio.create_task(app.run_async(size=SIZE, mouse=False))
        await asyncio.sleep(3)  # connected, and all that is warmed in threads is warm
        driver_of(app).on_write = meter.wrote
        composer = app.screen.query_one(Composer)
        composer.put("go")
        composer.action_submit()
        await asyncio.wait_for(meter.over.wait(), _PATIENCE)
        app.exit()
        await running
        await asyncio.to_thread(backend.close)


async def _engine(peer: Peer, meter: _Meter) -> None:
    """The same backend, its feed drained and folded as the screen does, sixty times a second."""
    with tempfile.TemporaryDirectory() as home:
        backend = _backend(peer, home)
        services = backend.services
        subscription = await services.run_log.subscribe("t")
        command = SendMessage(thread_id="t", message_id="m", run_id="r", text="go")
        await services.conversations.send(command)
        while not meter.over.is_set():
            await asyncio.sleep(1 / 60)
            for item in subscription.feed.drain():
                if isinstance(item, e.Envelope):
                    subscription.transcript.apply(item)
                    meter.parsed(_word_in(item.event))
        subscription.feed.close()
        await asyncio.to_thread(backend.close)


def _word_in(event: e.Event) -> int:
    if isinstance(event, e.TextDelta | e.ArgumentsDelta):
        text = event.text if isinstance(event, e.TextDelta) else event.fragment
        if found := WORD.search(text):
            return int(found[1])
    return -1


# --- no screen ------------------------------------------------------------------------------------


async def _provider_events(peer: Peer) -> AsyncIterator[e.Event]:
    """Socket, event stream, JSON, our events."""
    provider = create(_profile(peer), api_key=None)
    question = HistoryMessage(id="m", role=Role.USER, text="go")
    request = RunRequest(thread_id="t", run_id="r", history=(question,), model="bench")
    async with provider.open(request) as session:
        async for signal in session.turn(NewMessages()):
            if not isinstance(signal, ResponseOpened | WireReceived | WireFault | Checkpoint):
                yield signal
    await provider.close()


async def _parse(peer: Peer, meter: _Meter) -> None:
    transcript = Transcript("t")
    asked = e.MessageAdded(
        message_id="m", parent_id=None, role=Role.USER, parts=(PartInput(text="go"),)
    )
    began = e.RunStarted(parent_id="m", profile="bench", model="bench")
    sequence = 0

    def fold(event: e.Event) -> None:
        nonlocal sequence
        sequence += 1
        now = time.time()
        transcript.apply(
            e.Envelope(thread="t", seq=sequence, at=now, mono=now, event=event, run="r")
        )

    fold(asked)
    fold(began)
    async for event in _provider_events(peer):
        fold(event)
        meter.parsed(_word_in(event))
        if meter.over.is_set():
            break
    texts = [str(part.text) for part in transcript.parts.values()]
    texts += [str(call.arguments) for call in transcript.calls.values()]
    assert any(re.search(r"w\d{6}", text) for text in texts), "the fold kept nothing"


# --- naive Textual --------------------------------------------------------------------------------


class _Naive(App[None]):
    """A widget an answer, told of each delta; a Syntax for the arguments of each call."""

    def __init__(self, peer: Peer, kind: str) -> None:
        super().__init__()
        self._peer = peer
        self._kind = kind

    def get_driver_class(self) -> type[Driver]:
        return RecordingDriver

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            if self._kind == "calls":
                yield from (Static() for _ in range(CALLS))
            else:
                yield Markdown()

    async def read(self, meter: _Meter) -> None:
        active_app.set(self)
        self.query_one(VerticalScroll).anchor()
        calls: dict[str, str] = {}
        async for event in _provider_events(self._peer):
            if isinstance(event, e.TextDelta):
                await self.query_one(Markdown).append(event.text)
            elif isinstance(event, e.ArgumentsDelta):
                calls[event.part_id] = calls.get(event.part_id, "") + event.fragment
                place = list(calls).index(event.part_id)
                code = Syntax(calls[event.part_id], "json", word_wrap=True)
                list(self.query(Static))[place].update(code)
            # A frame must come through, or nothing would be shown before the end.
            await asyncio.sleep(0)
            meter.parsed(_word_in(event))
            if meter.over.is_set():
                break


async def _naive(peer: Peer, meter: _Meter) -> None:
    app = _Naive(peer, meter.kind)
    running = asyncio.create_task(app.run_async(size=SIZE, mouse=False))
    await asyncio.sleep(1)
    await app.read(meter)
    app.exit()
    await running


_WHO = {"ours": _ours, "engine": _engine, "parse": _parse, "naive": _naive}


def measure(who: str, kind: str, rate: float, count: int) -> Figures:
    """CPU seconds a word, and for what paints: latencies in seconds from when a word was due."""

    async def run(peer: Peer) -> Figures:
        meter = _Meter(kind, count)
        await _WHO[who](peer, meter)
        due = peer.first_due()
        latencies = sorted(meter.latencies(due, rate))
        figures = meter.figures()
        figures["p50"] = latencies[len(latencies) // 2]
        figures["p99"] = latencies[int(len(latencies) * 0.99)]
        figures["all"] = figures.pop("seen") - due
        return figures

    with running_peer(kind, rate, count) as peer:
        return asyncio.run(run(peer))


if __name__ == "__main__":
    _, *given = sys.argv
    print(json.dumps(measure(given[0], given[1], float(given[2]), int(given[3]))))
