"""Two Tickertapes on one store: each sees the other live, asks it for things, and can take over."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.test_wiring import App
from tui.config.paths import resolve_paths
from tui.core.errors import BusyError
from tui.core.events import Envelope
from tui.core.models import Decision, Outcome, RunState, ThreadSummary, ToolState, WireEvent
from tui.core.ports import ApprovalPolicy, Ask
from tui.core.services import SendMessage, Subscription, ThreadReloaded
from tui.core.settings import Profile, SandboxSettings, Settings
from tui.core.transcript import Transcript
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import sandbox_provider, start_backend

_SLOW = "```sandbox\nrate = 60\n[[step]]\nsay = { tokens = 3000, kind = 'paragraphs' }\n```"
_KEY = "a-key-for-these-tests"
_ids = itertools.count(1)


@pytest.fixture
def server() -> Iterator[str]:
    """A server that outlives either of them."""
    settings = Settings(profiles={}, default_profile="", sandbox=SandboxSettings(rate=0))
    embedded = EmbeddedServer(
        create_app(
            provider=sandbox_provider(settings),
            store=MemoryAssistantStore(),
            api_key=_KEY,
            models=["sandbox"],
        )
    )
    yield embedded.start()
    embedded.stop()


class AskAlways:
    """A policy under which a person decides about everything."""

    def decide(self, call: object, spec: object) -> Ask:
        return Ask()


Open = Callable[..., App]


@pytest.fixture
def open_app(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("TEST_KEY", _KEY)
    profile = Profile(name="remote", base_url=server, model="sandbox", api_key_env="TEST_KEY")
    settings = Settings(profiles={"remote": profile}, default_profile="remote")
    opened: list[App] = []

    def open_one(policy: ApprovalPolicy | None = None) -> App:
        backend = start_backend(
            paths=resolve_paths(),
            settings=settings,
            policy=policy or ReadOnlyPolicy(),
            hide=lambda _: None,
        )
        app = App(backend)
        app._ids = itertools.count(next(_ids) * 1000)
        opened.append(app)
        return app

    yield open_one
    for app in opened:
        app.backend.close()


def _said(transcript: Transcript, run_id: str) -> str:
    """What the run has said so far."""
    run = transcript.runs.get(run_id)
    if run is None or run.tail_id == run.parent_id:
        return ""
    return transcript.messages[run.tail_id].text


class Watcher:
    """A screen that looks at one thread; ``reloads`` counts how often it had to start over."""

    def __init__(self, subscription: Subscription) -> None:
        self.transcript: Transcript = subscription.transcript
        self.feed = subscription.feed
        self.wire: list[WireEvent] = []
        self.reloads = 0

    @classmethod
    async def of(cls, app: App, thread: str = "t") -> Watcher:
        return cls(await app.services.run_log.subscribe(thread))

    async def until(self, seen: Callable[[Transcript], object], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not seen(self.transcript):
                await asyncio.sleep(0.01)
                self.take()

    def take(self) -> None:
        for item in self.feed.drain():
            if isinstance(item, Envelope):
                self.transcript.apply(item)
            elif isinstance(item, ThreadReloaded):
                self.transcript = item.transcript
                self.reloads += 1
            else:
                self.wire.append(item)


async def test_one_follows_live_what_the_other_is_answered(open_app: Open) -> None:
    one, two = open_app(), open_app()
    await one.ask("What is 1+1?")
    watcher = await Watcher.of(two)
    run_id = await one.send(_SLOW)
    await watcher.until(lambda t: _said(t, run_id))
    first = len(_said(watcher.transcript, run_id))
    await watcher.until(lambda t: len(_said(t, run_id)) > first)
    assert watcher.reloads == 0
    assert watcher.wire
    await one.services.conversations.cancel("t", run_id)
    await watcher.until(lambda t: t.runs[run_id].state is RunState.FINISHED)
    assert watcher.transcript.view() == (await one.transcript()).view()
    raw = await two.services.run_log.wire(run_id)
    assert [event.index for event in watcher.wire if event.run_id == run_id] == list(
        range(len(raw))
    )


async def test_lists_follow_too(open_app: Open) -> None:
    one, two = open_app(), open_app()
    changes = two.services.library.watch()
    await two.services.library.threads(100)
    known: dict[str, ThreadSummary] = {}

    async def until(seen: Callable[[ThreadSummary], bool]) -> None:
        async with asyncio.timeout(10):
            while "t" not in known or not seen(known["t"]):
                await asyncio.sleep(0.01)
                known.update({each.id: each for each in changes.drain()})

    run_id = await one.send(_SLOW)
    await until(lambda t: t.running and t.elsewhere)
    await one.services.conversations.cancel("t", run_id)
    await until(lambda t: not t.running and t.unread)
    await one.services.library.rename("t", "Another title")
    await until(lambda t: t.title == "Another title")
    await one.services.library.delete("t")
    await until(lambda t: t.deleted)


async def test_a_run_can_be_stopped_from_the_other(open_app: Open) -> None:
    one, two = open_app(), open_app()
    run_id = await one.send(_SLOW)
    watcher = await Watcher.of(two)
    await two.services.conversations.cancel("t", run_id)
    await watcher.until(lambda t: t.runs[run_id].outcome is Outcome.CANCELLED)
    assert (await two.ask("And now?")).outcome is Outcome.COMPLETED


async def test_a_call_can_be_decided_from_the_other(open_app: Open) -> None:
    one, two = open_app(AskAlways()), open_app()
    run_id = await one.send("What is 17*23?")
    watcher = await Watcher.of(two)
    await watcher.until(lambda t: t.runs[run_id].state is RunState.WAITING)
    (call,) = watcher.transcript.calls_of(run_id)
    yes = Decision(approved=True, by="user")
    await two.services.conversations.decide("t", run_id, call.call_id, yes)
    await watcher.until(lambda t: t.runs[run_id].outcome is Outcome.COMPLETED)
    assert watcher.transcript.calls[run_id, call.call_id].state is ToolState.DONE


async def test_a_message_from_the_other_waits_its_turn(open_app: Open) -> None:
    one, two = open_app(AskAlways()), open_app()
    run_id = await one.send("What is 17*23?")
    watcher = await Watcher.of(two)
    await watcher.until(lambda t: t.runs[run_id].state is RunState.WAITING)
    command = SendMessage(thread_id="t", message_id="q", run_id="qr", text="Hello?", queue=True)
    await two.services.conversations.send(command)
    await watcher.until(lambda t: "q" in t.queue)
    with pytest.raises(BusyError):
        await two.send("without a queue")
    (call,) = watcher.transcript.calls_of(run_id)
    no = Decision(approved=False, by="user")
    await two.services.conversations.decide("t", run_id, call.call_id, no)
    await watcher.until(lambda t: "qr" in t.runs and t.runs["qr"].state is RunState.FINISHED)
    assert watcher.transcript.queue == {}


async def test_a_run_can_be_taken_over_and_goes_on(open_app: Open) -> None:
    one, two = open_app(AskAlways()), open_app(AskAlways())
    run_id = await one.send("What is 17*23?")
    watcher = await Watcher.of(one)
    await watcher.until(lambda t: t.runs[run_id].state is RunState.WAITING)
    await two.services.conversations.resume("t")
    await watcher.until(lambda t: t.runs[run_id].owner == two.backend.store.owner)
    (call,) = watcher.transcript.calls_of(run_id)
    assert call.state is ToolState.APPROVAL
    yes = Decision(approved=True, by="user")
    await one.services.conversations.decide("t", run_id, call.call_id, yes)
    await watcher.until(lambda t: t.runs[run_id].outcome is Outcome.COMPLETED)
    assert "391" in watcher.transcript.path()[-1].text


async def test_letting_go_and_settling_at_the_next_start(open_app: Open) -> None:
    one = open_app()
    scenario = "```sandbox\nrate = 20\n[[step]]\nsay = { tokens = 40, kind = 'paragraphs' }\n```"
    run_id = await one.send(scenario)
    watcher = await Watcher.of(one)
    await watcher.until(lambda t: _said(t, run_id))
    await asyncio.to_thread(one.backend.close, cancel=False)
    two = open_app()
    transcript = await two.transcript()
    assert transcript.runs[run_id].settle
    shown = _said(transcript, run_id)
    two.backend.settle()
    watcher = await Watcher.of(two)
    await watcher.until(lambda t: t.runs[run_id].state is RunState.FINISHED)
    assert watcher.transcript.runs[run_id].outcome is Outcome.COMPLETED
    whole = _said(watcher.transcript, run_id)
    assert whole.startswith(shown)
    assert len(whole) > len(shown)


async def test_private_threads_are_nowhere_on_disk(open_app: Open) -> None:
    one, two = open_app(), open_app()
    await one.ask("The word is xylophone-4711.", thread="private-1")
    assert (await one.transcript("private-1")).path()[-1].text
    assert [each.id for each in await one.services.library.threads()] == ["private-1"]
    assert list(await two.services.library.threads()) == []
    await one.services.library.save_draft("private-1", "xylophone-4711 draft")
    data = resolve_paths().data
    for path in data.rglob("*"):
        if path.is_file():
            assert b"xylophone-4711" not in path.read_bytes(), path
