"""Private threads beside others: one store to look at, and nothing of them on the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core.events import Envelope
from tui.core.models import PRIVATE, WireEvent
from tui.core.ports import Request
from tui.core.transcript import Transcript
from tui.store.memory_store import MemoryThreadStore
from tui.store.split_store import SplitThreadStore
from tui.store.thread_store import SqliteThreadStore

_SECRET = "the-combination-is-4711"
_THREAD = PRIVATE + "1"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SplitThreadStore]:
    disk = SqliteThreadStore.open(tmp_path / "data" / "t.db")
    made = SplitThreadStore(disk, MemoryThreadStore())
    yield made
    made.close()


async def _fill(store: SplitThreadStore, thread: str, text: str, at: float) -> LogBuilder:
    build = LogBuilder(thread, at=at)
    run = f"run-of-{thread}"
    await store.claim(thread)
    build.created(text)
    build.asked("m1", text)
    build.started(run, store.owner)
    store.append(build.log)
    store.append_wire([WireEvent(run_id=run, index=0, at=1.0, mono=1.0, name="x", data=text)])
    store.append([*build.answering(run), *build.words(text, run=run), *build.ended(run)])
    await store.save_draft(thread, text)
    return build


async def test_nothing_private_touches_the_disk(store: SplitThreadStore, tmp_path: Path) -> None:
    await _fill(store, _THREAD, _SECRET, 1_000.0)
    await store.mark_read(_THREAD, 3)
    assert not await store.post(Request(thread_id=_THREAD, kind="cancel", run_id="x"))
    assert not await store.post(Request(thread_id="", kind="cancel", run_id=f"run-of-{_THREAD}"))
    store.release(_THREAD)
    await store.barrier()
    for _ in range(2):
        for file in (tmp_path / "data").rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert _SECRET.encode() not in content
            assert PRIVATE.encode() not in content
        store.close()  # what is written at the end counts too


async def test_private_threads_look_like_others(store: SplitThreadStore) -> None:
    private = await _fill(store, _THREAD, "hush", 2_000.0)
    public = await _fill(store, "thread-1", "hello", 1_000.0)
    newest = await _fill(store, "thread-2", "hello again", 3_000.0)
    for build in (private, public, newest):
        thread = build.live.thread_id
        loaded = await store.load(thread)
        assert loaded is not None
        assert everything(loaded) == everything(build.live)
        assert len(await store.wire(f"run-of-{thread}")) == 1
        tail = await store.tail(thread, 0)
        assert tail is not None
        assert tail[-1].seq == build.live.seq
        assert await store.draft(thread) == build.live.title
    assert [each.id for each in await store.threads()] == ["thread-2", _THREAD, "thread-1"]
    assert [each.id for each in await store.threads(2)] == ["thread-2", _THREAD]
    assert await store.delete(_THREAD)
    assert [each.id for each in await store.threads()] == ["thread-2", "thread-1"]
    assert list(await store.wire(f"run-of-{_THREAD}")) == []


async def test_private_threads_end_with_their_process(
    store: SplitThreadStore, tmp_path: Path
) -> None:
    await _fill(store, _THREAD, "hush", 1_000.0)
    await _fill(store, "thread-1", "hello", 1_000.0)
    store.close()
    disk = SqliteThreadStore.open(tmp_path / "data" / "t.db")
    again = SplitThreadStore(disk, MemoryThreadStore())
    try:
        assert [each.id for each in await again.threads()] == ["thread-1"]
        assert await again.load(_THREAD) is None
    finally:
        again.close()


async def test_a_list_of_private_threads_folds_what_is_new(
    store: SplitThreadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for at every change of any thread, while an answer streams."""
    build = await _fill(store, _THREAD, "hush", 2_000.0)
    await store.threads()
    words = build.words("and more", run="another")
    folded: list[Envelope] = []
    monkeypatch.setattr(Transcript, "apply", lambda _, envelope: folded.append(envelope))
    store.append(words)
    await store.threads()
    await store.threads()
    assert folded == words
