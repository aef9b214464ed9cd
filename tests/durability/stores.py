"""Stores that are there before the victim: of the first version, and with much to compact."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import apsw

from tests.durability.home import ROOT, Home
from tests.store.filled import fill
from tui.core.models import JsonObject, ThreadId
from tui.store.thread_store import SqliteThreadStore

_SCHEMA = ROOT / "tui" / "store" / "migrations" / "threads" / "0001_initial.sql"
_CONTENT = ROOT / "tests" / "store" / "first_version.sql"
_APPLICATION_ID = 0x54545450

# Many of them, so that bringing the file up to date takes some time.
_FILLER = """
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 5000)
INSERT INTO run (thread_id, id, seq, owner, state, parent_id, tail_id, finished_at, outcome)
SELECT 'thread-done', 'filler-' || n, 4, 'gone', 'finished', 'm1', 'm1', 1009.0, 'completed'
FROM number
"""


async def views(database: Path) -> dict[ThreadId, JsonObject]:
    """What a reader sees of every thread; nothing is marked interrupted."""
    store = SqliteThreadStore.open(database)
    try:
        loaded = [await store.load(each.id) for each in await store.threads()]
    finally:
        store.close()
    return {each.thread_id: each.view() for each in loaded if each is not None}


def first_version(home: Home) -> Mapping[ThreadId, JsonObject]:
    """A store that the first version left behind; returns what is to be seen of it."""
    home.database.parent.mkdir(mode=0o700)
    with closing(apsw.Connection(str(home.database))) as connection:
        connection.pragma("auto_vacuum", "INCREMENTAL")
        connection.pragma("journal_mode", "WAL")
        connection.execute(_SCHEMA.read_text(encoding="utf-8"))
        connection.pragma("user_version", 1)
        connection.pragma("application_id", _APPLICATION_ID)
        connection.execute(_CONTENT.read_text(encoding="utf-8"))
        connection.execute(_FILLER)
    home.database.chmod(0o600)
    migrated = home.path / "migrated"
    migrated.mkdir()
    shutil.copy(home.database, migrated / home.database.name)
    return asyncio.run(views(migrated / home.database.name))


def to_compact(home: Home) -> Mapping[ThreadId, JsonObject]:
    """A store with raw events that the settings say are not to be kept."""
    home.database.parent.mkdir(mode=0o700)
    config = home.path / "config" / "config.toml"
    config.write_text(config.read_text() + "[storage]\nkeep_wire_runs = 2\n")
    shown = fill(home.database, 8, wire=400)
    return {thread_id: transcript.view() for thread_id, transcript in shown.items()}
