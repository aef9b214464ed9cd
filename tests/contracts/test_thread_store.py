"""What every ThreadStore promises, the one in memory that other tests rely on included."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core import events as e
from tui.core.events import Envelope
from tui.core.models import Outcome, PartInput, RunState, ToolState, WireEvent
from tui.core.ports import Request, ThreadStore
from tui.store.memory_store import MemoryThreadStore
from tui.store.split_store import SplitThreadStore
from tui.store.thread_store import SqliteThreadStore


class OwnedStore(ThreadStore, Protocol):
    """A store that can name the process it belongs to."""

    @property
    def owner(self) -> str: ...


@pytest.fixture(params=["memory", "sqlite", "split"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OwnedStore]:
    made = _make(request.param, tmp_path)
    for thread_id in ("thread-0", "thread-1", "thread-2", "a", "b", "other"):
        await made.claim(thread_id)
    yield made
    made.close()


def _make(kind: str, tmp_path: Path) -> MemoryThreadStore | SqliteThreadStore | SplitThreadStore:
    if kind == "memory":
        return MemoryThreadStore()
    sqlite = SqliteThreadStore.open(tmp_path / "data" / "t.db")
    return sqlite if kind == "sqlite" else SplitThreadStore(sqlite, MemoryThreadStore())


def _conversation(thread: str = "thread-1", *, at: float = 1_000.0, run: str = "r1") -> LogBuilder:
    build = LogBuilder(thread, at=at)
    build.created()
    build.asked()
    build.started(run)
    build.answering(run)
    build.words("The ", "answer", ".", run=run)
    build.ended(run)
    return build


async def test_an_unknown_thread_is_none(store: OwnedStore) -> None:
    assert await store.load("nobody") is None
    assert await store.threads() == []
    assert list(await store.wire("no run")) == []
    assert await store.draft("nothing") == ""


async def test_load_shows_everything_appended_so_far(store: OwnedStore) -> None:
    build = LogBuilder()
    stages: tuple[Callable[[], list[Envelope]], ...] = (
        build.created,
        build.asked,
        build.started,
        build.answering,
        lambda: build.words("one", " ", "two"),
        build.calling,
        lambda: build.words(" three"),
        build.ended,
        lambda: build.asked("m2", "And then?"),
    )
    for stage in stages:
        store.append(stage())
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)


async def test_one_envelope_at_a_time_is_the_same_as_all_at_once(store: OwnedStore) -> None:
    build = _conversation()
    for envelope in build.log:
        store.append([envelope])
    await store.barrier()
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


async def test_appending_again_changes_nothing(store: OwnedStore) -> None:
    build = _conversation()
    store.append(build.log)
    store.append(build.log)
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


async def test_a_loaded_thread_belongs_to_the_caller(store: OwnedStore) -> None:
    build = _conversation()
    store.append(build.log)
    mine = await store.load("thread-1")
    assert mine is not None
    LogBuilder.going_on(mine).asked("m9")
    again = await store.load("thread-1")
    assert again is not None
    assert "m9" not in again.messages


async def test_threads_are_listed_with_the_newest_first(store: OwnedStore) -> None:
    for number, at in enumerate((2_000.0, 4_000.0, 3_000.0)):
        build = _conversation(f"thread-{number}", at=at, run=f"run-{number}")
        store.append(build.log)
    listed = await store.threads()
    assert [each.id for each in listed] == ["thread-1", "thread-2", "thread-0"]
    assert [each.id for each in await store.threads(2)] == ["thread-1", "thread-2"]
    summary = listed[0]
    assert (summary.title, summary.profile, summary.messages) == ("A thread", "sandbox", 2)
    assert summary.created_at < summary.updated_at
    assert not summary.deleted


async def test_a_thread_runs_while_its_owner_drives_a_run(store: OwnedStore) -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started(owner=store.owner)
    build.answering()
    store.append(build.log)
    (running,) = await store.threads()
    assert running.running
    assert running.messages == 2
    store.append(build.ended())
    (done,) = await store.threads()
    assert not done.running
    assert done.messages == 2


async def test_what_nobody_looked_at_is_unread(store: OwnedStore) -> None:
    build = _conversation()
    store.append(build.log)
    assert [each.unread for each in await store.threads()] == [True]
    await store.mark_read("thread-1", build.live.seq)
    assert [each.unread for each in await store.threads()] == [False]
    await store.mark_read("thread-1", 1)  # a late, older mark does not go back
    assert [each.unread for each in await store.threads()] == [False]
    store.append(build.asked("m2"))
    assert [each.unread for each in await store.threads()] == [True]


async def test_raw_events_are_kept_per_run_and_in_order(store: OwnedStore) -> None:
    first, second = _conversation("a", run="run-a"), _conversation("b", run="run-b")
    store.append([*first.log, *second.log])
    events = {run: _wire(run, 5) for run in ("run-a", "run-b")}
    for pair in zip(events["run-a"], events["run-b"], strict=True):
        store.append_wire(pair)
    for run, expected in events.items():
        assert list(await store.wire(run)) == expected


async def test_drafts_are_kept_replaced_and_removed(store: OwnedStore) -> None:
    await store.save_draft("new", "Dear mod")
    await store.save_draft("new", "Dear model")
    await store.save_draft("thread-1", "other")
    assert await store.draft("new") == "Dear model"
    await store.save_draft("new", "")
    assert await store.draft("new") == ""
    assert await store.draft("thread-1") == "other"


async def test_delete_removes_the_thread_and_all_that_belongs_to_it(store: OwnedStore) -> None:
    build, other = _conversation(), _conversation("other", run="other-run")
    store.append([*build.log, *other.log])
    store.append_wire([*_wire("r1", 2), *_wire("other-run", 2)])
    await store.save_draft("thread-1", "unsent")
    assert await store.delete("thread-1")
    assert await store.load("thread-1") is None
    assert list(await store.wire("r1")) == []
    assert await store.draft("thread-1") == ""
    assert [each.id for each in await store.threads()] == ["other"]
    assert len(await store.wire("other-run")) == 2
    assert not await store.delete("thread-1")


async def test_a_deleted_thread_can_be_begun_anew(store: OwnedStore) -> None:
    store.append(_conversation().log)
    await store.delete("thread-1")
    assert await store.claim("thread-1") == 0
    again = LogBuilder()
    store.append([*again.created("Another"), *again.asked("other message")])
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(again.live)


async def test_recover_interrupts_a_run_whose_process_is_gone(store: OwnedStore) -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started(owner="")
    build.answering()
    build.words("half an ans")
    build.calling()
    build.add(e.ToolStarted(call_id="c1"), "r1")
    store.append(build.log)
    assert list(await store.recover()) == ["r1"]
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert loaded.runs["r1"].state is RunState.INTERRUPTED
    assert loaded.active_run() is None
    assert str(loaded.parts["a1-text"].text) == "half an ans"
    assert loaded.calls["r1", "c1"].state is ToolState.INTERRUPTED
    assert loaded.messages["a1"].complete is None
    assert list(await store.recover()) == []
    assert [(each.running, each.interrupted) for each in await store.threads()] == [(False, True)]


async def test_an_interrupted_thread_goes_on(store: OwnedStore) -> None:
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(owner=""), *build.answering()])
    await store.recover()
    loaded = await store.load("thread-1")
    assert loaded is not None
    more = LogBuilder.going_on(loaded)
    store.append([*more.asked("m2"), *more.started("r2"), *more.answering("r2", "a2")])
    store.append([*more.words("fine", run="r2", message="a2"), *more.ended("r2")])
    again = await store.load("thread-1")
    assert again is not None
    assert everything(again) == everything(more.live)
    assert again.runs["r2"].outcome is Outcome.COMPLETED


async def test_claim_says_how_far_the_thread_goes(store: OwnedStore) -> None:
    assert await store.claim("thread-1") == 0
    build = _conversation()
    store.append(build.log)
    assert await store.claim("thread-1") == build.live.seq
    assert await store.claim("thread-1", force=True) == build.live.seq
    store.release("thread-1")
    assert await store.claim("thread-1") == build.live.seq
    more = LogBuilder.going_on(build.live)
    store.append(more.asked("m2"))
    assert await store.claim("thread-1") == more.live.seq


async def test_tail_is_what_load_has_not_seen(store: OwnedStore) -> None:
    assert await store.tail("nobody", 0) is None
    build = _conversation()
    store.append(build.log)
    seen = await store.load("thread-1")
    assert seen is not None
    assert list(await store.tail("thread-1", seen.seq) or ()) == []
    for number in range(2):
        store.append(build.asked(f"more-{number}"))
        tail = await store.tail("thread-1", seen.seq)
        assert tail is not None
        assert everything(seen.apply_all(tail)) == everything(build.live)
    await store.delete("thread-1")
    assert await store.tail("thread-1", seen.seq) is None


async def test_raw_events_can_be_read_on_from_where_one_was(store: OwnedStore) -> None:
    store.append(_conversation().log)
    events = _wire("r1", 5)
    store.append_wire(events)
    assert list(await store.wire("r1", 2)) == list(events[3:])
    assert list(await store.wire("r1", 4)) == []


async def test_nobody_is_asked_where_nobody_else_is(store: OwnedStore) -> None:
    store.append(_conversation().log)
    store.release("thread-1")
    assert not await store.post(Request(thread_id="thread-1", kind="hand_over"))
    assert not await store.post(Request(thread_id="", kind="cancel", run_id="nobody's"))
    assert list(await store.requests()) == []


async def test_messages_wait_until_they_are_sent_or_taken_back(store: OwnedStore) -> None:
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    for message in ("q1", "q2", "q3"):
        parts = (PartInput(text=f"about {message}"),)
        queued = e.MessageQueued(message_id=message, run_id=f"run-{message}", parts=parts)
        store.append([build.add(queued)])
    store.append([build.add(e.MessageUnqueued(message_id="q2"))])
    store.append([*build.ended(), *build.asked("q1")])
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)
    assert [each.text for each in loaded.queue.values()] == ["about q3"]


async def test_what_was_left_to_the_next_start_is_found_there(store: OwnedStore) -> None:
    for thread, settle in (("thread-0", True), ("thread-1", False), ("thread-2", True)):
        build = LogBuilder(thread)
        run = f"run-of-{thread}"
        store.append([*build.created(), *build.asked(), *build.started(run, store.owner)])
        store.append([*build.answering(run), build.add(e.RunInterrupted(settle=settle), run)])
    left = [("thread-0", "run-of-thread-0"), ("thread-2", "run-of-thread-2")]
    assert sorted(await store.unsettled()) == left
    assert [each.interrupted for each in await store.threads()] == [True] * 3
    assert not any(each.running for each in await store.threads())
    loaded = await store.load("thread-2")
    assert loaded is not None
    again = LogBuilder.going_on(loaded)
    store.append([again.add(e.RunResumed(owner=store.owner), "run-of-thread-2")])
    assert list(await store.unsettled()) == left[:1]
    summaries = {each.id: each for each in await store.threads()}
    assert summaries["thread-2"].running
    assert not summaries["thread-2"].interrupted
    store.append(again.ended("run-of-thread-2"))
    # What is over does not go on, and what was left behind another run stays as it is.
    store.append([again.add(e.RunResumed(owner=store.owner), "run-of-thread-2")])
    first = await store.load("thread-0")
    assert first is not None
    store.append(LogBuilder.going_on(first).started("r9", store.owner))
    assert list(await store.unsettled()) == []
    summaries = {each.id: each for each in await store.threads()}
    assert not summaries["thread-2"].running
    final = await store.load("thread-2")
    assert final is not None
    assert everything(final) == everything(again.live)


def test_any_event_loop_and_any_thread_will_do(store: OwnedStore) -> None:
    build = _conversation()
    feeder = threading.Thread(target=store.append, args=(build.log,))
    feeder.start()
    feeder.join()
    for _ in range(2):
        loaded = asyncio.run(store.load("thread-1"))
        assert loaded is not None
        assert everything(loaded) == everything(build.live)


def _wire(run: str, count: int) -> Sequence[WireEvent]:
    return [
        WireEvent(run_id=run, index=n, at=1.5 + n, mono=2.5 + n, name="x", data=f'{{"n":{n}}}')
        for n in range(count)
    ]
