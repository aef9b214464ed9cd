"""A disk that refuses, a process out of means, a clock that jumps, a file that changes hands."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import apsw
import pytest

from tests.store.faulty import Disk, disk
from tests.store.filled import conversation, loaded, write
from tests.store.log_builder import LogBuilder, everything
from tui.core.errors import StoreError
from tui.core.models import Problem, ThreadId
from tui.store.check import check
from tui.store.connection import THREADS, known_version, open_database
from tui.store.thread_store import SqliteThreadStore


class _Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Problem | None] = []

    def changed(self) -> None: ...

    def lost(self, thread_id: ThreadId) -> None: ...

    def troubled(self, problem: Problem | None) -> None:
        self.told.append(problem)


@asynccontextmanager
async def _listening(path: Path) -> AsyncIterator[tuple[SqliteThreadStore, _Listener]]:
    store = SqliteThreadStore.open(path)
    listener = _Listener()
    store.listen(listener)
    await store.claim("thread-1")
    try:
        yield store, listener
    finally:
        with suppress(StoreError):
            store.close()


_FAULTS: dict[str, tuple[str, str, type[Exception], str]] = {
    "no space for the log": ("write", "t.db-wal", apsw.FullError, "disk is full"),
    "over quota": ("write", "t.db-wal", apsw.IOError, "disk reported an error"),
    "a log that cannot be synced": ("sync", "t.db-wal", apsw.IOError, "disk reported an error"),
}


@pytest.mark.parametrize("fault", _FAULTS)
async def test_what_a_disk_refuses_is_said_kept_and_written_later(
    tmp_path: Path, fault: str
) -> None:
    operation, name, error, sentence = _FAULTS[fault]
    path = tmp_path / "t.db"
    with disk() as bad_disk:
        await _refused(path, bad_disk, operation, name, error, sentence)
    assert check(path, full=True) == []


async def _refused(
    path: Path, bad_disk: Disk, operation: str, name: str, error: type[Exception], sentence: str
) -> None:
    async with _listening(path) as (store, listener):
        build = LogBuilder()
        store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
        await store.barrier()
        bad_disk.refuse = lambda what, where: (
            error() if (what, where) == (operation, name) else None
        )
        store.append([*build.answering(), *build.words("kept ", "in memory")])
        for _ in range(2):
            with pytest.raises(StoreError, match=sentence) as caught:
                await store.barrier()
            assert caught.value.hint
        bad_disk.refuse = lambda _what, _where: None
        store.append([*build.words(" and written"), *build.ended()])
        await store.barrier()
        found = await store.load("thread-1")
        assert found is not None
        assert everything(found) == everything(build.live)
        first, last = listener.told
        assert first is not None
        assert sentence in first.message
        assert last is None


@pytest.mark.parametrize("seed", range(6))
async def test_a_disk_that_fails_now_and_then_costs_nothing(tmp_path: Path, seed: int) -> None:
    """File and log, full and faulty, in any operation; the whole is there once it works again."""
    dice = random.Random(seed)

    def now_and_then(_operation: str, _name: str) -> Exception | None:
        return dice.choice((apsw.FullError, apsw.IOError))() if dice.random() < 0.1 else None

    path = tmp_path / "t.db"
    with disk() as bad_disk:
        await _now_and_then(path, bad_disk, now_and_then)
    assert check(path, full=True) == []


async def _now_and_then(
    path: Path, bad_disk: Disk, now_and_then: Callable[[str, str], Exception | None]
) -> None:
    async with _listening(path) as (store, _):
        await_tune = store._writer.submit(lambda each: each.pragma("wal_autocheckpoint", 8))
        await_tune.result(timeout=20)
        build = LogBuilder()
        store.append(build.created())
        await store.barrier()
        bad_disk.refuse = now_and_then
        for number in range(12):
            run = f"r{number}"
            store.append([*build.asked(f"m{number}"), *build.started(run, store.owner)])
            store.append(build.answering(run, f"a{number}"))
            store.append(build.words("w " * 2_000, run=run, message=f"a{number}"))
            store.append(build.ended(run))
            with suppress(StoreError):
                await store.barrier()
        bad_disk.refuse = lambda _operation, _name: None
        await store.barrier()
        found = await store.load("thread-1")
        assert found is not None
        assert everything(found) == everything(build.live)


async def test_a_file_that_cannot_be_written_at_start_is_a_sentence(
    tmp_path: Path,
) -> None:
    with disk() as bad_disk:
        bad_disk.refuse = lambda what, _: apsw.FullError() if what == "write" else None
        with pytest.raises(StoreError, match="disk is full"):
            SqliteThreadStore.open(tmp_path / "t.db")
    with closing(SqliteThreadStore.open(tmp_path / "t.db")) as store:
        assert store.notice is None


def _limited(what: str, path: Path) -> list[str]:
    command = [sys.executable, "-m", "tests.store.limited", what, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


def test_a_limit_on_file_sizes_is_a_sentence_and_passes(tmp_path: Path) -> None:
    said = _limited("size", tmp_path / "t.db")
    sentence = said[0]
    assert sentence.startswith("The disk reported an error")
    assert said == [sentence, "1 messages", sentence, "no more"]  # asked twice, told twice


def test_without_descriptors_what_is_open_goes_on(tmp_path: Path) -> None:
    said = _limited("descriptors", tmp_path / "t.db")
    assert said[0] == "1 messages"
    assert "cannot be used: Too many open files" in said[1]
    assert said[2:] == ["opened", ""]


async def test_years_that_come_and_go_change_no_order_and_no_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    year = 366 * 86_400.0
    now = time.time()
    clock = iter(now + jump * year for jump in (0, 30, -40, 10, -20) * 1_000)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    path = tmp_path / "t.db"
    async with _listening(path) as (store, _):
        build = LogBuilder()
        for event in conversation(1).log:
            build.add(event.event, event.run, at=time.time(), mono=event.mono)
        store.append(build.log)
        await store.barrier()
        found = await store.load("thread-1")
        assert found is not None
        assert everything(found) == everything(build.live)
        steady = conversation(1).live
        assert list(found.messages) == list(steady.messages)
        for key, run in found.runs.items():
            assert run.finished_mono is not None
            assert steady.runs[key].finished_mono is not None
            assert run.finished_mono - run.started_mono == (
                (steady.runs[key].finished_mono or 0.0) - steady.runs[key].started_mono
            )


async def test_an_old_process_notices_a_newer_schema_and_stops_writing(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with _listening(path) as (store, listener):
        build = LogBuilder()
        store.append([*build.created(), *build.asked()])
        await store.barrier()
        with closing(open_database(path, THREADS)) as newer:
            newer.pragma("user_version", known_version(THREADS) + 1)
            newer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        store.append(build.asked("m2", "too late"))
        for use in (store.barrier(), store.load("thread-1"), store.claim("thread-2")):
            with pytest.raises(StoreError, match="newer Tickertape") as caught:
                await use
            assert "Quit this one" in caught.value.hint
        with pytest.raises(StoreError, match="newer Tickertape"):
            await store.delete("thread-1")
        (problem,) = listener.told
        assert problem is not None
        assert problem.code == "newer_schema"
        with pytest.raises(StoreError, match="newer Tickertape"):
            store.close()
    with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as connection:
        ids = [row[0] for row in connection.execute("SELECT data_json FROM journal")]
        assert not any("too late" in str(each) for each in ids)
        assert connection.execute("SELECT count(*) FROM thread").fetchone() == (1,)


async def test_damage_in_the_middle_of_a_session_is_a_sentence_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.db"
    with closing(SqliteThreadStore.open(path)) as store:
        for number in range(12):
            await write(store, conversation(number, turns=6))
    async with _listening(path) as (store, _):
        damage = (
            "import sys; f = open(sys.argv[1], 'r+b'); size = f.seek(0, 2);"
            "[(f.seek(at), f.write(b'x' * 4096)) for at in range(size // 3, size - 4096, 8192)]"
        )
        subprocess.run([sys.executable, "-c", damage, str(path)], check=True)
        said = []
        for number in range(12):
            try:
                await store.load(f"thread-{number}")
            except StoreError as error:
                said.append(f"{error.message} {error.hint}")
        assert said
        assert all("damaged" in each and "tickertape store check" in each for each in said)
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is not None
        assert set(await loaded(store)) >= {f"thread-{number}" for number in range(12)}
