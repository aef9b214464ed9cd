"""Following a thread by its log: the trail that folding leaves, and what listeners are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from tests.store.listening import Listener
from tests.store.log_builder import LogBuilder, everything
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.models import PartKind
from tui.core.transcript import Transcript
from tui.store import watch, writer
from tui.store.journal import TRAIL
from tui.store.thread_store import SqliteThreadStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteThreadStore]:
    opened = SqliteThreadStore.open(tmp_path / "t.db")
    await opened.claim("thread-1")
    yield opened
    with suppress(StoreError):  # a test that fills the disk says so itself
        opened.close()


@pytest.fixture
def other(tmp_path: Path, store: SqliteThreadStore) -> Iterator[SqliteThreadStore]:
    with closing(SqliteThreadStore.open(tmp_path / "t.db")) as opened:
        yield opened


def _answered() -> LogBuilder:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    build.words("one ", "two ", "three")
    build.ended()
    return build


async def _pass(store: SqliteThreadStore, seconds: float) -> None:
    """As if that much time had passed since the last fold."""

    def work(connection: apsw.Connection) -> None:
        connection.execute("UPDATE thread SET trail_at = trail_at - ?", (seconds,))

    await store._write(work)


async def test_what_was_folded_can_be_followed_for_a_minute(
    store: SqliteThreadStore, other: SqliteThreadStore
) -> None:
    build = _answered()
    store.append(build.log)
    await store.barrier()
    await _pass(store, TRAIL - 5)
    store.append(build.asked("m2"))
    await store.barrier()
    tail = await other.tail("thread-1", 0)
    assert tail is not None
    assert everything(Transcript("thread-1").apply_all(tail)) == everything(build.live)


async def test_after_that_only_loading_tells(
    store: SqliteThreadStore, other: SqliteThreadStore
) -> None:
    build = _answered()
    store.append(build.log)
    await store.barrier()
    folded = build.live.seq
    await _pass(store, TRAIL + 5)
    store.append(build.asked("m2"))
    await store.barrier()
    assert await other.tail("thread-1", 0) is None
    assert await other.tail("thread-1", folded - 1) is None
    tail = await other.tail("thread-1", folded)
    assert tail is not None
    assert [each.seq for each in tail] == [folded + 1]
    loaded = await other.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


async def test_a_clock_that_was_set_back_keeps_no_trail_for_ever(
    store: SqliteThreadStore,
) -> None:
    build = _answered()
    store.append(build.log)
    await store.barrier()
    await _pass(store, -1_000_000)
    store.append(build.asked("m2"))
    assert await store.tail("thread-1", 0) is None


async def test_the_trail_of_one_thread_is_cut_when_another_is_folded(
    store: SqliteThreadStore,
) -> None:
    store.append(_answered().log)
    await store.barrier()
    await _pass(store, TRAIL + 5)
    await store.claim("thread-2")
    elsewhere = LogBuilder("thread-2")
    store.append([*elsewhere.created(), *elsewhere.asked()])
    assert await store.tail("thread-1", 0) is None


async def test_what_was_folded_later_is_cut_later(store: SqliteThreadStore) -> None:
    build = _answered()
    store.append(build.log)
    await store.barrier()
    first = build.live.seq
    await _pass(store, TRAIL - 5)
    store.append(build.asked("m2"))
    await store.barrier()
    await store.claim("thread-2")
    elsewhere = LogBuilder("thread-2")
    elsewhere.created()
    for message, expected in (("x1", [first + 1]), ("x2", None)):
        await _pass(store, TRAIL - 5)
        elsewhere.asked(message)
        store.append(elsewhere.log)
        await store.barrier()
        tail = await store.tail("thread-1", first)
        assert (None if tail is None else [each.seq for each in tail]) == expected
        await _pass(store, 10)


async def test_a_place_between_rows_is_no_place(
    store: SqliteThreadStore, other: SqliteThreadStore
) -> None:
    build = _answered()
    store.append(build.log)
    await store.barrier()
    deltas = [each.seq for each in build.log if each.event.__class__.__name__ == "TextDelta"]
    assert await other.tail("thread-1", deltas[0]) is None  # all three are one row
    assert await other.tail("thread-1", deltas[-1]) is not None
    assert await other.tail("thread-1", build.live.seq) == []
    assert await other.tail("thread-1", build.live.seq + 1) is None
    assert await other.tail("nobody", 0) is None
    await store.delete("thread-1")
    assert await other.tail("thread-1", deltas[-1]) is None


async def test_a_thread_that_rows_cannot_hold_can_be_followed(
    store: SqliteThreadStore, other: SqliteThreadStore, caplog: pytest.LogCaptureFixture
) -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    # The reducer gives the parts of m2 such names too.
    build.add(e.PartStarted(message_id="a1", part_id="m2:0", index=5, kind=PartKind.TEXT), "r1")
    build.ended()
    build.asked("m2")
    store.append(build.log)
    await store.barrier()
    assert "stays in the journal" in caplog.text
    await _pass(store, TRAIL + 5)
    store.append(build.asked("m3"))
    await store.barrier()
    tail = await other.tail("thread-1", 0)
    assert tail is not None
    assert everything(Transcript("thread-1").apply_all(tail)) == everything(build.live)


# --- listeners ------------------------------------------------------------------------------


async def test_own_writing_is_no_news(
    store: SqliteThreadStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.001)
    monkeypatch.setattr(watch, "LULL_INTERVAL", 0.001)
    listener = Listener()
    store.listen(listener)
    build = LogBuilder()
    build.created()
    for number in range(30):  # it looks around after each
        build.asked(f"m{number}")
        store.append(build.log)
        await store.barrier()
    assert listener.count("changed") == 0
    with closing(SqliteThreadStore.open(tmp_path / "t.db")) as other:
        await other.save_draft("new", "from elsewhere")
        await listener.wait_for("changed")


async def test_many_changes_are_one_piece_of_news_per_look(
    store: SqliteThreadStore, other: SqliteThreadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 30.0)  # the second look would be long after the test
    monkeypatch.setattr(watch, "LULL_INTERVAL", 30.0)
    listener = Listener()
    store.listen(listener)
    for number in range(50):
        await other.save_draft("new", f"text {number}")
        await store.barrier()
    assert listener.count("changed") <= 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_RETRY_INTERVAL", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_trouble_is_told_when_it_comes_and_when_it_goes(store: SqliteThreadStore) -> None:
    listener = Listener()
    store.listen(listener)
    build = LogBuilder()
    store.append(build.created())
    await store.barrier()
    connection = store._writer._connection
    connection.pragma("max_page_count", int(connection.pragma("page_count")))
    store.append(build.asked(text="x" * 100_000))
    assert "disk is full" in str(await listener.wait_for("troubled"))
    with pytest.raises(StoreError):
        await store.barrier()
    connection.pragma("max_page_count", 1_000_000)
    assert await listener.wait_for("troubled") is None
    assert listener.count("troubled") == 2
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert everything(loaded) == everything(build.live)


@pytest.mark.usefixtures("impatient")
async def test_who_listens_later_hears_of_trouble_too(store: SqliteThreadStore) -> None:
    build = LogBuilder()
    store.append(build.created())
    await store.barrier()
    connection = store._writer._connection
    connection.pragma("max_page_count", int(connection.pragma("page_count")))
    store.append(build.asked(text="x" * 100_000))
    with pytest.raises(StoreError):
        await store.barrier()
    listener = Listener()
    store.listen(listener)
    assert "disk is full" in str(await listener.wait_for("troubled"))
    connection.pragma("max_page_count", 1_000_000)
    assert await listener.wait_for("troubled") is None


async def test_a_listener_that_fails_does_not_end_the_writing(
    store: SqliteThreadStore, other: SqliteThreadStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Listener):
        def changed(self) -> None:
            super().changed()
            raise RuntimeError("its loop has ended")

    listener = Broken()
    store.listen(listener)
    for text in ("once", "twice"):
        await other.save_draft("new", text)
        await listener.wait_for("changed")
    build = _answered()
    store.append(build.log)
    loaded = await store.load("thread-1")
    assert loaded is not None
    assert "listener failed" in caplog.text
