"""The engine beside other processes: who acts for whom, and what is kept when a thread is taken."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import Source
from tests.fakes.provider import Pause, ScriptedProvider, Turn, called, said
from tests.fakes.toolset import Always, FakeToolset, echo
from tui.core import codec
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import Decision, Outcome, PartInput, RunId, RunState, ThreadId
from tui.core.ports import Ask, Request
from tui.core.services import SendMessage, ThreadReloaded
from tui.core.settings import Limits, Profile
from tui.core.transcript import Transcript
from tui.engine.conversations import EngineConversations
from tui.engine.following import Following
from tui.engine.library import EngineLibrary
from tui.engine.threads import Threads
from tui.store.thread_store import SqliteThreadStore

# Two stores in one process are two owners: locks belong to open files, not to processes.


class ListeningSource(Source):
    """``asked`` is set when somebody wants the profile that is not there."""

    def __init__(self, given: ScriptedProvider) -> None:
        super().__init__(given)
        self.asked = asyncio.Event()

    def profile(self, name: str | None) -> Profile:
        if name == self.absent:
            self.asked.set()
        return super().profile(name)


class Process:
    """A Tickertape without a screen; it hears nothing of others before ``following`` starts."""

    def __init__(self, store: SqliteThreadStore, *turns: Turn) -> None:
        self.store = store
        self.provider = ScriptedProvider(list(turns))
        self.source = ListeningSource(self.provider)
        self.threads = Threads(store)
        self.conversations = EngineConversations(
            threads=self.threads,
            providers=self.source,
            toolset=FakeToolset({"echo": echo}),
            policy=Always(Ask()),
            limits=Limits(),
            owner=store.owner,
        )
        self.library = EngineLibrary(self.threads, self.conversations)
        self.following = Following(self.threads, self.conversations)

    async def send(self, text: str = "hello", *, number: int = 1) -> None:
        command = SendMessage(
            thread_id="t", message_id=f"u{number}", run_id=f"r{number}", text=text
        )
        await self.conversations.send(command)

    async def transcript(self) -> Transcript:
        found = await self.store.load("t")
        assert found is not None
        return found

    @staticmethod
    def _is(transcript: Transcript, run_id: RunId, state: RunState) -> bool:
        return run_id in transcript.runs and transcript.runs[run_id].state is state

    async def until(self, run_id: RunId, state: RunState) -> None:
        async with asyncio.timeout(10):
            while not self._is(await self.transcript(), run_id, state):
                await asyncio.sleep(0.01)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[SqliteThreadStore]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(SqliteThreadStore.open(tmp_path / "t.db", role)))
            for role in ("app", "ask")
        ]


def _answering() -> Turn:
    return [*said("the first half", end=None), Pause(asyncio.Event())]


async def test_settling_at_the_start_takes_nothing_from_another_process(
    stores: list[SqliteThreadStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = Process(stores[0], _answering()), Process(stores[1])
    await here.send()

    async def as_a_moment_ago() -> Sequence[tuple[ThreadId, RunId]]:
        return [("t", "r1")]

    monkeypatch.setattr(there.store, "unsettled", as_a_moment_ago)
    await there.conversations.settle()
    run = (await there.transcript()).runs["r1"]
    assert (run.state, run.owner) == (RunState.RUNNING, here.store.owner)
    assert await here.store.requests() == []
    await here.conversations.close(cancel=True)


async def test_after_a_robbery_as_many_events_later_the_thread_is_the_robbers(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0]).threads, Process(stores[1]).threads
    mine = await here.hold("t")
    mine.append(e.ThreadCreated(title="begun"))
    await mine.barrier()
    _, feed = await here.subscribe("t")
    other = await there.hold("t", force=True)
    other.append(e.ThreadChanged(title="theirs"))
    await other.barrier()
    there.let_go(other)
    await stores[1].barrier()
    mine.append(e.ThreadChanged(title="mine"))
    await mine.barrier()
    here.lost("t")
    here.let_go(mine)
    async with here.writing("t") as log:
        assert log.transcript.title == "theirs"
    assert isinstance(feed.drain()[-1], ThreadReloaded)


async def test_what_is_written_after_a_robbery_in_a_thread_that_came_back_is_kept(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0]).threads, Process(stores[1]).threads
    first = await here.hold("t")
    first.append(e.ThreadCreated(title="begun"))
    await first.barrier()
    there.let_go(await there.hold("t", force=True))
    await stores[1].barrier()
    here.lost("t")
    async with here.writing("t") as log:
        reloading = asyncio.create_task(here.reload("t"))
        await asyncio.sleep(0)
        log.append(e.ThreadChanged(title="again"))
        await reloading
        log.append(e.ThreadChanged(profile="other"))
        await log.barrier()
    here.let_go(first)
    loaded = await stores[0].load("t")
    assert loaded is not None
    assert (loaded.title, loaded.profile) == ("again", "other")


async def test_nothing_is_shown_that_a_robbed_process_says_after_it_knows(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0]).threads, Process(stores[1]).threads
    mine = await here.hold("t")
    mine.append(e.ThreadCreated(title="begun"))
    await mine.barrier()
    _, feed = await here.subscribe("t")
    there.let_go(await there.hold("t", force=True))
    here.lost("t")
    mine.append(e.ThreadChanged(title="too late"))
    assert feed.drain() == []
    here.let_go(mine)


async def test_a_decision_is_heard_while_another_command_holds_the_thread(
    stores: list[SqliteThreadStore],
) -> None:
    before = Process(stores[0], called(("c1", "echo", "{}")))
    await before.send()
    await before.until("r1", RunState.WAITING)
    await before.conversations.close(cancel=False)
    await before.store.barrier()
    waits = called(("c1", "echo", "{}"))[-1:]
    here = Process(stores[1], waits, said("done", message="m2"))
    log = await here.threads.hold("t")
    yes = Decision(approved=True, by="user")
    await here.conversations.decide("t", "r1", "c1", yes)
    here.threads.let_go(log)
    await here.until("r1", RunState.FINISHED)
    assert (await here.transcript()).runs["r1"].outcome is Outcome.COMPLETED


async def test_a_decision_that_was_passed_on_resumes_an_interrupted_run(
    stores: list[SqliteThreadStore],
) -> None:
    before = Process(stores[0], called(("c1", "echo", "{}")))
    await before.send()
    await before.until("r1", RunState.WAITING)
    await before.conversations.close(cancel=False)
    here = Process(stores[0], called(("c1", "echo", "{}"))[-1:], said("done", message="m2"))
    log = await here.threads.hold("t")
    await here.following.start()
    there = Process(stores[1])
    await there.conversations.decide("t", "r1", "c1", Decision(approved=True, by="user"))
    await here.until("r1", RunState.FINISHED)
    await here.following.stop()
    here.threads.let_go(log)


async def test_a_request_that_cannot_be_met_is_no_crash(stores: list[SqliteThreadStore]) -> None:
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: broken.append(what))
    here = Process(stores[0])
    log = await here.threads.hold("t")
    await here.following.start()
    parts = (PartInput(text="Hi"),)
    message = e.MessageQueued(message_id="u1", run_id="r1", parts=parts, profile="absent")
    data = codec.encode(message)
    request = Request(thread_id="t", kind="queue", run_id="r1", data=data)
    assert await stores[1].post(request)
    await asyncio.wait_for(here.source.asked.wait(), 10)
    here.threads.let_go(log)
    await here.following.stop()
    gc.collect()
    assert list((await here.transcript()).queue) == ["u1"]
    assert broken == []


async def test_a_message_to_a_thread_that_was_just_taken_over_is_refused_not_lost(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0], said("unheard")), Process(stores[1])
    await here.following.start()
    mine = await here.threads.hold("t")
    there.threads.let_go(await there.threads.hold("t", force=True))
    await there.store.barrier()
    with pytest.raises(BusyError):
        await here.send("do not lose me")
    here.threads.let_go(mine)
    await here.send("do not lose me")
    await here.until("r1", RunState.FINISHED)
    assert (await here.transcript()).messages["u1"].text == "do not lose me"
    await here.following.stop()


async def test_a_thread_that_was_taken_before_its_first_word_can_be_written_again(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0], said("heard")), Process(stores[1])
    _, feed = await here.threads.subscribe("t")
    mine = await here.threads.hold("t")
    there.threads.let_go(await there.threads.hold("t", force=True))
    await there.store.barrier()
    here.threads.lost("t")
    here.threads.let_go(mine)
    await here.send()
    await here.until("r1", RunState.FINISHED)
    feed.close()


async def test_a_death_is_noticed_though_nothing_is_written_after_the_list_was_read(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0]), Process(stores[1], _answering())
    await there.send()
    await there.provider.paused.wait()
    await there.store.barrier()
    looked, catch_up = asyncio.Event(), here.threads.catch_up

    async def noticed() -> None:
        await catch_up()
        looked.set()

    here.threads.catch_up = noticed  # type: ignore[method-assign]  # to know when
    await here.following.start()
    await asyncio.wait_for(looked.wait(), 10)
    assert (await here.library.threads())[0].elsewhere
    watching = here.library.watch()
    stores[1]._owner.release()  # all that others see of a death
    changed = asyncio.Event()
    watching.notify(changed.set)
    await asyncio.wait_for(changed.wait(), 10)
    assert watching.drain()[-1].interrupted
    watching.close()
    await here.following.stop()
    there.threads.lost("t")
    await there.conversations.lost("t")


async def test_a_command_that_waited_while_the_thread_was_taken_is_refused(
    stores: list[SqliteThreadStore],
) -> None:
    here, there = Process(stores[0]), Process(stores[1])
    mine = await here.threads.hold("t")
    mine.append(e.ThreadCreated(title="begun"))
    await mine.barrier()
    await mine.commands.acquire()
    renaming = asyncio.create_task(here.library.rename("t", "mine"))
    await asyncio.sleep(0)
    theirs = await there.threads.hold("t", force=True)
    here.threads.lost("t")
    await here.conversations.lost("t")
    mine.commands.release()
    with pytest.raises(BusyError):
        await renaming
    here.threads.let_go(mine)
    there.threads.let_go(theirs)


async def test_a_message_left_in_the_last_moment_of_a_run_goes_out_by_itself(
    stores: list[SqliteThreadStore],
) -> None:
    gate = asyncio.Event()
    holder = Process(stores[0], [Pause(gate), *said("first")], said("second", message="m2"))
    other = Process(stores[1])
    await holder.send()
    await holder.provider.paused.wait()
    command = SendMessage(thread_id="t", message_id="q", run_id="rq", text="late", queue=True)
    await other.conversations.send(command)
    gate.set()  # the holder has not looked yet: it does not even follow
    await holder.until("rq", RunState.FINISHED)
    assert (await holder.transcript()).runs["rq"].outcome is Outcome.COMPLETED
