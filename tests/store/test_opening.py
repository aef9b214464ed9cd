"""Opening with others around: who mends, who waits, who is told; and what is never touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest

from tests.store.filled import fill, load_all
from tui.core.errors import BusyError, StoreError
from tui.store import drives, presence
from tui.store.backup import restore
from tui.store.connection import THREADS, open_database
from tui.store.presence import Presence
from tui.store.soundness import suspect
from tui.store.thread_store import SqliteThreadStore


@contextmanager
def holding(path: Path) -> Iterator[int]:
    """Another process that has the store open; yields its number."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.store.victim", str(path), "hold"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline().startswith(b"holding")
        yield child.pid
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _damage(path: Path) -> bytes:
    """Noise where SQLite looks last, so that a store that is open stays usable."""
    content = bytearray(path.read_bytes())
    content[-4096:] = os.urandom(4096)
    path.write_bytes(content)
    return bytes(content)


def test_a_damaged_file_is_left_alone_while_another_process_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "PATIENCE", 0.2)
    path = tmp_path / "t.db"
    fill(path, 2)
    with holding(path) as number:
        damaged = _damage(path)
        suspect(path)
        with pytest.raises(StoreError, match=f"damaged.*process {number}") as caught:
            SqliteThreadStore.open(path)
        assert "Quit every Tickertape" in caught.value.hint
        assert path.read_bytes() == damaged
        assert list(tmp_path.glob("*.damaged-*")) == []
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is not None
        assert "2 threads" in store.notice.message or "3 threads" in store.notice.message
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_two_that_start_on_a_damaged_file_mend_it_once(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    shown = fill(path, 3)
    content = path.read_bytes()
    path.write_bytes(bytes(4096) + content[4096:])
    script = (
        "import sys; from pathlib import Path; from tui.store.thread_store import *;"
        "s = SqliteThreadStore.open(Path(sys.argv[1])); print(s.notice is not None); s.close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [child.communicate(timeout=60)[0].strip() for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(said) == [b"False", b"False", b"True"]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    with closing(SqliteThreadStore.open(path)) as store:
        assert set(load_all(store)) == set(shown)


def test_who_comes_while_the_file_is_replaced_waits_and_then_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "PATIENCE", 0.1)
    path = tmp_path / "t.db"
    fill(path, 1)
    alone = Presence(path)
    alone.alone()
    try:
        with pytest.raises(BusyError, match="repairing or restoring"):
            SqliteThreadStore.open(path)
    finally:
        alone.release()
    SqliteThreadStore.open(path).close()


def test_a_network_drive_is_refused_and_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = tmp_path / "my drive"
    mount.mkdir()
    mounts = tmp_path / "mountinfo"
    name = str(mount).replace(" ", "\\040")
    for kind in ("nfs4", "cifs", "smb3", "9p", "fuse.sshfs"):
        mounts.write_text(
            "22 1 8:1 / / rw - ext4 /dev/x rw\n"
            f"36 22 0:3 / {name} rw shared:1 - {kind} host:/x rw\n"
        )
        monkeypatch.setattr(drives, "MOUNTS", mounts)
        for use in (SqliteThreadStore.open, lambda each: restore(each, mounts)):
            with pytest.raises(StoreError, match=f"network drive .{kind}.") as caught:
                use(mount / "data" / "t.db")
            assert "TICKERTAPE_HOME" in caught.value.hint
        assert list(mount.iterdir()) == []
    SqliteThreadStore.open(tmp_path / "my drive too" / "t.db").close()  # beside it, on the disk


def test_this_machine_says_what_the_file_system_is(tmp_path: Path) -> None:
    if not drives.MOUNTS.exists():
        pytest.skip("only Linux lists its mounts")
    assert drives.file_system(tmp_path / "not" / "there")
    assert drives.file_system(Path("/proc/self/status")) == "proc"


def test_damage_that_a_quick_look_misses_is_seen_after_a_suspicion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.soundness.BUDGET", 0.0)  # a database too large to be seen
    monkeypatch.setattr("tui.store.soundness._STEPS", 1)
    path = tmp_path / "t.db"
    shown = fill(path, 3)
    _damage(path)
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is None
    suspect(path)
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is not None
        assert set(load_all(store)) == set(shown)
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is None
    assert not path.with_name("t.db.suspect").exists()


def test_a_newer_or_foreign_file_is_never_mended(tmp_path: Path) -> None:
    newer, foreign = tmp_path / "newer.db", tmp_path / "foreign.db"
    with closing(open_database(newer, THREADS)) as connection:
        connection.pragma("user_version", 99)
    with closing(apsw.Connection(str(foreign))) as connection:
        connection.execute("CREATE TABLE precious (x)")
        connection.execute("INSERT INTO precious SELECT randomblob(9000)")
    for path, sentence in ((newer, "newer Tickertape"), (foreign, "another program")):
        content = bytearray(path.read_bytes())
        content[-2000:] = os.urandom(2000)
        path.write_bytes(content)
        with pytest.raises(StoreError, match=sentence):
            SqliteThreadStore.open(path)
        with pytest.raises(StoreError, match=f"{sentence}|not a sound"):
            restore(tmp_path / "t.db", path)
        assert path.read_bytes() == bytes(content)
    assert not (tmp_path / "t.db").exists()
