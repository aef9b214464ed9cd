"""A backup is one sound file though others write; a restore ends with the old store or the new."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store.filled import conversation, fill, load_all, loaded, write
from tests.store.killed import KILLED
from tests.store.log_builder import LogBuilder, everything
from tests.store.test_opening import holding
from tui.core.errors import BusyError, NotFoundError, StoreError
from tui.core.models import RunState
from tui.store.backup import back_up, restore
from tui.store.check import check
from tui.store.thread_store import SqliteThreadStore


async def test_a_backup_made_while_another_writes_is_one_moment_of_it(tmp_path: Path) -> None:
    path, target = tmp_path / "t.db", tmp_path / "saved" / "backup.db"
    target.parent.mkdir()
    store = SqliteThreadStore.open(path)
    try:
        for number in range(10):
            await write(store, conversation(number), wire=50)
        await store.claim("busy")
        build = LogBuilder("busy")
        store.append(build.created())
        saving = asyncio.create_task(asyncio.to_thread(back_up, path, target))
        while not saving.done():
            store.append(build.asked(f"m{len(build.log)}", "while it is copied"))
            await store.barrier()
        contents = await saving
    finally:
        store.close()
    assert [each.name for each in target.parent.iterdir()] == ["backup.db"]  # no log beside it
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(SqliteThreadStore.open(target)) as copy:
        found = await loaded(copy)
    assert contents.threads >= 10
    for number in range(10):
        assert everything(found[f"thread-{number}"]) == everything(conversation(number).live)
    if "busy" in found:
        seen = list(found["busy"].messages)
        assert seen == list(build.live.messages)[: len(seen)]


def test_a_backup_never_overwrites_unless_told_to(tmp_path: Path) -> None:
    path, target = tmp_path / "t.db", tmp_path / "backup.db"
    with pytest.raises(NotFoundError):
        back_up(path, target)
    assert not target.exists()
    shown = fill(path, 2)
    target.write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        back_up(path, target)
    assert target.read_text() == "precious"
    assert back_up(path, target, force=True).threads == 2
    fill(path, 3)
    with pytest.raises(StoreError, match="cannot be used"):
        back_up(path, tmp_path / "no such directory" / "b.db")
    with closing(SqliteThreadStore.open(target)) as copy:
        assert set(load_all(copy)) == set(shown)
    assert sorted(each.name for each in tmp_path.glob("*backup*")) == [
        "backup.db",
        "backup.db.lock",
    ]


def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    fill(path, 2)
    content = bytearray(path.read_bytes())
    content[-4096:] = os.urandom(4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged") as caught:
        back_up(path, tmp_path / "backup.db")
    assert "store check" in caught.value.hint
    assert list(tmp_path.glob("backup*")) == []


def test_restore_puts_the_backup_in_place_and_the_present_aside(tmp_path: Path) -> None:
    path, target = tmp_path / "data" / "t.db", tmp_path / "backup.db"
    old = fill(path, 2)
    back_up(path, target)
    newer = fill(path, 4)
    before = target.read_bytes()
    contents = restore(path, target)
    assert (contents.threads, contents.messages) == (2, 12)
    assert target.read_bytes() == before
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is None
        found = load_all(store)
    assert {key: everything(each) for key, each in found.items()} == {
        key: everything(each) for key, each in old.items()
    }
    assert contents.kept is not None
    with closing(SqliteThreadStore.open(contents.kept)) as kept:
        assert set(load_all(kept)) == set(newer)
    assert check(path, full=True) == []


def test_restore_begins_a_store_where_there_was_none(tmp_path: Path) -> None:
    path, target = tmp_path / "data" / "t.db", tmp_path / "backup.db"
    shown = fill(tmp_path / "other" / "t.db", 1)
    back_up(tmp_path / "other" / "t.db", target)
    assert restore(path, target).kept is None
    with closing(SqliteThreadStore.open(path)) as store:
        assert set(load_all(store)) == set(shown)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_restore_is_refused_while_another_process_has_the_store_open(tmp_path: Path) -> None:
    path, target = tmp_path / "t.db", tmp_path / "backup.db"
    fill(path, 1)
    back_up(path, target)
    with holding(path) as number:
        before = path.read_bytes()
        with pytest.raises(BusyError, match=f"process {number}.* is using") as caught:
            restore(path, target)
        assert "Quit" in caught.value.hint
        assert path.read_bytes() == before
        assert list(tmp_path.glob("*before-restore*")) == []
    assert restore(path, target).threads == 1


async def test_runs_that_were_active_in_the_backup_come_out_interrupted(tmp_path: Path) -> None:
    path, target = tmp_path / "t.db", tmp_path / "backup.db"
    store = SqliteThreadStore.open(path)
    try:
        await store.claim("thread-1")
        build = LogBuilder()
        store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
        store.append([*build.answering(), *build.words("half a thou")])
        await store.save_draft("thread-1", "not sent yet")
        await store.barrier()
        back_up(path, target)
    finally:
        store.close()
    await asyncio.to_thread(restore, path, target)
    with closing(SqliteThreadStore.open(path)) as restored:
        loaded = await restored.load("thread-1")
        assert loaded is not None
        assert loaded.runs["r1"].state is RunState.INTERRUPTED
        assert str(loaded.parts["a1-text"].text) == "half a thou"
        assert await restored.draft("thread-1") == "not sent yet"
        assert await restored.claim("thread-1") == loaded.seq  # nobody holds it


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 5000, b"SQLite format 3\0" * 400])
def test_restore_refuses_what_is_no_sound_backup(tmp_path: Path, content: bytes) -> None:
    path, source = tmp_path / "t.db", tmp_path / "b.db"
    fill(path, 1)
    before = path.read_bytes()
    source.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a sound Tickertape database|another program"):
        restore(path, source)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.glob("t.db*")) == ["t.db", "t.db.lock"]


def test_restore_refuses_a_backup_with_a_damaged_page(tmp_path: Path) -> None:
    path, source = tmp_path / "t.db", tmp_path / "b.db"
    fill(path, 3)
    back_up(path, source)
    content = bytearray(source.read_bytes())
    content[-4096:] = os.urandom(4096)
    source.write_bytes(content)
    with pytest.raises(StoreError, match="not a sound Tickertape database"):
        restore(path, source)


def test_a_copy_of_the_file_in_a_directory_without_rights_can_be_restored(tmp_path: Path) -> None:
    """Made with cp, so its header asks for a log, which cannot be made there."""
    path, source = tmp_path / "t.db", tmp_path / "b.db"
    shown = fill(path, 1)
    shutil.copy(path, source)
    assert restore(path, source).threads == len(shown)


def test_killed_at_any_moment_a_restore_leaves_the_old_store_or_the_new(tmp_path: Path) -> None:
    fill(tmp_path / "small" / "t.db", 1)
    target = tmp_path / "backup.db"
    back_up(tmp_path / "small" / "t.db", target)
    present = fill(tmp_path / "present" / "t.db", 3)
    seen = set()
    for moment in range(1, 40):
        path = tmp_path / f"at-{moment}" / "t.db"
        shutil.copytree(tmp_path / "present", path.parent)
        ended = _killed(moment, "restore", path, target)
        with closing(SqliteThreadStore.open(path)) as store:
            assert store.notice is None
            found = load_all(store)
        assert set(found) in ({"thread-0"}, set(present)), moment
        seen.add(len(found))
        assert check(path) == []
        if ended == 0:
            break
    else:
        pytest.fail("the restore never came to its end")
    assert seen == {1, 3}
    assert moment > 4


def test_killed_at_any_moment_saving_a_damaged_file_starts_over(tmp_path: Path) -> None:
    original = tmp_path / "original" / "t.db"
    shown = fill(original, 2)
    content = original.read_bytes()
    original.write_bytes(bytes(4096) + content[4096:])
    for moment in range(1, 40):
        path = tmp_path / f"at-{moment}" / "t.db"
        shutil.copytree(original.parent, path.parent)
        ended = _killed(moment, "open", path)
        with closing(SqliteThreadStore.open(path)) as store:
            assert set(load_all(store)) == set(shown), moment
        asides = path.parent.glob("t.db.damaged-*")
        assert any(each.read_bytes() == original.read_bytes() for each in asides)
        if ended == 0:
            break
    else:
        pytest.fail("it never came to its end")
    assert moment > 4


def _killed(moment: int, *arguments: object) -> int:
    command = [sys.executable, "-m", "tests.store.killed", str(moment), *map(str, arguments)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True).returncode
    assert ended in (0, KILLED)
    return ended


def test_a_swap_that_a_crash_cut_short_never_applies_a_foreign_log(tmp_path: Path) -> None:
    """The old store's log still lies there when the new file is decided on."""
    path, target = tmp_path / "t.db", tmp_path / "backup.db"
    fill(path, 1)
    back_up(path, target)
    holder = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)
    holder.execute("BEGIN; SELECT count(*) FROM thread").fetchall()
    fill(path, 3)  # all of it stays in the log
    log = path.with_name("t.db-wal").read_bytes()
    main = path.read_bytes()
    holder.close()
    path.write_bytes(main)
    path.with_name("t.db-wal").write_bytes(log)
    shutil.copy(target, path.with_name("t.db.next.before-restore-x"))
    with closing(SqliteThreadStore.open(path)) as store:
        assert set(load_all(store)) == {"thread-0"}
    with closing(SqliteThreadStore.open(path.with_name("t.db.before-restore-x"))) as kept:
        assert set(load_all(kept)) == {"thread-0", "thread-1", "thread-2"}
