"""The end of a long thread, read alone: what it shows is what the whole thread shows there."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.log_builder import LogBuilder
from tests.store.random_logs import random_logs
from tui.core import events as e
from tui.core.events import Envelope
from tui.core.models import PRIVATE, Outcome
from tui.core.transcript import Transcript
from tui.store import preview
from tui.store.connection import THREADS, open_database
from tui.store.memory_store import MemoryThreadStore
from tui.store.preview import MESSAGES, read_preview
from tui.store.split_store import SplitThreadStore
from tui.store.thread_store import SqliteThreadStore
from tui.ui.chat.entries import rows

_MEMORY = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SplitThreadStore]:
    disk = SqliteThreadStore.open(tmp_path / "t.db")
    made = SplitThreadStore(disk, MemoryThreadStore())
    yield made
    made.close()


def _exchange(build: LogBuilder, number: int, *, outcome: Outcome = Outcome.COMPLETED) -> None:
    run, message = f"r{number}", f"a{number}"
    build.asked(f"m{number}", f"question {number}")
    build.started(run)
    build.answering(run, message)
    build.words(f"answer {number}", run=run, message=message)
    if number % 7 == 0:
        build.calling(run, message, f"c{number}")
    build.ended(run, outcome)


def _long(thread: str = "t", exchanges: int = MESSAGES) -> LogBuilder:
    build = LogBuilder(thread)
    build.created("Long")
    for number in range(exchanges):
        _exchange(build, number)
    return build


async def _keep(store: SplitThreadStore, log: Sequence[Envelope]) -> None:
    await store.claim(log[0].thread)
    store.append(log)
    await store.barrier(log[0].thread)


async def _seen(store: SplitThreadStore, thread: str = "t") -> Transcript:
    found = await store.preview(thread)
    assert found is not None
    return found


def _assert_is_end_of(end: Transcript, whole: Transcript) -> None:
    """Whatever is there is as it is in the whole thread, and the rows are those at its end."""
    _assert_is_part_of(end, whole)
    # How the oldest is headed, and which of several answers it is, shows further up.
    below = rows(end)[2:]
    assert rows(whole)[-len(below) :] == below


def _assert_is_part_of(end: Transcript, whole: Transcript) -> None:
    shown, path = end.path(), whole.path()
    assert shown == path[-len(shown) :]
    assert all(whole.runs[run.id] == run for run in end.runs.values())
    assert all(whole.calls[key] == call for key, call in end.calls.items())
    assert (end.title, end.seq, end.leaf_id) == (whole.title, whole.seq, whole.leaf_id)
    assert list(end.messages) == [each for each in whole.messages if each in end.messages]


async def test_the_newest_messages_of_a_long_thread(store: SplitThreadStore) -> None:
    build = _long()
    await _keep(store, build.log)
    end = await _seen(store)
    assert len(end.path()) == MESSAGES
    _assert_is_end_of(end, build.live)


async def test_a_short_thread_an_unknown_one_and_a_private_one_are_read_whole(
    store: SplitThreadStore,
) -> None:
    await _keep(store, _long("short", exchanges=MESSAGES // 2 - 1).log)
    await _keep(store, _long(PRIVATE + "1").log)
    for thread in ("short", "nowhere", PRIVATE + "1"):
        assert await store.preview(thread) is None


async def test_what_goes_on_is_there_too(store: SplitThreadStore) -> None:
    build = _long()
    await _keep(store, build.log)
    steps = [
        [*build.asked("last"), *build.started("r-last", store.owner)],
        [*build.answering("r-last", "a-last"), *build.words("one", run="r-last", message="a-last")],
        build.words(" two", run="r-last", message="a-last"),
        [build.add(e.RunInterrupted(), "r-last")],
        build.ended("r-last"),
    ]
    whole = Transcript("t").apply_all(_long().log)
    for step in steps:
        store.append(step)
        _assert_is_end_of(await _seen(store), whole.apply_all(step))


async def test_so_much_goes_on_that_it_has_to_be_read_whole(store: SplitThreadStore) -> None:
    build = _long()
    await _keep(store, build.log)
    steps = [*build.asked("last"), *build.started("r-last", store.owner)]
    # These do not merge.
    steps += [build.add(e.RunStatusChanged(status=f"{each}"), "r-last") for each in range(1_000)]
    store.append(steps)
    assert await store.preview("t") is None


async def test_an_old_branch_that_was_just_chosen(store: SplitThreadStore) -> None:
    build = _long()
    await _keep(store, build.log)
    store.append(build.started("r-last", store.owner))  # nothing is folded from here on
    await _seen(store)
    store.append([build.add(e.LeafSelected(message_id="a1"))])
    assert await store.preview("t") is None


async def test_branches_among_the_newest_are_counted(store: SplitThreadStore) -> None:
    build = _long()
    last = build.live.leaf_id
    asked = build.live.messages[last or ""].parent_id or ""
    for number in range(2):
        build.add(e.RunStarted(parent_id=asked), f"again{number}")
        build.answering(f"again{number}", f"other{number}")
        build.ended(f"again{number}")
    build.add(e.LeafSelected(message_id=last or ""))
    await _keep(store, build.log)
    _assert_is_end_of(await _seen(store), build.live)


async def test_an_old_branch_is_not_near_the_end(store: SplitThreadStore) -> None:
    build = _long(exchanges=6 * MESSAGES // 2)
    build.add(e.LeafSelected(message_id=f"a{MESSAGES // 2}"))
    await _keep(store, build.log)
    assert await store.preview("t") is None


async def test_runs_that_left_no_message_are_told(store: SplitThreadStore) -> None:
    build = _long()
    for number in range(3):
        build.asked(f"again{number}")
        build.started(f"failed{number}")
        build.ended(f"failed{number}", Outcome.FAILED)
    await _keep(store, build.log)
    _assert_is_end_of(await _seen(store), build.live)


async def test_after_it_was_deleted_there_is_none(store: SplitThreadStore) -> None:
    await _keep(store, _long().log)
    await _seen(store)
    await store.delete("t")
    assert await store.preview("t") is None


async def test_of_a_thread_that_another_process_holds(
    store: SplitThreadStore, tmp_path: Path
) -> None:
    other = SqliteThreadStore.open(tmp_path / "t.db")
    try:
        build = _long()
        await other.claim("t")
        other.append(build.log)
        await other.barrier()
        _assert_is_end_of(await _seen(store), build.live)
    finally:
        other.close()


def test_a_longer_thread_costs_no_more(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, not timed."""
    steps = []
    for exchanges in (MESSAGES, 10 * MESSAGES):
        path = tmp_path / str(exchanges) / "t.db"
        asyncio.run(_written(path, _long(exchanges=exchanges).log))
        connection = open_database(path, THREADS)
        count = 0

        def counted() -> bool:
            nonlocal count
            count += 1
            return False

        connection.set_progress_handler(counted, 20)
        assert read_preview(connection, "t") is not None
        connection.close()
        steps.append(count)
    assert steps[1] < 1.1 * steps[0]


async def _written(path: Path, log: Sequence[Envelope]) -> None:
    store = SqliteThreadStore.open(path)
    try:
        await store.claim("t")
        store.append(log)
        await store.barrier()
    finally:
        store.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(random_logs(), st.integers(1, 4), st.integers(1, 60))
def test_of_any_thread_it_is_the_end_or_nothing(
    log: Sequence[Envelope], newest: int, first: int
) -> None:
    with (
        tempfile.TemporaryDirectory(dir=_MEMORY) as directory,
        mock.patch.object(preview, "MESSAGES", newest),
    ):
        asyncio.run(_compare(Path(directory) / "t.db", log, first))


async def _compare(path: Path, log: Sequence[Envelope], first: int) -> None:
    store = SqliteThreadStore.open(path)
    try:
        await store.claim("t")
        store.append(log[:first])
        await store.barrier()
        store.append(log[first:])
        end, whole = await store.preview("t"), await store.load("t")
        if end is not None:
            assert whole is not None
            _assert_is_part_of(end, whole)
    finally:
        store.close()
