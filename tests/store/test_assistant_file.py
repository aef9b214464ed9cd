"""The server's database: kept between starts, for one process at a time."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tui.core.errors import BusyError, StoreError
from tui.core.ports import Page
from tui.store.assistant_store import SqliteAssistantStore
from tui.store.thread_store import SqliteThreadStore


def test_objects_and_their_order_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "data" / "server.db"
    store = SqliteAssistantStore.open(path)
    for name in ("a", "b", "c"):
        store.put("message", "thread", {"id": name, "text": f"{name} \ud800"})
    store.put("message", "thread", {"id": "a", "text": "changed"})
    store.delete("message", "b")
    store.close()
    store.close()

    again = SqliteAssistantStore.open(path)
    try:
        again.put("message", "thread", {"id": "d"})
        found, more = again.page("message", "thread", Page(descending=False))
        assert found == [
            {"id": "a", "text": "changed"},
            {"id": "c", "text": "c \ud800"},
            {"id": "d"},
        ]
        assert not more
    finally:
        again.close()


def test_a_second_server_is_told_so_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    first = SqliteAssistantStore.open(path)
    try:
        with pytest.raises(BusyError, match="Another `tickertape serve`") as caught:
            SqliteAssistantStore.open(path)
        assert "--memory" in caught.value.hint
        first.put("assistant", "", {"id": "a"})
    finally:
        first.close()
    second = SqliteAssistantStore.open(path)
    try:
        assert second.get("assistant", "a") == {"id": "a"}
    finally:
        second.close()


def test_a_failed_open_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    path.write_bytes(b"not a database" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a Tickertape database"):
            SqliteAssistantStore.open(path)
    path.unlink()
    SqliteAssistantStore.open(path).close()


def test_the_files_are_private(tmp_path: Path) -> None:
    store = SqliteAssistantStore.open(tmp_path / "data" / "server.db")
    try:
        store.put("assistant", "", {"id": "a"})
        files = list((tmp_path / "data").iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    finally:
        store.close()


def test_ids_that_are_not_valid_text_are_simply_unknown(tmp_path: Path) -> None:
    store = SqliteAssistantStore.open(tmp_path / "server.db")
    try:
        assert store.get("assistant", "\ud800") is None
        assert not store.delete("thread", "\ud800")
        assert store.page("message", "\ud800", Page()) == ([], False)
    finally:
        store.close()


def test_the_two_databases_are_not_taken_for_each_other(tmp_path: Path) -> None:
    SqliteAssistantStore.open(tmp_path / "server.db").close()
    with pytest.raises(StoreError, match="another program"):
        SqliteThreadStore.open(tmp_path / "server.db")
