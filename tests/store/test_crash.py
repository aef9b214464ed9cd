"""Processes that die in the middle, and processes that live beside them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core.models import RunState, ToolState
from tui.store.thread_store import SqliteThreadStore

_ROOT = Path(__file__).parents[2]
_PROMISE = 0.25  # seconds from shown to on disk


@contextmanager
def victim(path: Path, what: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "tests.store.victim", str(path), what]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


@pytest.mark.parametrize("words", [3, 60, 150, 400])
async def test_words_shown_before_a_kill_are_there_once(tmp_path: Path, words: int) -> None:
    path = tmp_path / "t.db"
    with victim(path, "stream") as (process, output):
        shown = [float(output.readline().split()[1]) for _ in range(words)]
        process.kill()
        killed = time.monotonic()
        rest = output.read().splitlines()
    seen = len(shown) + len(rest)
    promised = sum(at <= killed - _PROMISE for at in shown)

    store = SqliteThreadStore.open(path)
    try:
        assert list(await store.recover()) == ["r1"]
        loaded = await store.load("thread-1")
        assert loaded is not None
        kept = str(loaded.parts["a1-text"].text).split()
        assert kept == [f"w{number}" for number in range(len(kept))]  # no gap, nothing twice
        # The last word can be on disk before it was printed.
        assert promised <= len(kept) <= seen + 1
        assert loaded.runs["r1"].state is RunState.INTERRUPTED
        await _assert_works(store)
    finally:
        store.close()


async def test_a_tool_call_is_on_disk_before_its_function_runs(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with victim(path, "tool") as (_, output):
        assert output.readline().startswith("started")

    store = SqliteThreadStore.open(path)
    try:
        before = await store.load("thread-1")
        assert before is not None
        call = before.calls["r1", "c1"]
        assert (call.state, str(call.arguments)) == (ToolState.RUNNING, '{"expression":"1+1"}')
        assert call.decision is not None
        assert call.decision.approved
        assert list(await store.recover()) == ["r1"]
        after = await store.load("thread-1")
        assert after is not None
        assert after.calls["r1", "c1"].state is ToolState.INTERRUPTED
        assert str(after.parts["a1-text"].text) == "Let me see."
        await _assert_works(store)
    finally:
        store.close()


async def test_a_run_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with victim(path, "hold") as (process, output):
        assert output.readline().startswith("holding")
        store = SqliteThreadStore.open(path)
        try:
            assert list(await store.recover()) == []
            assert [each.running for each in await store.threads()] == [True]
            loaded = await store.load("thread-1")
            assert loaded is not None
            assert loaded.runs["r1"].state is RunState.RUNNING
            assert _locks(path) == 2

            process.kill()
            process.wait()
            assert [each.running for each in await store.threads()] == [False]
            assert list(await store.recover()) == ["r1"]
            assert _locks(path) == 1  # the lock file of the dead was removed
        finally:
            store.close()
    assert _locks(path) == 0


async def test_a_program_that_forgets_to_close_still_saves_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with victim(path, "forget") as (process, output):
        assert output.readline().startswith("forgotten")
        assert process.wait(timeout=20) == 0
    store = SqliteThreadStore.open(path)
    try:
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert str(loaded.parts["a1-text"].text) == "last words"
    finally:
        store.close()


def _locks(path: Path) -> int:
    return len(list((path.parent / "owners").glob("*.lock")))


async def _assert_works(store: SqliteThreadStore) -> None:
    """The thread takes the next message and its answer."""
    await store.claim("thread-1")
    loaded = await store.load("thread-1")
    assert loaded is not None
    more = LogBuilder.going_on(loaded)
    store.append([*more.asked("m2", "Still there?"), *more.started("r2", store.owner)])
    store.append([*more.answering("r2", "a2"), *more.words("Yes.", run="r2", message="a2")])
    store.append(more.ended("r2"))
    again = await store.load("thread-1")
    assert again is not None
    assert everything(again) == everything(more.live)
