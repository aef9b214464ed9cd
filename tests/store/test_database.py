"""The file itself: private, migrated, refused when it is not ours."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core.errors import StoreError
from tui.store import connection as database
from tui.store.connection import THREADS, known_version, open_database
from tui.store.thread_store import SqliteThreadStore

_NOBODY = 65_534


@contextmanager
def opened(path: Path) -> Iterator[SqliteThreadStore]:
    store = SqliteThreadStore.open(path)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may write everywhere, so permissions can only be tested as someone else."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


async def test_everything_is_private_even_with_a_lax_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path / "data" / "t.db") as store:
            await store.claim("thread-1")
            store.append(LogBuilder().created())
            await store.barrier()
            modes = {
                each.name: stat.S_IMODE(each.stat().st_mode)
                for each in (tmp_path / "data").rglob("*")
            }
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert modes.pop("owners") == 0o700
    assert {"t.db", "t.db-wal", "t.db-shm"} < set(modes)
    assert set(modes.values()) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "data" / "t.db"
    with opened(path):
        pass
    path.chmod(0o644)
    path.parent.chmod(0o755)
    with opened(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_table_is_strict_and_foreign_keys_hold(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "t.db", THREADS)
    try:
        tables: Any = connection.execute("SELECT name, strict FROM pragma_table_list").fetchall()
        ours = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
        assert {"thread", "message", "part", "run", "tool_call", "journal", "wire_event"} < set(
            ours
        )
        assert all(ours.values())
        with pytest.raises(apsw.ConstraintError):
            connection.execute(
                "INSERT INTO journal (thread_id, seq, at, mono, type, data_json) "
                "VALUES ('nobody', 1, 0, 0, 'x', '{}')"
            )
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("secure_delete") == 1
    finally:
        connection.close()


def test_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = open_database(path, THREADS)
    connection.pragma("user_version", 99)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Tickertape") as caught:
        SqliteThreadStore.open(path)
    assert "Upgrade" in caught.value.hint
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SqliteThreadStore.open(path)
    assert path.read_bytes() == before


def test_a_place_that_is_no_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        SqliteThreadStore.open(tmp_path / "file" / "t.db")
    assert "TICKERTAPE_HOME" in caught.value.hint


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with _reachable_by_anyone(tmp_path), as_ordinary_user():
        directory = tmp_path / "shared" / "data"
        with opened(directory / "t.db"):
            pass
        directory.chmod(0o500)
        for name in ("t.db", "new.db"):
            with pytest.raises(StoreError) as caught:
                SqliteThreadStore.open(directory / name)
            assert str(directory) in caught.value.message
            assert caught.value.hint
        directory.chmod(0o700)
        with opened(directory / "t.db"):
            pass


@contextmanager
def _reachable_by_anyone(tmp_path: Path) -> Iterator[None]:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    closed = [each for each in tmp_path.parents if not each.stat().st_mode & 0o001]
    closed.append(tmp_path)
    modes = [(each, stat.S_IMODE(each.stat().st_mode)) for each in closed]
    for each, mode in modes:
        each.chmod(mode | 0o011)
    try:
        yield
    finally:
        for each, mode in modes:
            each.chmod(mode)


async def test_migrations_run_in_order_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.db"
    now = known_version(THREADS)
    build = LogBuilder()
    with opened(path) as store:
        await store.claim("thread-1")
        store.append([*build.created(), *build.asked()])

    _later_version(tmp_path, monkeypatch, "ALTER TABLE thread ADD COLUMN folder TEXT; SELECT oops;")
    with pytest.raises(StoreError):
        SqliteThreadStore.open(path)
    assert _columns(path) == (now, False)  # all of it or nothing

    _later_version(tmp_path, monkeypatch, "ALTER TABLE thread ADD COLUMN folder TEXT;")
    for _ in range(2):
        with opened(path) as store:
            loaded = await store.load("thread-1")
            assert loaded is not None
            assert everything(loaded) == everything(build.live)
    assert _columns(path) == (now + 1, True)


def _later_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    folder = tmp_path / "migrations" / THREADS
    folder.mkdir(parents=True, exist_ok=True)
    ours = Path(database.__file__).parent / "migrations" / THREADS
    for each in ours.glob("*.sql"):
        (folder / each.name).write_text(each.read_text())
    (folder / "9999_folders.sql").write_text(script)
    monkeypatch.setattr(database, "_MIGRATIONS", folder.parent)


def _columns(path: Path) -> tuple[int, bool]:
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)
    try:
        names = {row[1] for row in connection.execute("PRAGMA table_info(thread)")}
        return int(connection.pragma("user_version")), "folder" in names
    finally:
        connection.close()


def test_many_that_open_a_new_file_at_once_all_can(tmp_path: Path) -> None:
    start = threading.Barrier(6)
    failures: list[StoreError] = []

    def open_and_close() -> None:
        start.wait()
        try:
            open_database(tmp_path / "data" / "t.db", THREADS).close()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


async def test_deleted_text_is_not_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "t.db"
    secret = "the-combination-is-4711"
    build = LogBuilder()
    with opened(path) as store:
        await store.claim("thread-1")
        store.append([*build.created(secret), *build.asked("m1", secret), *build.started()])
        store.append([*build.answering(), *build.words(secret, secret)])
        await store.save_draft("thread-1", secret)
        await store.barrier()
        log = path.with_name("t.db-wal")  # the database itself is read once its locks are gone
        assert secret.encode() in log.read_bytes()
        await store.delete("thread-1")
        assert secret.encode() not in log.read_bytes()
    assert secret.encode() not in path.read_bytes()
