"""A database that the first version left behind, with its schema and content."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store.log_builder import LogBuilder, everything
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import RunState, ToolState
from tui.store import connection as database
from tui.store.connection import THREADS
from tui.store.owners import Owner
from tui.store.thread_store import SqliteThreadStore

_APPLICATION = 0x54545450


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "t.db"
    schema = Path(database.__file__).parent / "migrations" / THREADS / "0001_initial.sql"
    connection = apsw.Connection(str(made))
    with connection:
        for script in (schema, Path(__file__).with_name("first_version.sql")):
            connection.execute(script.read_text(encoding="utf-8"))
    connection.pragma("user_version", 1)
    connection.pragma("application_id", _APPLICATION)
    connection.close()
    return made


async def test_everything_is_there_afterwards(path: Path) -> None:
    with closing(SqliteThreadStore.open(path)) as store:
        listed = {each.id: each for each in await store.threads()}
        assert list(listed) == ["thread-running", "thread-interrupted", "thread-done"]
        assert [each.messages for each in listed.values()] == [2, 2, 2]
        assert [each.interrupted for each in listed.values()] == [True, True, False]
        assert not any(each.running for each in listed.values())
        assert len(await store.wire("run-1")) == 3
        assert await store.draft("thread-done") == "unsent"

        done = await store.load("thread-done")
        assert done is not None
        assert done.messages["a1"].text == "The answer."
        assert str(done.calls["run-1", "c1"].output) == "2"
        assert done.runs["run-1"].continuation == {"thread": "t-1"}
        assert done.seq == 18
        assert await store.tail("thread-done", 0) is None
        assert await store.tail("thread-done", 18) == []

        broken = await store.load("thread-interrupted")
        assert broken is not None
        assert broken.messages["m1"].text == "\ud83d half"
        assert broken.runs["run-2"].state is RunState.INTERRUPTED


async def test_a_run_that_was_killed_is_interrupted_and_can_go_on(path: Path) -> None:
    with closing(SqliteThreadStore.open(path)) as store:
        assert list(await store.recover()) == ["run-3"]
        loaded = await store.load("thread-running")
        assert loaded is not None
        assert str(loaded.parts["a1-text"].text) == "it was killed"
        assert loaded.runs["run-3"].state is RunState.INTERRUPTED
        assert loaded.calls["run-3", "c1"].state is ToolState.INTERRUPTED

        assert await store.claim("thread-running") == loaded.seq
        more = LogBuilder.going_on(loaded)
        store.append([more.add(e.RunResumed(owner=store.owner), "run-3")])
        assert [each.running for each in await store.threads()] == [True, False, False]
        store.append(more.words(", and went on", run="run-3"))
        store.append(more.ended("run-3"))
        again = await store.load("thread-running")
        assert again is not None
        assert everything(again) == everything(more.live)


@pytest.mark.parametrize("thread", ["thread-done", "thread-interrupted", "thread-running"])
async def test_every_thread_takes_the_next_message(path: Path, thread: str) -> None:
    with closing(SqliteThreadStore.open(path)) as store:
        seq = await store.claim(thread)
        loaded = await store.load(thread)
        assert loaded is not None
        assert loaded.seq == seq
        more = LogBuilder.going_on(loaded)
        store.append([*more.asked("m2"), *more.started("r9", store.owner)])
        store.append([*more.answering("r9", "a9"), *more.words("Yes", run="r9", message="a9")])
        store.append(more.ended("r9"))
        again = await store.load(thread)
        assert again is not None
        assert everything(again) == everything(more.live)


def test_nothing_is_migrated_while_a_process_of_that_version_runs(path: Path) -> None:
    before = path.read_bytes()
    owners = path.parent / "owners"
    old = Owner(owners)
    (owners / f"{old.name}.lock").write_text("")  # that version wrote nothing into it
    for _ in range(2):
        with pytest.raises(BusyError, match="Another Tickertape of an older version") as caught:
            SqliteThreadStore.open(path)
        assert "Quit it" in caught.value.hint
        assert path.read_bytes() == before
    old.release()
    with closing(SqliteThreadStore.open(path)), closing(SqliteThreadStore.open(path)):
        pass  # beside one of our own there is no trouble
