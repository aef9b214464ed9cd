"""The writing thread: in time, synced when it matters, and never giving up on what it was given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import Decision, Outcome, PartKind, Role, WireEvent
from tui.store.connection import THREADS, open_database
from tui.store.leases import Leases
from tui.store.thread_store import SqliteThreadStore
from tui.store.writer import Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "t.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteThreadStore]:
    opened = await _holding(path)
    yield opened
    with suppress(StoreError):  # a test that fills the disk says so itself
        opened.close()


async def _holding(path: Path) -> SqliteThreadStore:
    store = SqliteThreadStore.open(path)
    for thread_id in ("thread-1", "other"):
        await store.claim(thread_id)
    return store


def _set_size(store: SqliteThreadStore, pages: int) -> None:
    """SQLite itself then reports a full disk, as it does for a real one.

    Not through the queue, where it would wait behind what cannot be written; after a barrier,
    passed or failed, the writer's thread leaves the connection alone.
    """
    store._writer._connection.pragma("max_page_count", pages)


def _pages(store: SqliteThreadStore) -> int:
    return int(store._writer._connection.pragma("page_count"))


async def test_a_full_disk_is_reported_and_nothing_is_lost_once_there_is_room(
    store: SqliteThreadStore,
) -> None:
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    await store.barrier()
    _set_size(store, _pages(store) + 4)
    store.append([*build.answering(), *build.words("x" * 100_000)])
    for _ in range(2):
        with pytest.raises(StoreError, match="disk is full") as caught:
            await store.barrier()
        assert "Free some space" in caught.value.hint
        store.append(build.words(" more", " and more"))
    with pytest.raises(StoreError, match="disk is full"):
        await store.load("thread-1")
    with pytest.raises(StoreError, match="disk is full"):
        await store.barrier()

    _set_size(store, 1_000_000)
    store.append(build.ended())
    await store.barrier()
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


async def test_a_store_that_cannot_write_its_last_words_says_so(path: Path) -> None:
    store = await _holding(path)
    build = LogBuilder()
    store.append(build.created())
    await store.barrier()
    _set_size(store, _pages(store) + 2)
    store.append(build.asked(text="x" * 100_000))
    with pytest.raises(StoreError, match="disk is full"):
        store.close()
    assert _store_threads() == []
    store.close()  # a second time is nothing


async def test_writes_are_tried_again_without_being_asked(store: SqliteThreadStore) -> None:
    build = LogBuilder()
    store.append(build.created())
    await store.barrier()
    _set_size(store, _pages(store) + 2)
    store.append(build.asked(text="x" * 100_000))
    with pytest.raises(StoreError):
        await store.barrier()
    _set_size(store, 1_000_000)
    other = SqliteThreadStore.open(store._path)
    try:
        while (await _messages(other)) == 0:
            await asyncio.sleep(0)
    finally:
        other.close()


async def test_a_failure_with_nothing_to_keep_does_not_end_the_writer(
    store: SqliteThreadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.writer._RETRY_INTERVAL", 0.01)

    def fail(self: Writer, durable: bool) -> None:
        raise apsw.IOError("the disk")

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "_set_durable", fail)
        with pytest.raises(StoreError):
            await store.barrier()
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await store.barrier()


async def _messages(store: SqliteThreadStore) -> int:
    (summary,) = await store.threads()
    return summary.messages


async def test_close_writes_what_is_queued_and_ends_the_threads(path: Path) -> None:
    store = await _holding(path)
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(), *build.answering()])
    store.append(build.words("the last word"))
    store.close()
    store.close()
    assert _store_threads() == []
    with pytest.raises(StoreError, match="closed"):
        store.append(build.words("too late"))
    with pytest.raises(StoreError, match="closed"):
        await store.load("thread-1")
    again = SqliteThreadStore.open(path)
    try:
        loaded = await again.load("thread-1")
        assert loaded is not None
        assert str(loaded.parts["a1-text"].text) == "the last word"
    finally:
        again.close()


def _store_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("store-")]


async def test_a_wait_that_was_cancelled_harms_nothing(store: SqliteThreadStore) -> None:
    build = LogBuilder()
    store.append(build.created())
    for wait in (store.barrier(), store.load("thread-1")):
        task = asyncio.ensure_future(wait)
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    store.append(build.asked())
    await store.barrier()
    assert await store.load("thread-1") is not None


async def test_what_comes_late_for_a_deleted_thread_is_dropped(store: SqliteThreadStore) -> None:
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(), *build.answering()])
    await store.delete("thread-1")
    store.append([*build.words("ghost"), *build.ended()])
    store.append_wire([WireEvent(run_id="r1", index=0, at=1.0, mono=1.0, name="x", data="ghost")])
    await store.barrier()
    assert await store.threads() == []
    assert list(await store.wire("r1")) == []


async def test_an_event_that_rows_cannot_hold_blocks_nothing(store: SqliteThreadStore) -> None:
    """A remote index beyond 64 bits is legal JSON; the thread then lives in the journal."""
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(), *build.answering()])
    odd = e.PartStarted(message_id="a1", part_id="odd", index=10**30, kind=PartKind.TEXT)
    store.append([build.add(odd, "r1"), *build.words("fine"), *build.ended()])
    other = LogBuilder("other")
    store.append([*other.created(), *other.asked()])
    await store.barrier()
    for each in (build, other):
        loaded = await store.load(each.live.thread_id)
        assert loaded is not None
        assert everything(loaded) == everything(each.live)


async def test_an_event_that_json_cannot_hold_is_left_out(store: SqliteThreadStore) -> None:
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"deeper": deep}
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(), *build.answering()])
    store.append([build.add(e.AnnotationAdded(part_id="a1-text", annotation=deep), "r1")])
    store.append([*build.words("fine"), *build.ended()])
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert str(loaded.parts["a1-text"].text) == "fine"
    assert loaded.seq == build.live.seq


class _SyncVfs(apsw.VFS):
    """Notes writes and syncs of write-ahead logs."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.synced = threading.Event()
        self.base = apsw.vfs_names()[0]
        super().__init__("noting", self.base, makedefault=True)

    def wait_for_sync(self) -> None:
        """Until a log was synced after the notes were cleared."""
        while "sync" not in self.notes:
            self.synced.clear()
            assert self.synced.wait(10) or "sync" in self.notes

    def xOpen(  # noqa: N802 (SQLite's name)
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        return _SyncFile(self, name, flags)


class _SyncFile(apsw.VFSFile):
    def __init__(
        self, vfs: _SyncVfs, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self.notes = vfs.notes if flags[0] & apsw.SQLITE_OPEN_WAL else []
        self.synced = vfs.synced
        super().__init__(vfs.base, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 (SQLite's name)
        self.notes.append("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 (SQLite's name)
        super().xSync(flags)
        self.notes.append("sync")
        self.synced.set()


@pytest.fixture
def vfs() -> Iterator[_SyncVfs]:
    noting = _SyncVfs()
    yield noting
    noting.unregister()


@pytest.fixture
def writing(path: Path, vfs: _SyncVfs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """A writer that holds a thread, and writes nothing that is not urgent unless it is asked."""
    monkeypatch.setattr("tui.store.writer.INTERVAL", 100.0)
    leases = Leases(path.parent / "owners", "me")
    writer = Writer(open_database(path, THREADS), path, leases, 200)
    writer.submit(lambda each: leases.claim(each, "thread-1", force=False)).result()
    yield writer
    writer.close()


_DECISION = Decision(approved=True, by="user")


@pytest.mark.parametrize(
    "event",
    [
        e.MessageAdded(message_id="m2", parent_id="m1", role=Role.USER),
        e.MessageQueued(message_id="q1", run_id="r2"),
        e.MessageUnqueued(message_id="q1"),
        e.RunStarted(parent_id="m1"),
        e.ContinuationChanged(continuation={"thread": "t"}),
        e.ApprovalRequested(call_id="c1"),
        e.ApprovalDecided(call_id="c1", decision=_DECISION),
        e.ToolStarted(call_id="c1"),
        e.ToolFinished(call_id="c1", output="2"),
        e.OutputsSubmitted(call_ids=("c1",)),
        e.CancelRequested(),
        e.RunInterrupted(),
        e.RunResumed(owner="me"),
        e.RunFinished(outcome=Outcome.COMPLETED),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_must_not_be_lost_is_synced_at_once(
    writing: Writer, vfs: _SyncVfs, event: e.Event
) -> None:
    build = _running(writing)
    vfs.notes.clear()
    writing.append([build.add(event, "r1")])
    vfs.wait_for_sync()
    assert vfs.notes[-1] == "sync"


def test_deltas_are_written_in_time_and_not_synced(writing: Writer, vfs: _SyncVfs) -> None:
    build = _running(writing)
    assert _notes(vfs, writing, build.words("a")) == {"write"}
    assert "sync" in _notes(vfs, writing, build.asked("m2"))
    assert _notes(vfs, writing, build.words("b")) == {"write"}
    writing.sync().result()
    assert vfs.notes[-1] == "sync"


def _running(writer: Writer) -> LogBuilder:
    build = LogBuilder()
    writer.append([*build.created(), *build.asked(), *build.started(), *build.answering()])
    writer.append(build.calling())
    writer.sync().result()
    return build


def _notes(vfs: _SyncVfs, writer: Writer, log: list[Envelope]) -> set[str]:
    vfs.notes.clear()
    writer.append(log)
    writer.flush().result()
    return set(vfs.notes)
