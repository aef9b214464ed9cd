"""A thread that is read back is the thread that was seen, whatever happened and whenever."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.log_builder import LogBuilder, everything
from tests.store.random_logs import random_logs
from tui.core import events as e
from tui.core.events import Envelope, Event
from tui.core.models import Decision, PartKind, RunState, ToolRef, Usage
from tui.core.transcript import Transcript
from tui.store import journal
from tui.store.deltas import merge_deltas
from tui.store.thread_store import SqliteThreadStore

# Hundreds of databases: where there is a file system in memory, no disk has to sync them.
_MEMORY = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)

Then = Literal["nothing", "load", "follow", "barrier", "reopen"]
_THENS: st.SearchStrategy[Then] = st.sampled_from(
    ["nothing", "nothing", "load", "follow", "barrier", "reopen"]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    random_logs(),
    st.lists(st.tuples(st.integers(1, 12), _THENS), min_size=1, max_size=12),
    st.sampled_from([4, journal.FOLD_AT]),
)
def test_reload_equals_live(
    log: Sequence[Envelope], plan: list[tuple[int, Then]], fold_at: int
) -> None:
    with (
        tempfile.TemporaryDirectory(dir=_MEMORY) as directory,
        mock.patch.object(journal, "FOLD_AT", fold_at),
    ):
        asyncio.run(_play(Path(directory) / "t.db", log, plan))


async def _play(path: Path, log: Sequence[Envelope], plan: list[tuple[int, Then]]) -> None:
    live, follower = Transcript("t"), Transcript("t")
    store = SqliteThreadStore.open(path)
    try:
        await store.claim("t")
        rest = list(log)
        while rest:
            size, then = plan[len(rest) % len(plan)]
            batch, rest = rest[:size], rest[size:]
            live.apply_all(batch)
            store.append(batch)
            if then == "barrier":
                await store.barrier()
            elif then == "load":
                await _assert_same(store, live)
            elif then == "follow":
                await _follow(store, follower, live)
            elif then == "reopen":
                store.close()
                store = SqliteThreadStore.open(path)
                await _assert_same(store, live)
                new = await _claim(store, live)
                rest = [replace(each, seq=each.seq + new) for each in rest]
        await _assert_same(store, live)
        await _follow(store, follower, live)
    finally:
        store.close()


async def _claim(store: SqliteThreadStore, live: Transcript) -> int:
    """Whoever goes on with a thread first interrupts what its last holder drove."""
    running = [run.id for run in live.runs.values() if run.active]
    last = await store.claim("t")
    missed = await store.tail("t", live.seq)
    assert missed is not None
    assert [each.run for each in missed] == running
    live.apply_all(missed)
    assert live.seq == last
    assert live.active_run() is None
    await _assert_same(store, live)
    return len(missed)


async def _follow(store: SqliteThreadStore, follower: Transcript, live: Transcript) -> None:
    missed = await store.tail("t", follower.seq)
    assert missed is not None
    follower.apply_all(missed)
    assert everything(follower) == everything(live)


async def _assert_same(store: SqliteThreadStore, live: Transcript) -> None:
    loaded = await store.load("t")
    assert loaded is not None
    assert everything(loaded) == everything(live)
    (summary,) = await store.threads()
    assert (summary.title, summary.profile) == (live.title, live.profile)
    assert (summary.created_at, summary.updated_at) == (live.created_at, live.updated_at)
    latest = live.latest_run()
    # No process is called as the runs' owners are, so each of them counts as gone.
    assert summary.interrupted == (latest is not None and latest.state is not RunState.FINISHED)
    unsettled = live.interrupted_run()
    settle = [("t", unsettled.id)] if unsettled is not None and unsettled.settle else []
    assert await store.unsettled() == settle


@given(random_logs(), st.integers(1, 40))
def test_merged_deltas_fold_the_same(log: Sequence[Envelope], size: int) -> None:
    live = Transcript("t").apply_all(log)
    merged = [
        each
        for start in range(0, len(log), size)
        for each in merge_deltas(log[start : start + size])
    ]
    assert everything(Transcript("t").apply_all(merged)) == everything(live)


def test_deltas_of_different_runs_are_not_merged() -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started("r1")
    build.started("r2")
    build.answering("r1")
    build.words("one", run="r2")
    build.words("two", run="r1")
    assert merge_deltas(build.log) == build.log


async def test_what_comes_after_the_fold_still_finds_what_it_is_about(tmp_path: Path) -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    build.calling()
    undecided = e.PartStarted(
        message_id="a1",
        part_id="a1-c2",
        index=2,
        kind=PartKind.TOOL_CALL,
        tool=ToolRef(name="f", call_id="c2"),
    )
    build.add(undecided, "r1")
    build.ended()
    late: list[tuple[Event, str | None]] = [
        (e.AnnotationAdded(part_id="a1-text", annotation={"url": "x"}), None),
        (e.ToolStatusChanged(part_id="a1-c1", status="gone"), None),
        (e.UsageReported(usage=Usage(total_tokens=7)), "r1"),
        (e.ApprovalDecided(call_id="c2", decision=Decision(approved=False, by="user")), "r1"),
        (e.MessageFinished(message_id="a1", complete=True), "r1"),
        (e.RunInterrupted(), "r1"),
        (e.LeafSelected(message_id="m1"), None),
        (e.MessageStarted(message_id="a1"), "r1"),
        (e.MessageStarted(message_id="a2"), "r1"),
    ]
    store = SqliteThreadStore.open(tmp_path / "t.db")
    try:
        await store.claim("thread-1")
        store.append(build.log)
        for event, run in late:
            store.append([build.add(event, run)])
            loaded = await store.load("thread-1")
            assert loaded is not None
            assert everything(loaded) == everything(build.live)
    finally:
        store.close()


async def test_two_parts_of_one_id_are_both_kept(tmp_path: Path) -> None:
    """Part ids should be unique in a thread, but servers choose them."""
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    mine = e.PartStarted(message_id="a1", part_id="m2:0", index=5, kind=PartKind.TEXT)
    build.add(mine, "r1")
    build.add(e.TextDelta(part_id="m2:0", text="theirs"), "r1")
    build.ended()
    store = SqliteThreadStore.open(tmp_path / "t.db")
    try:
        await store.claim("thread-1")
        store.append(build.log)
        store.append(build.asked("m2", "mine"))
        store.append(build.asked("m3", "and on it goes"))
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
        assert loaded.messages["a1"].text.endswith("theirs")
    finally:
        store.close()


async def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    build = LogBuilder()
    build.created("\ud83d title")
    build.asked(text="\ud83d")
    build.started()
    build.answering()
    build.words("a\ud83d", "\ude00b\x00")
    store = SqliteThreadStore.open(tmp_path / "t.db")
    try:
        await store.claim("thread-1")
        store.append(build.log)
        await store.save_draft("new", "\udc80")
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
        assert await store.draft("new") == "\udc80"
        assert [each.messages for each in await store.threads()] == [2]
        store.append(build.asked("m2", "\ud83d"))
        assert [each.messages for each in await store.threads()] == [3]
        store.append(build.ended())
        assert [each.messages for each in await store.threads()] == [3]
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
    finally:
        store.close()


def test_a_burst_of_deltas_is_one_row() -> None:
    """The property above would also hold if nothing were merged."""
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    before = len(build.log)
    build.words("many", *("x" * 100))
    assert len(merge_deltas(build.log)) == before + 1
