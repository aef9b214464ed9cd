"""Raw events of old runs go, what is deleted is gone, and the file stays as small as it was."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.filled import wire_of
from tests.store.log_builder import LogBuilder, everything
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.models import Outcome, WireEvent
from tui.store import compaction, stats
from tui.store.thread_store import SqliteThreadStore

_KEEP = 3


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteThreadStore]:
    opened = SqliteThreadStore.open(tmp_path / "t.db", keep_wire_runs=_KEEP)
    await opened.claim("thread-1")
    yield opened
    with suppress(StoreError):
        opened.close()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def _kept(store: SqliteThreadStore, runs: list[str]) -> dict[str, int]:
    return {run: len(await store.wire(run)) for run in runs}


async def _kept_at_last(store: SqliteThreadStore, expected: dict[str, int]) -> None:
    async with asyncio.timeout(20):
        while await _kept(store, list(expected)) != expected:
            await asyncio.sleep(0.02)


def _run(build: LogBuilder, store: SqliteThreadStore, run: str, *, wire: int, end: bool) -> None:
    store.append([*build.asked(f"m-{run}"), *build.started(run, store.owner)])
    store.append(
        [*build.answering(run, f"a-{run}"), *build.words("Yes.", run=run, message=f"a-{run}")]
    )
    store.append_wire(wire_of(run, wire))
    if end:
        store.append(build.ended(run))


async def test_raw_events_are_kept_for_the_newest_runs_only(store: SqliteThreadStore) -> None:
    build = LogBuilder()
    store.append(build.created())
    runs = [f"r{number}" for number in range(6)]
    for run in runs:
        _run(build, store, run, wire=150, end=True)
    await _kept_at_last(store, {**dict.fromkeys(runs[:3], 0), **dict.fromkeys(runs[3:], 150)})
    gone = await store.compacted("r0")
    assert gone is not None
    assert gone.events == 150
    assert gone.size == sum(len(each.name) + len(each.data) for each in wire_of("r0", 150))
    assert await store.compacted("r5") is None
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)  # nothing else is touched


async def test_runs_that_may_go_on_keep_their_raw_events(store: SqliteThreadStore) -> None:
    """Whatever their age: an interrupted run can be resumed, and its inspector wants them."""
    builds = {name: LogBuilder(f"t-{name}") for name in ("active", "interrupted", "left", "old")}
    for name, build in builds.items():
        await store.claim(f"t-{name}")
        store.append(build.created())
        _run(build, store, f"r-{name}", wire=10, end=name == "old")
    for name in ("interrupted", "left"):
        store.append([builds[name].add(e.RunInterrupted(), f"r-{name}")])
    later = LogBuilder()
    store.append(later.created())
    for number in range(_KEEP):
        _run(later, store, f"later-{number}", wire=1, end=True)
    kept = {"r-active": 10, "r-interrupted": 10, "r-left": 10, "r-old": 0}
    await _kept_at_last(store, kept)
    left = builds["left"].add(e.RunFinished(outcome=Outcome.CANCELLED), "r-left")
    store.append([left])
    await _kept_at_last(store, {**kept, "r-left": 0})


async def test_the_newest_run_is_the_one_that_began_last_whatever_the_clock_said(
    store: SqliteThreadStore,
) -> None:
    for number, at in enumerate((9_000.0, 8_000.0, 7_000.0, 1.0)):
        build = LogBuilder(f"t{number}", at=at)
        await store.claim(f"t{number}")
        store.append(build.created())
        _run(build, store, f"r{number}", wire=5, end=True)
    await _kept_at_last(store, {"r0": 0, "r1": 5, "r2": 5, "r3": 5})


async def test_a_process_with_a_single_run_compacts_when_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    for number in range(5):
        store = SqliteThreadStore.open(path, keep_wire_runs=2)
        await store.claim(f"t{number}")
        build = LogBuilder(f"t{number}")
        store.append(build.created())
        _run(build, store, f"r{number}", wire=20, end=True)
        store.close()
    with closing(SqliteThreadStore.open(path)) as store:
        assert sum((await _kept(store, [f"r{n}" for n in range(5)])).values()) == 2 * 20


async def test_the_file_stays_flat_while_runs_come_and_go(
    store: SqliteThreadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.housekeeping._SOON", 0.01)
    build = LogBuilder()
    store.append(build.created())
    sizes = []
    for number in range(24):
        _run(build, store, f"r{number}", wire=0, end=False)
        store.append_wire(wire_of(f"r{number}", 100, size=4_000))
        store.append(build.ended(f"r{number}"))
        await store.barrier()
        if number >= _KEEP:
            await _kept_at_last(store, {f"r{number - _KEEP}": 0})
        sizes.append(store._path.stat().st_size)
    settled = sizes[2 * _KEEP :]
    assert max(settled) - min(settled) < 3 * 100 * 4_000  # it held 10 MB of raw events by then


class Ticking:
    """A clock that has gone on by a quarter of a slice each time it is asked."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += compaction.SLICE / 4
        return self._now


@pytest.mark.parametrize(
    ("work", "left", "piece"),
    [
        (compaction.compact_slice, "SELECT count(*) FROM wire_event", compaction._EVENTS),
        (compaction.vacuum_slice, "PRAGMA freelist_count", compaction._PAGES),
    ],
    ids=["compact", "vacuum"],
)
async def test_no_slice_holds_others_up_for_long(
    store: SqliteThreadStore,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[apsw.Connection, int], bool],
    left: str,
    piece: int,
) -> None:
    """A slice ends with the first piece beyond its time, and a piece is small."""
    build = LogBuilder()
    store.append(build.created())
    for number in range(_KEEP):
        _run(build, store, f"r{number}", wire=0, end=False)
        store.append_wire(wire_of(f"r{number}", 700, size=1_000))
        store.append(build.ended(f"r{number}"))

    def slices(connection: apsw.Connection) -> list[int]:
        monkeypatch.setattr(compaction, "time", Ticking())
        if work is compaction.vacuum_slice:
            while compaction.compact_slice(connection, 0):
                pass
        sizes = [_number(connection, left)]
        more = True
        while more:
            more = work(connection, 0)
            assert not connection.in_transaction  # now others get their turn
            sizes.append(_number(connection, left))
        return sizes

    sizes = await asyncio.wrap_future(store._writer.submit(slices))
    assert sizes[0] > 10 * piece
    assert sizes[-1] == 0
    steps = [before - after for before, after in pairwise(sizes)]
    assert max(steps) <= 4 * piece


def _number(connection: apsw.Connection, question: str) -> int:
    row: Any = connection.execute(question).fetchone()
    return int(row[0])


async def test_what_is_deleted_is_gone_though_another_process_reads(tmp_path: Path) -> None:
    """Every byte of file, log and index is looked at once the reader has moved on."""
    path = tmp_path / "t.db"
    store = SqliteThreadStore.open(path)
    marker = "the-combination-is-4711"
    await store.claim("thread-1")
    build = LogBuilder()
    store.append(
        [*build.created(marker), *build.asked("m1", marker), *build.started("r1", store.owner)]
    )
    store.append([*build.answering(), *build.words(marker, marker)])
    queued = e.MessageQueued(message_id="q", run_id="r2", parts=())
    store.append([build.add(queued)])
    store.append_wire(wire_of("r1", 3))
    store.append_wire([_marked(marker)])
    await store.save_draft("thread-1", marker)
    await store.barrier()
    reader = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)
    try:
        reader.execute("BEGIN; SELECT count(*) FROM thread").fetchall()
        assert await store.delete("thread-1")
        assert _holds(path, marker)  # the reader still sees the moment before
        reader.execute("COMMIT")
        await _until(lambda: not _holds(path, marker))
    finally:
        reader.close()
    store.close()
    assert not _holds(path, marker)


async def test_a_log_that_could_not_be_emptied_is_emptied_by_whoever_stays(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    deleting, staying = SqliteThreadStore.open(path), SqliteThreadStore.open(path)
    marker = "the-combination-is-4711"
    await deleting.claim("thread-1")
    build = LogBuilder()
    deleting.append([*build.created(marker), *build.asked("m1", marker)])
    reader = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)
    try:
        await deleting.barrier()
        reader.execute("BEGIN; SELECT count(*) FROM thread").fetchall()
        assert await deleting.delete("thread-1")
        deleting.close()
        assert _holds(path, marker)
        reader.execute("COMMIT")
        await staying.claim("thread-2")
        other = LogBuilder("thread-2")
        staying.append([*other.created(), *other.asked(), *other.started("x"), *other.ended("x")])
        await _until(lambda: not _holds(path, marker))
    finally:
        reader.close()
        staying.close()


def _marked(marker: str) -> WireEvent:
    return WireEvent(run_id="r1", index=9, at=1.0, mono=1.0, name="x", data=marker)


def _holds(path: Path, marker: str) -> bool:
    # Read by another process: closing a descriptor of the file here would drop SQLite's locks.
    files = [str(each) for each in path.parent.glob("t.db*")]
    script = (
        "import sys, pathlib; m = sys.argv[1].encode();"
        "print(any(m in pathlib.Path(p).read_bytes() for p in sys.argv[2:]))"
    )
    command = [sys.executable, "-S", "-c", script, marker, *files]
    return subprocess.run(command, capture_output=True, check=True).stdout.strip() == b"True"


async def test_store_compact_shrinks_the_file_while_another_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.db"
    store = SqliteThreadStore.open(path)
    writing, emptying = threading.Event(), threading.Event()

    def slice_between_words(connection: apsw.Connection, keep: int) -> bool:
        assert writing.wait(20)
        return compaction.compact_slice(connection, keep)

    def empty_in_a_lull(connection: apsw.Connection, wait_ms: int, usual_ms: int) -> bool:
        # Whoever writes without a pause may keep the log from being emptied; that is told.
        emptying.set()
        return compaction.empty_log(connection, wait_ms, usual_ms)

    monkeypatch.setattr("tui.store.stats.compact_slice", slice_between_words)
    monkeypatch.setattr("tui.store.stats.empty_log", empty_in_a_lull)
    try:
        await store.claim("thread-1")
        build = LogBuilder()
        store.append(build.created())
        for number in range(4):
            _run(build, store, f"r{number}", wire=0, end=False)
            store.append_wire(wire_of(f"r{number}", 300, size=4_000))
            store.append(build.ended(f"r{number}"))
        await store.barrier()
        shrinking = asyncio.create_task(asyncio.to_thread(stats.compact, path, 1))
        words = 0
        while not (emptying.is_set() or shrinking.done()):
            store.append(build.asked(f"during-{words}"))
            await store.barrier()
            writing.set()
            words += 1
        shrunk = await shrinking
        assert shrunk.log_emptied
        assert shrunk.before > 4_000_000
        assert shrunk.after < 2_500_000
        assert sum((await _kept(store, [f"r{n}" for n in range(4)])).values()) == 300
        read = stats.read_stats(path)
        assert (read.threads, read.runs, read.wire_events) == (1, 4, 300)
        assert read.free == 0
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
    finally:
        store.close()
