"""Who may write: one process at a time, and whoever may no longer is refused and told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.listening import Listener
from tests.store.log_builder import LogBuilder, everything
from tui.core import codec
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import PartInput, RunState, ToolState, WireEvent
from tui.core.ports import Request
from tui.store.thread_store import SqliteThreadStore

# Two stores in one process are two owners: locks belong to open files, not to processes.


@pytest.fixture
def here(tmp_path: Path) -> Iterator[SqliteThreadStore]:
    with closing(SqliteThreadStore.open(tmp_path / "t.db", "app")) as store:
        yield store


@pytest.fixture
def there(tmp_path: Path, here: SqliteThreadStore) -> Iterator[SqliteThreadStore]:
    with closing(SqliteThreadStore.open(tmp_path / "t.db", "ask")) as store:
        yield store


async def _running(store: SqliteThreadStore) -> LogBuilder:
    """A run in the middle of its answer, one tool at work."""
    build = LogBuilder()
    await store.claim("thread-1")
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    store.append([*build.answering(), *build.words("half"), *build.calling()])
    store.append([build.add(e.ToolStarted(call_id="c1"), "r1")])
    await store.barrier()
    return build


def _queued(message: str = "q1", text: str = "And then?") -> e.MessageQueued:
    return e.MessageQueued(message_id=message, run_id="r9", parts=(PartInput(text=text),))


def _queue_request(message: str = "q1") -> Request:
    data = codec.encode(_queued(message))
    return Request(thread_id="thread-1", kind="queue", run_id="r9", data=data)


async def test_a_held_thread_is_busy_for_others_and_they_hear_who_has_it(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    assert await here.claim("thread-1") == 0
    with pytest.raises(BusyError) as caught:
        await there.claim("thread-1")
    process = f"Another Tickertape (process {os.getpid()})"
    assert str(caught.value) == f"{process} is writing in this thread."
    assert caught.value.hint
    assert await there.claim("another thread") == 0


async def test_a_thread_goes_from_hand_to_hand(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = LogBuilder()
    build.created()
    stores = [here, there]
    for turn in range(6):
        store = stores[turn % 2]
        assert await store.claim("thread-1") == (0 if turn == 0 else build.live.seq)
        assert await store.claim("thread-1") == (0 if turn == 0 else build.live.seq)
        build.asked(f"m{turn}")
        store.append(build.log)  # what is there already is not written twice
        store.release("thread-1")
        await store.barrier()
    for store in stores:
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
        tail = await store.tail("thread-1", 0)
        assert tail is not None
        assert [each.seq for each in tail] == list(range(1, build.live.seq + 1))


async def test_release_waits_for_what_was_appended(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = LogBuilder()
    await here.claim("thread-1")
    build.created()
    for number in range(500):
        build.asked(f"m{number}")
    for envelope in build.log:
        here.append([envelope])
    here.release("thread-1")
    await here.barrier()
    assert await there.claim("thread-1") == build.live.seq


async def test_what_is_appended_without_a_lease_is_dropped(here: SqliteThreadStore) -> None:
    build = LogBuilder()
    here.append(build.created())
    await here.barrier()
    assert await here.load("thread-1") is None


async def test_a_robbed_process_is_refused_and_told_once(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    listener = Listener()
    here.listen(listener)
    build = await _running(here)
    seq = build.live.seq
    assert await there.claim("thread-1", force=True) == seq + 1

    here.append([*build.words(" and more"), *build.ended()])
    here.append_wire([WireEvent(run_id="r1", index=0, at=1.0, mono=1.0, name="x", data="late")])
    await here.barrier()
    here.append(build.asked("m9"))
    await here.barrier()
    assert await listener.wait_for("lost") == "thread-1"
    await listener.wait_for("changed")
    assert listener.count("lost") == 1

    loaded = await here.load("thread-1")
    assert loaded is not None
    assert loaded.seq == seq + 1
    assert "m9" not in loaded.messages
    assert str(loaded.parts["a1-text"].text) == "half"
    assert loaded.runs["r1"].state is RunState.INTERRUPTED
    assert loaded.calls["r1", "c1"].state is ToolState.INTERRUPTED
    assert list(await there.wire("r1")) == []
    assert await here.tail("thread-1", build.live.seq) is None  # it went another way

    more = LogBuilder.going_on(loaded)
    there.append([more.add(e.RunResumed(owner=there.owner), "r1"), *more.words(" done")])
    await there.barrier()
    (summary,) = await here.threads()
    assert (summary.running, summary.elsewhere, summary.interrupted) == (True, True, False)
    (summary,) = await there.threads()
    assert (summary.running, summary.elsewhere, summary.interrupted) == (True, False, False)
    there.append(more.ended())
    there.release("thread-1")
    await there.barrier()
    assert await here.claim("thread-1") == more.live.seq


async def test_a_robbed_process_is_told_before_its_barrier_ends(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    """So that no tool starts whose start is not on disk: the barrier itself knows no thread."""
    listener = Listener()
    here.listen(listener)
    build = await _running(here)
    await there.claim("thread-1", force=True)
    here.append([build.add(e.ToolStarted(call_id="c1"), "r1")])
    await here.barrier()
    assert listener.count("lost") == 1


async def test_a_robbed_process_that_writes_nothing_is_told_too(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    listener = Listener()
    here.listen(listener)
    await here.claim("thread-1")
    await there.claim("thread-1", force=True)
    assert await listener.wait_for("lost") == "thread-1"


async def test_who_claims_again_writes_again(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = await _running(here)
    await there.claim("thread-1", force=True)
    here.append(build.words("refused"))
    there.release("thread-1")
    await there.barrier()
    assert await here.claim("thread-1") == build.live.seq  # its number went to the interruption
    loaded = await here.load("thread-1")
    assert loaded is not None
    again = LogBuilder.going_on(loaded)
    here.append(again.asked("m2"))
    await here.barrier()
    final = await there.load("thread-1")
    assert final is not None
    assert everything(final) == everything(again.live)


async def test_what_another_process_holds_is_not_recovered(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    """Its numbers belong to the holder, whatever it writes there."""
    build = LogBuilder()
    await there.claim("thread-1")
    there.append([*build.created(), *build.asked(), *build.started(owner="gone")])
    await there.barrier()
    assert list(await here.recover()) == []
    there.append(build.ended())
    loaded = await there.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


async def test_a_deleted_thread_is_lost_to_its_holder(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    listener = Listener()
    here.listen(listener)
    build = await _running(here)
    assert await there.delete("thread-1")
    here.append(build.words("ghost"))
    await here.barrier()
    assert await listener.wait_for("lost") == "thread-1"
    assert await here.load("thread-1") is None
    assert await here.threads() == []


async def test_deleting_what_one_holds_is_no_loss(here: SqliteThreadStore) -> None:
    listener = Listener()
    here.listen(listener)
    build = await _running(here)
    await here.delete("thread-1")
    here.append(build.words("ghost"))
    await here.barrier()
    assert listener.count("lost") == 0


async def test_a_closed_store_holds_nothing(tmp_path: Path, here: SqliteThreadStore) -> None:
    other = SqliteThreadStore.open(tmp_path / "t.db")
    await other.claim("thread-1")
    other.close()
    other.release("thread-1")  # which a closed store has done
    assert await here.claim("thread-1") == 0


async def test_requests_go_to_the_holder_once_and_in_order(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    await _running(here)
    await there.claim("elsewhere")
    asked = [
        Request(thread_id="thread-1", kind="cancel", run_id="r1"),
        _queue_request(),
        Request(thread_id="thread-1", kind="decide", run_id="r1", data={"call": "c1", "x": [1]}),
        Request(thread_id="thread-1", kind="hand_over"),
    ]
    assert [await there.post(each) for each in asked] == [True] * 4
    assert list(await there.requests()) == []
    assert list(await here.requests()) == asked
    assert list(await here.requests()) == []
    assert await there.post(asked[0])
    assert list(await here.requests()) == [asked[0]]


async def test_a_request_finds_the_thread_of_its_run(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    await _running(here)
    assert await there.post(Request(thread_id="", kind="cancel", run_id="r1"))
    assert not await there.post(Request(thread_id="", kind="cancel", run_id="unknown"))
    expected = Request(thread_id="thread-1", kind="cancel", run_id="r1")
    assert list(await here.requests()) == [expected]


async def test_nobody_is_asked_when_nobody_holds_the_thread(
    tmp_path: Path, here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = await _running(here)
    here.append(build.ended())
    here.release("thread-1")
    await here.barrier()
    assert not await there.post(_queue_request())
    await here.claim("thread-1")
    assert list(await here.requests()) == []
    loaded = await here.load("thread-1")
    assert loaded is not None
    assert loaded.queue == {}


async def test_a_message_given_to_one_who_lets_go_waits_in_the_thread(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    """It was posted when there was a holder; that one may be done before it looks."""
    build = await _running(here)
    assert await there.post(_queue_request())
    assert await there.post(Request(thread_id="thread-1", kind="cancel", run_id="r1"))
    here.append(build.ended())
    here.release("thread-1")
    await here.barrier()
    assert await there.claim("thread-1") == build.live.seq + 1
    assert list(await there.requests()) == []
    loaded = await there.load("thread-1")
    assert loaded is not None
    assert [each.text for each in loaded.queue.values()] == ["And then?"]


async def test_a_message_that_was_queued_and_taken_back_does_not_return(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = await _running(here)
    assert await there.post(_queue_request())
    (request,) = await here.requests()
    here.append([build.add(codec.decode(e.MessageQueued, request.data))])
    here.append([build.add(e.MessageUnqueued(message_id="q1"))])
    await here.barrier()
    await there.claim("thread-1", force=True)
    loaded = await there.load("thread-1")
    assert loaded is not None
    assert loaded.queue == {}


async def test_a_message_whose_receiver_was_robbed_before_it_acted_is_kept(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    await _running(here)
    assert await there.post(_queue_request())
    assert len(await here.requests()) == 1
    await there.claim("thread-1", force=True)
    loaded = await there.load("thread-1")
    assert loaded is not None
    assert list(loaded.queue) == ["q1"]
    assert list(await there.requests()) == []


async def test_a_request_that_cannot_be_read_keeps_nobody_from_writing(
    here: SqliteThreadStore, there: SqliteThreadStore
) -> None:
    build = await _running(here)
    for data in ({"message_id": "q1"}, {"message_id": "q2", "run_id": 5, "parts": [{"kind": "?"}]}):
        bad = Request(thread_id="thread-1", kind="queue", run_id="r9", data=data)
        assert await there.post(bad)
    assert await there.post(_queue_request("q3"))
    here.append(build.ended())
    here.release("thread-1")
    await here.barrier()
    loaded = await there.load("thread-1")
    assert loaded is not None
    assert list(loaded.queue) == ["q3"]
