"""The whole path in one process: engine, Assistants provider, embedded server, sandbox, store."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tui.config.paths import resolve_paths
from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import Outcome, RunState, ToolState, WireEvent
from tui.core.services import SendMessage
from tui.core.settings import Profile, SandboxSettings, Settings
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import Backend, start_backend

_READ_TIMEOUT = 0.4


def settings(rate: float = 0) -> Settings:
    """The sandbox behind the embedded server, as fast as it can, with a short patience."""
    profile = Profile(
        name="sandbox",
        embedded=True,
        model="sandbox",
        api_key_env="",
        read_timeout=_READ_TIMEOUT,
    )
    return Settings(
        profiles={"sandbox": profile}, default_profile="sandbox", sandbox=SandboxSettings(rate=rate)
    )


class App:
    """What a front end does, without a screen."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.services = backend.services
        self._ids = itertools.count(1)

    async def send(self, text: str, thread: str = "t", profile: str | None = None) -> str:
        number = next(self._ids)
        run_id = f"run{number}"
        command = SendMessage(
            thread_id=thread,
            message_id=f"message{number}",
            run_id=run_id,
            text=text,
            profile=profile,
        )
        await self.services.conversations.send(command)
        return run_id

    async def ask(self, text: str, thread: str = "t", profile: str | None = None) -> Run:
        run_id = await self.send(text, thread, profile)
        return (await self.until_done(run_id, thread)).runs[run_id]

    async def until_done(self, run_id: str, thread: str = "t") -> Transcript:
        subscription = await self.services.run_log.subscribe(thread)
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        subscription.feed.notify(lambda: loop.call_soon_threadsafe(arrived.set))
        transcript = subscription.transcript
        async with asyncio.timeout(30):
            while transcript.runs[run_id].state is not RunState.FINISHED:
                await arrived.wait()
                arrived.clear()
                for item in subscription.feed.drain():
                    if isinstance(item, Envelope):
                        transcript.apply(item)
        subscription.feed.close()
        return transcript

    async def transcript(self, thread: str = "t") -> Transcript:
        subscription = await self.services.run_log.subscribe(thread)
        subscription.feed.close()
        return subscription.transcript


def _start() -> Backend:
    return start_backend(
        paths=resolve_paths(), settings=settings(), policy=ReadOnlyPolicy(), hide=lambda _: None
    )


@pytest.fixture
def app() -> Iterator[App]:
    backend = _start()
    yield App(backend)
    backend.close()


async def test_the_main_job(app: App) -> None:
    run = await app.ask("What time is it in Tokyo and in Paris, and what is 17*23?")
    assert (run.outcome, run.rounds) == (Outcome.COMPLETED, 2)
    transcript = await app.transcript()
    assert [call.state for call in transcript.calls.values()] == [ToolState.DONE] * 3
    answer = transcript.path()[-1].text
    for call in transcript.calls.values():
        assert str(call.output) in answer
    names = [event.name for event in await app.services.run_log.wire(run.id)]
    assert names.count("done") == 2
    assert names.count("thread.run.requires_action") == 1
    assert names[-2:] == ["thread.run.completed", "done"]


async def test_the_thread_goes_on_after_a_restart_and_the_remote_one_is_built_anew() -> None:
    backend = _start()
    try:
        app = App(backend)
        first = await app.ask("My name is Ada.")
        before = (await app.transcript()).view()
    finally:
        await asyncio.to_thread(backend.close)
    backend = _start()
    try:
        app = App(backend)
        app._ids = itertools.count(10)
        assert (await app.transcript()).view() == before
        run = await app.ask("And now?")
        assert run.outcome is Outcome.COMPLETED
        assert run.notices == []  # the embedded server forgets by design
        again = await app.ask("And again?")
        assert _remote_thread(first) != _remote_thread(run) == _remote_thread(again)
    finally:
        await asyncio.to_thread(backend.close)


def _remote_thread(run: Run) -> str:
    assert run.continuation is not None
    return str(run.continuation["thread_id"])


async def test_live_and_reloaded_are_the_same(app: App) -> None:
    run_id = await app.send("What is 2**10 and what time is it in Lima?")
    live = await app.until_done(run_id)
    assert (await app.transcript()).view() == live.view()


# What each fault ends as, and a word that the reader gets to see.
_FAULTS = {
    "error_event": (Outcome.FAILED, ""),
    "run_failed": (Outcome.FAILED, "asked to fail"),
    "rate_limit": (Outcome.FAILED, "rate"),
    "disconnect": (Outcome.COMPLETED, "connection was lost"),
    "truncate": (Outcome.COMPLETED, "ended too early"),
    "stall": (Outcome.COMPLETED, "connection was lost"),
    "malformed": (Outcome.COMPLETED, None),
    "unknown_event": (Outcome.COMPLETED, None),
    "malformed_arguments": (Outcome.COMPLETED, None),
    "refusal": (Outcome.COMPLETED, None),
    "length": (Outcome.INCOMPLETE, "limit of completion tokens"),
}


@pytest.mark.parametrize("kind", _FAULTS)
async def test_every_fault_ends_in_words_and_the_next_message_works(app: App, kind: str) -> None:
    scenario = (
        f"```sandbox\n[[step]]\nsay = 'Before the fault.'\n[[step]]\nfail = '{kind}'\n"
        "[[step]]\nsay = 'After the fault.'\n```"
    )
    run = await app.ask(scenario)
    outcome, word = _FAULTS[kind]
    assert run.outcome is outcome
    said = [*run.notices, run.reason]
    said += [run.error.message, run.error.hint] if run.error else []
    if word is not None:
        assert word in " ".join(said).lower()
    if outcome is not Outcome.COMPLETED:
        assert run.error is not None or run.reason
    text = "\n".join(message.text for message in (await app.transcript()).path())
    assert "Before the fault." in text
    assert (await app.ask("And now?")).outcome is Outcome.COMPLETED


async def test_the_raw_events_tell_what_was_odd(app: App) -> None:
    subscription = await app.services.run_log.subscribe("t")
    await app.ask("```sandbox\n[[step]]\nfail = 'unknown_event'\n[[step]]\nsay = 'x'\n```")
    items = subscription.feed.drain()
    subscription.feed.close()
    raw = {item.index: item for item in items if isinstance(item, WireEvent)}
    unknown = [
        item
        for item in items
        if isinstance(item, Envelope) and type(item.event).__name__ == "UnknownEvent"
    ]
    assert len(unknown) == 1
    assert unknown[0].wire is not None
    assert raw[unknown[0].wire].name == unknown[0].event.name  # type: ignore[union-attr]  # it is one


async def test_cancel_frees_the_remote_thread(app: App) -> None:
    scenario = "```sandbox\nrate = 50\n[[step]]\nsay = { tokens = 5000, kind = 'paragraphs' }\n```"
    run_id = await app.send(scenario)
    while not (await app.transcript()).runs[run_id].first_delta_mono:
        await asyncio.sleep(0.01)
    await app.services.conversations.cancel("t", run_id)
    transcript = await app.until_done(run_id)
    assert transcript.runs[run_id].outcome is Outcome.CANCELLED
    assert transcript.path()[-1].text
    assert (await app.ask("And now?")).outcome is Outcome.COMPLETED


async def test_two_threads_answer_at_once(app: App) -> None:
    runs = await asyncio.gather(*(app.ask("What is 6*7?", thread=f"t{n}") for n in range(8)))
    assert {run.outcome for run in runs} == {Outcome.COMPLETED}


def test_closing_leaves_no_thread_and_no_process_behind() -> None:
    before = set(threading.enumerate())
    backend = _start()
    asyncio.run(App(backend).ask("What is 1+1?"))
    backend.close()
    left = {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}
    assert {name for name in left if not name.startswith("asyncio_")} == set()


def test_a_disk_that_fails_at_the_end_is_told_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full() -> None:
        raise StoreError("The disk is full.")

    backend = _start()
    monkeypatch.setattr(backend.store, "barrier", full)
    with pytest.raises(StoreError):
        backend.close()
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"engine", "store-writer"}


def test_embedded_profiles_share_a_server_that_ends_with_them() -> None:
    before = set(threading.enumerate())  # other tests keep a server for the whole session

    def servers() -> int:
        return sum(each.name == "server" for each in set(threading.enumerate()) - before)

    one = settings()
    other = replace(one.profiles["sandbox"], name="other", instructions="Be brief.")
    two = replace(one, profiles={**one.profiles, "other": other})
    backend = start_backend(
        paths=resolve_paths(), settings=two, policy=ReadOnlyPolicy(), hide=lambda _: None
    )
    app = App(backend)
    assert asyncio.run(app.ask("What is 1+1?")).outcome is Outcome.COMPLETED
    assert asyncio.run(app.ask("And 2+2?", profile="other")).outcome is Outcome.COMPLETED
    shared = servers()
    backend.close()
    assert (shared, servers()) == (1, 0)


def test_no_key_of_the_embedded_server_reaches_the_disk() -> None:
    hidden: list[str | None] = []
    backend = start_backend(
        paths=resolve_paths(), settings=settings(), policy=ReadOnlyPolicy(), hide=hidden.append
    )
    asyncio.run(App(backend).ask("What is 1+1?"))
    backend.close()
    (key,) = {secret for secret in hidden if secret}
    for path in Path(os.environ["TICKERTAPE_HOME"]).rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
