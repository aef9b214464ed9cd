"""Real processes beside each other in one store: nothing lost, nothing doubled, all seen soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.store.listening import Listener
from tests.store.log_builder import LogBuilder, everything
from tui.core.errors import BusyError
from tui.core.models import RunState
from tui.core.ports import Request
from tui.core.transcript import Transcript
from tui.store.thread_store import SqliteThreadStore

_ROOT = Path(__file__).parents[2]
_SOON = 1.0  # seconds within which one process sees what another one wrote


@contextmanager
def neighbour(path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "tests.store.neighbour", str(path), *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


@pytest.mark.parametrize("threads", [("one", "one"), ("one", "two")], ids=["shared", "own"])
@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_two_processes_in_turn_lose_and_double_nothing(
    tmp_path: Path, threads: tuple[str, str], count: int
) -> None:
    path = tmp_path / "t.db"
    names = ("a", "b")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(neighbour(path, name, "take_turns", thread, str(count)))[0]
            for name, thread in zip(names, threads, strict=True)
        ]
        for process in processes:
            assert process.wait(timeout=100) == 0
    with closing(SqliteThreadStore.open(path)) as store:
        for thread in set(threads):
            writers = [name for name, each in zip(names, threads, strict=True) if each == thread]
            await _check_turns(store, thread, writers, count)


async def _check_turns(
    store: SqliteThreadStore, thread: str, writers: Sequence[str], count: int
) -> None:
    loaded = await store.load(thread)
    assert loaded is not None
    for name in writers:
        mine = [each for each in loaded.messages if each.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(count)]
    assert len(loaded.messages) == count * len(writers)
    assert loaded.seq == 1 + count * len(writers)
    # Each was added below the last one, whoever wrote that: both knew what the other had written.
    assert [each.id for each in loaded.path()] == list(loaded.messages)


async def test_the_thread_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with neighbour(path, "a", "talk") as (process, output):
        assert output.readline().startswith("talking")
        with closing(SqliteThreadStore.open(path)) as store:
            with pytest.raises(BusyError, match=f"process {process.pid}"):
                await store.claim("thread-1")
            process.kill()
            process.wait()
            seq = await store.claim("thread-1")
            loaded = await store.load("thread-1")
            assert loaded is not None
            assert loaded.seq == seq
            assert loaded.runs["r1"].state is RunState.INTERRUPTED
            await _assert_works(store, loaded)


async def test_a_frozen_process_can_be_robbed_and_hears_of_it_when_it_wakes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.db"
    with (
        neighbour(path, "a", "talk") as (process, output),
        closing(SqliteThreadStore.open(path)) as store,
    ):
        assert output.readline().startswith("talking")
        await _freeze(process, store)
        with pytest.raises(BusyError):
            await store.claim("thread-1")
        seq = await store.claim("thread-1", force=True)
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert loaded.seq == seq
        assert loaded.runs["r1"].state is RunState.INTERRUPTED
        assert loaded.runs["r1"].owner != store.owner

        process.send_signal(signal.SIGCONT)
        assert output.readline().split() == ["lost", "thread-1"]
        assert process.wait(timeout=20) == 0
        await _assert_works(store, loaded)


async def _freeze(process: subprocess.Popen[str], store: SqliteThreadStore) -> None:
    """Stop it at a moment when it is not in the middle of writing, which would stop everyone."""
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        if _can_write(store):
            return
        process.send_signal(signal.SIGCONT)


def _can_write(store: SqliteThreadStore) -> bool:
    connection = store._writer._connection
    connection.set_busy_timeout(0)
    try:
        connection.execute("BEGIN IMMEDIATE; ROLLBACK")
    except Exception:  # noqa: BLE001 (whatever it is, someone else is writing)
        return False
    finally:
        connection.set_busy_timeout(5_000)
    return True


async def test_what_one_process_writes_another_sees_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    delays: list[float] = []
    with (
        neighbour(path, "a", "talk") as (_, output),
        closing(SqliteThreadStore.open(path)) as store,
    ):
        assert output.readline().startswith("talking")
        listener = Listener()
        store.listen(listener)
        seen = await store.load("thread-1")
        assert seen is not None
        shown = len(str(seen.parts["a1-text"].text))
        while len(delays) < 500:
            await listener.wait_for("changed")
            missed = await store.tail("thread-1", seen.seq)
            now = time.monotonic()
            assert missed is not None
            text = str(seen.apply_all(missed).parts["a1-text"].text)
            delays += [now - float(word) for word in text[shown:].split()]
            shown = len(text)
        await store.claim("thread-1", force=True)
        missed = await store.tail("thread-1", seen.seq)
        assert missed is not None
        followed = everything(seen.apply_all(missed))
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert followed == everything(loaded)
    assert max(delays) < _SOON


async def test_requests_reach_another_process_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with (
        neighbour(path, "a", "serve") as (process, output),
        closing(SqliteThreadStore.open(path)) as store,
    ):
        assert output.readline().startswith("serving")
        for number in range(40):
            request = Request(
                thread_id="thread-1", kind="decide", run_id="r1", data={"number": number}
            )
            assert await store.post(request)
        assert await store.post(Request(thread_id="thread-1", kind="hand_over"))
        assert process.wait(timeout=20) == 0
        assert output.read().split() == [
            word for number in range(40) for word in ("decide", str(number))
        ]
        assert not await store.post(Request(thread_id="thread-1", kind="hand_over"))


async def _assert_works(store: SqliteThreadStore, loaded: Transcript) -> None:
    """The thread takes the next message and its answer."""
    more = LogBuilder.going_on(loaded)
    store.append([*more.asked("m2", "Still there?"), *more.started("r2", store.owner)])
    store.append([*more.answering("r2", "a2"), *more.words("Yes.", run="r2", message="a2")])
    store.append(more.ended("r2"))
    again = await store.load("thread-1")
    assert again is not None
    assert everything(again) == everything(more.live)
