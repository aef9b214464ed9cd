"""Backup, restore and the care of the database, as a person types it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Tickertape
from tests.store.filled import fill
from tests.store.test_opening import holding


@pytest.fixture
def database() -> Path:
    """The database of the test's own home; not there yet."""
    return Path(os.environ["TICKERTAPE_HOME"]) / "data" / "tickertape.db"


def test_without_a_database_there_is_nothing_to_care_for(
    tickertape: Tickertape, tmp_path: Path, database: Path
) -> None:
    for arguments in (["store", "check"], ["store", "stats"], ["store", "compact"]):
        done = tickertape(*arguments)
        assert done.returncode == 2
        assert "no database yet" in done.stderr
    done = tickertape("backup", str(tmp_path / "b.db"))
    assert done.returncode == 2
    assert "no database to back up" in done.stderr
    assert not (tmp_path / "b.db").exists()
    assert not database.exists()


def test_a_backup_is_made_and_restored(
    tickertape: Tickertape, tmp_path: Path, database: Path
) -> None:
    fill(database, 1)
    target = tmp_path / "b.db"
    done = tickertape("backup", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert "Saved 1 thread with 6 messages" in done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = tickertape("backup", str(target))
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert "--force" in again.stderr

    fill(database, 3)
    done = tickertape("restore", str(target))
    assert done.returncode == 0
    assert "Restored 1 thread with 6 messages" in done.stderr
    (kept,) = database.parent.glob("tickertape.db.before-restore-*")
    assert str(kept) in done.stderr
    assert "About 0" in tickertape("threads", "list").stdout


def test_restore_says_what_it_cannot_use(
    tickertape: Tickertape, tmp_path: Path, database: Path
) -> None:
    fill(database, 1)
    before = database.read_bytes()
    (tmp_path / "letter.txt").write_text("Dear reader, " * 100)
    done = tickertape("restore", str(tmp_path / "letter.txt"))
    assert done.returncode == 1
    assert "not a sound Tickertape database" in done.stderr
    done = tickertape("restore", str(tmp_path / "nothing.db"))
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert database.read_bytes() == before


def test_restore_names_the_process_that_is_in_the_way(
    tickertape: Tickertape, tmp_path: Path, database: Path
) -> None:
    fill(database, 1)
    with holding(database) as number:
        # What only reads, or writes a slice at a time, is no trouble.
        for arguments in (["backup", str(tmp_path / "b.db")], ["store", "compact"]):
            assert tickertape(*arguments).returncode == 0
        done = tickertape("restore", str(tmp_path / "b.db"))
        assert done.returncode == 1
        assert f"process {number}" in done.stderr


def test_numbers_and_checks(tickertape: Tickertape, database: Path) -> None:
    fill(database, 2, wire=5)
    found = json.loads(tickertape("store", "stats", "--json").stdout)
    assert (found["threads"], found["messages"], found["runs"]) == (2, 12, 6)
    assert found["wire_events"] == 2 * 3 * 5
    assert found["size"] == database.stat().st_size
    assert "2 threads, 12 messages" in tickertape("store", "stats").stdout
    done = tickertape("store", "check", "--full")
    assert (done.returncode, done.stdout) == (0, "All is well.\n")


def test_compact_removes_the_raw_events_of_old_runs(tickertape: Tickertape, database: Path) -> None:
    fill(database, 2, wire=100)
    config = database.parent.parent / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text("[storage]\nkeep_wire_runs = 1\n")
    before = database.stat().st_size
    done = tickertape("store", "compact")
    assert done.returncode == 0
    assert "before" in done.stdout
    stats = json.loads(tickertape("store", "stats", "--json").stdout)
    assert stats["wire_events"] == 100
    assert stats["size"] < before
    assert stats["messages"] == 12


def test_damage_is_found_reported_and_saved_at_the_next_start(
    tickertape: Tickertape, database: Path
) -> None:
    fill(database, 2)
    database.write_bytes(bytes(100) + database.read_bytes()[100:])
    done = tickertape("store", "check")
    assert done.returncode == 1
    assert "not a Tickertape database" in done.stdout
    assert done.stderr.endswith("saves what can be read and keeps the old file.\n")
    assert len(tickertape("threads", "list").stdout.splitlines()) == 2
    assert len(list(database.parent.glob("tickertape.db.damaged-*"))) == 1
    assert tickertape("store", "check").returncode == 0
