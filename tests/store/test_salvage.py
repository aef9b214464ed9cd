"""A damaged file at start: set aside whole, what can be read is saved, and it is said."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.filled import Shown, conversation, fill, load_all, write
from tests.store.log_builder import LogBuilder, everything
from tui.core.models import PartKind, Role, RunState
from tui.core.transcript import Transcript
from tui.store import connection as database
from tui.store.check import check
from tui.store.connection import THREADS, open_database
from tui.store.thread_store import SqliteThreadStore

_PAGE = 4096
_THREADS = 8


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Shown]:
    """The bytes of a store in order, and what is in it."""
    path = tmp_path_factory.mktemp("sound") / "t.db"
    shown = fill(path, _THREADS, wire=5)
    with closing(open_database(path, THREADS)) as connection:
        # As if a minute had passed: folded events are only in the rows then.
        connection.execute("DELETE FROM journal")
        connection.execute("UPDATE thread SET cleared_seq = folded_seq, trail_at = NULL")
        connection.execute("PRAGMA incremental_vacuum").fetchall()
    return path.read_bytes(), shown


def _opened(path: Path, content: bytes) -> tuple[Shown, str, str]:
    """What is there after a start on ``content``, and the notice's sentence and hint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    store = SqliteThreadStore.open(path)
    try:
        notice = store.notice
        return load_all(store), notice.message if notice else "", notice.hint if notice else ""
    finally:
        store.close()


def _aside(path: Path) -> list[Path]:
    return [each for each in path.parent.glob("t.db.damaged-*") if not each.name.endswith("-wal")]


def _texts(shown: Shown) -> set[str]:
    parts = [part for each in shown.values() for part in each.parts.values()]
    return {str(part.text) for part in parts if part.kind is PartKind.TEXT}


def _with_pages(content: bytes, pages: set[int], seed: int) -> bytes:
    noise = random.Random(seed)
    damaged = bytearray(content)
    for page in pages:
        damaged[page * _PAGE : (page + 1) * _PAGE] = noise.randbytes(_PAGE)
    return bytes(damaged)


def _header_lost(content: bytes) -> bytes:
    return random.Random(1).randbytes(100) + content[100:]


def _first_page_lost(content: bytes) -> bytes:
    return bytes(_PAGE) + content[_PAGE:]


@pytest.mark.parametrize("damage", [_header_lost, _first_page_lost])
def test_without_its_header_everything_is_saved(
    tmp_path: Path, sound: tuple[bytes, Shown], damage: Callable[[bytes], bytes]
) -> None:
    content, shown = sound
    path = tmp_path / "t.db"
    found, sentence, hint = _opened(path, damage(content))
    assert {key: everything(each) for key, each in found.items()} == {
        key: everything(each) for key, each in shown.items()
    }
    messages = sum(len(each.messages) for each in shown.values())
    assert f"{_THREADS} threads with {messages} messages could be saved" in sentence
    (aside,) = _aside(path)
    assert str(aside) in hint
    assert aside.read_bytes() == damage(content)
    assert aside.stat().st_mode & 0o777 == 0o600
    assert _opened(path, path.read_bytes())[1] == ""  # once is enough
    assert check(path, full=True) == []


@pytest.mark.parametrize("part", [0.9, 0.5, 0.1])
def test_of_a_file_that_was_cut_off_the_rest_is_saved(
    tmp_path: Path, sound: tuple[bytes, Shown], part: float
) -> None:
    content, shown = sound
    damaged = content[: int(len(content) * part) + 77]
    found, sentence, _ = _opened(tmp_path / "t.db", damaged)
    assert "damaged" in sentence
    assert set(found) <= set(shown)
    assert _texts(found) <= _texts(shown)
    whole_pages = len(damaged) // _PAGE * _PAGE
    still_there = {
        text for text in _texts(shown) if damaged.find(text.encode(), 0, whole_pages) >= 0
    }
    short = {text for text in still_there if len(text) < 300}  # longer ones spill to other pages
    assert short <= _texts(found)
    assert check(tmp_path / "t.db", full=True) == []


@settings(max_examples=25)
@given(data=st.data())
def test_damaged_pages_cost_what_was_on_them_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, sound: tuple[bytes, Shown], data: st.DataObject
) -> None:
    content, shown = sound
    count = len(content) // _PAGE
    pages = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    damaged = _with_pages(content, pages, data.draw(st.integers(0, 1_000)))
    path = tmp_path_factory.mktemp("damaged") / "t.db"
    found, sentence, _ = _opened(path, damaged)
    assert sentence
    assert set(found) == set(shown)
    assert _texts(found) <= _texts(shown)
    lost = _texts(shown) - _texts(found)
    assert all(_touched(text, content, pages) for text in lost)
    for thread in found.values():
        _assert_reads_through(thread)
    assert check(path, full=True) == []
    assert _aside(path)[0].read_bytes() == damaged


def _touched(text: str, content: bytes, pages: set[int]) -> bool:
    """Whether some of the text (its beginning is looked for) was on a damaged page."""
    if len(text) >= 300:
        return True  # it spills over pages that its row does not name
    at = content.find(text.encode())
    return any(page * _PAGE <= at < (page + 1) * _PAGE for page in pages)


def _assert_reads_through(thread: Transcript) -> None:
    """These threads have no branches: every message that was saved is on the path shown."""
    assert [each.id for each in thread.path()] == list(thread.messages)
    for part in thread.parts.values():
        assert part.kind in (PartKind.TEXT, PartKind.TOOL_CALL)


@settings(max_examples=30)
@given(st.binary(max_size=20_000), st.binary(max_size=9_000))
def test_no_bytes_whatever_keep_the_store_from_opening(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, log: bytes
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "t.db"
    path.write_bytes(content)
    path.with_name("t.db-wal").write_bytes(log)
    store = SqliteThreadStore.open(path)
    try:
        assert (store.notice is None) == (len(content) < 2 and not log)
        assert load_all(store) == {}
    finally:
        store.close()


def test_what_only_the_log_holds_is_saved_too(tmp_path: Path) -> None:
    """The file is emptied while the log has everything, as after a copy that went wrong."""
    shown, image = _running_image(tmp_path)
    content, log = image
    for name, kept in {"empty": b"", "garbage": random.Random(2).randbytes(len(content))}.items():
        path = tmp_path / name / "t.db"
        path.parent.mkdir()
        path.with_name("t.db-wal").write_bytes(log)
        found, sentence, _ = _opened(path, kept)
        assert "1 thread" in sentence
        assert everything(found["thread-0"]) == everything(shown["thread-0"])
        (aside,) = _aside(path)
        # A log that can be applied was; one with nothing below it is kept as it is.
        last = aside if kept else aside.with_name(aside.name + "-wal")
        assert log[-_PAGE:] in last.read_bytes()


def test_a_log_of_garbage_costs_only_the_log(tmp_path: Path, sound: tuple[bytes, Shown]) -> None:
    content, shown = sound
    path = tmp_path / "t.db"
    path.with_name("t.db-wal").write_bytes(random.Random(3).randbytes(50_000))
    found, _, _ = _opened(path, content)
    assert {key: everything(each) for key, each in found.items()} == {
        key: everything(each) for key, each in shown.items()
    }


def _running_image(tmp_path: Path) -> tuple[Shown, tuple[bytes, bytes]]:
    """File and log of a store that is in use, with nothing checkpointed."""
    path = tmp_path / "running" / "t.db"
    SqliteThreadStore.open(path).close()
    holder = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)
    try:
        # A reader of the moment before keeps everything since in the log.
        holder.execute("BEGIN; SELECT count(*) FROM thread").fetchall()
        shown = fill(path, 1)
        return shown, (path.read_bytes(), path.with_name("t.db-wal").read_bytes())
    finally:
        holder.close()


def test_rows_from_before_a_column_was_added_are_saved_too(tmp_path: Path) -> None:
    """A migration that adds a column leaves the rows on their pages as they were."""
    path = tmp_path / "t.db"
    scripts = sorted((Path(database.__file__).parent / "migrations" / THREADS).glob("*.sql"))
    with closing(apsw.Connection(str(path))) as old:
        old.pragma("auto_vacuum", "INCREMENTAL")
        for script in scripts[:2]:
            old.execute(script.read_text())
        old.execute("""
INSERT INTO thread (id, title, leaf_id, last_seq, folded_seq) VALUES ('t', 'Old', 'm', 5, 5);
INSERT INTO message VALUES ('t', 'm', 1, NULL, 'user', '', NULL, 1.0, 1);
INSERT INTO part VALUES ('t', 'm:0', 'm', 1, 0, 'text', 1, 'From long ago', NULL);
INSERT INTO run (thread_id, id, seq, owner, state, parent_id, tail_id, model)
  VALUES ('t', 'r', 2, '', 'finished', 'm', 'm', 'model-1');
PRAGMA user_version = 2; PRAGMA application_id = 0x54545450;
""")
    open_database(path, THREADS).close()  # brings it up to date
    found, sentence, _ = _opened(path, bytes(100) + path.read_bytes()[100:])
    assert "1 thread with 1 message" in sentence
    assert found["t"].title == "Old"
    assert found["t"].messages["m"].text == "From long ago"
    assert found["t"].runs["r"].model == "model-1"


def test_drafts_are_saved_and_leases_are_no_drafts(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    thread = uuid4().hex
    asyncio.run(_leave(path, conversation(0), {thread: "half a sentence", "thread-0": "more"}))
    with closing(open_database(path, THREADS)) as connection:
        for held in (thread, "thread-0"):
            connection.execute("INSERT INTO lease VALUES (?, ?)", (held, uuid4().hex))
    _opened(path, _first_page_lost(path.read_bytes()))
    with closing(apsw.Connection(str(path))) as saved:
        found: Any = saved.execute("SELECT key, text FROM draft").fetchall()
    assert dict(found) == {thread: "half a sentence", "thread-0": "more"}


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM run",  # its start is in the journal
        "UPDATE run SET now = 'finished'",
        "DELETE FROM journal WHERE type != 'run_started'",
        "DELETE FROM journal",
        "DELETE FROM journal; DELETE FROM thread",
        "DELETE FROM run; DELETE FROM thread; DELETE FROM message",
    ],
)
def test_no_run_goes_on_in_what_was_saved(tmp_path: Path, loss: str) -> None:
    path = tmp_path / "t.db"
    build = conversation(0)
    build.asked("last", "And?")
    build.started("open")
    build.answering("open", "words")
    asyncio.run(_leave(path, build, {}))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("UPDATE run SET now = 'active', state = 'running' WHERE id = 'open'")
        connection.execute("DELETE FROM journal WHERE type = 'run_interrupted'")
        connection.execute(loss)
    found, _, _ = _opened(path, _first_page_lost(path.read_bytes()))
    thread = found["thread-0"]
    assert thread.active_run() is None
    assert thread.runs["open"].state is RunState.INTERRUPTED
    assert thread.interrupted_run() is thread.runs["open"]
    with closing(apsw.Connection(str(path))) as saved:
        states: Any = saved.execute("SELECT id, state, now FROM run").fetchall()
    assert ("open", "interrupted", "interrupted") in states
    assert {now for _, state, now in states if state == "finished"} <= {"finished"}


async def _leave(path: Path, build: LogBuilder, drafts: Mapping[str, str]) -> None:
    store = SqliteThreadStore.open(path)
    try:
        await write(store, build)
        for key, text in drafts.items():
            await store.save_draft(key, text)
    finally:
        store.close()


def test_what_the_server_said_stays_the_assistants_and_is_dated(tmp_path: Path) -> None:
    """Parts of some providers are named like the user's; the messages themselves are not."""
    path = tmp_path / "t.db"
    ours, theirs = uuid4().hex, "msg_900cf20b253ab651d2ac788d"
    before = time.time()
    with closing(open_database(path, THREADS)) as connection:
        connection.pragma("foreign_keys", False)
        for place, message in enumerate((ours, theirs), start=1):
            connection.execute(
                "INSERT INTO part VALUES ('t', ?1 || ':0', ?1, ?2, 0, 'text', 1, 'Words', NULL)",
                (message, place),
            )
    found, _, _ = _opened(path, _first_page_lost(path.read_bytes()))
    thread = found["t"]
    assert thread.messages[ours].role is Role.USER
    assert thread.messages[theirs].role is Role.ASSISTANT
    assert before <= thread.created_at <= thread.updated_at <= time.time()
