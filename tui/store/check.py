"""Looks a database over without changing it, and says in sentences what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import NotFoundError, StoreError
from tui.store import journal
from tui.store.connection import open_as_it_is
from tui.store.failures import DAMAGED, store_error
from tui.store.presence import Presence
from tui.store.soundness import lost_its_file, suspect
from tui.store.transactions import reading
from tui.store.values import decode_text

_MOST = 3  # of SQLite's own words

_ORPHANS = {
    "{} raw events belong to no run.": """
SELECT count(*) FROM wire_event w WHERE NOT EXISTS (SELECT 1 FROM run r WHERE r.id = w.run_id)
""",
    "{} tool calls belong to no run.": """
SELECT count(*) FROM tool_call c WHERE NOT EXISTS (
  SELECT 1 FROM run r WHERE r.thread_id = c.thread_id AND r.id = c.run_id)
""",
    "{} threads show a message that is not there.": """
SELECT count(*) FROM thread t WHERE t.leaf_id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM message m WHERE m.thread_id = t.id AND m.id = t.leaf_id)
""",
    "{} entries of the journal are ahead of their thread.": """
SELECT count(*) FROM journal j JOIN thread t ON t.id = j.thread_id WHERE j.seq > t.last_seq
""",
}


def check(path: Path, *, full: bool = False) -> list[str]:
    """What is wrong with the store, a sentence each; empty when all is well.

    ``full`` also compares every index with its table. Damage makes the next start look at
    everything and save what can be read. Raises NotFoundError when there is no database,
    StoreError for one that is not ours or from a newer version.
    """
    if not path.exists():
        raise NotFoundError(f"There is no database yet: {path}.")
    if lost_its_file(path):
        suspect(path)
        return ["The database is empty although it has a log: its content was cut off."]
    presence = Presence(path)
    try:
        with closing(open_as_it_is(path)) as connection, reading(connection):
            return _damage(connection, path, full=full) or list(_oddities(connection))
    except (apsw.Error, StoreError) as error:
        failure = store_error(error, path)
        if failure.code != DAMAGED:
            raise failure from error
        suspect(path)
        return [failure.message]
    finally:
        presence.release()


def _damage(connection: apsw.Connection, path: Path, *, full: bool) -> list[str]:
    pragma = "integrity_check" if full else "quick_check"
    rows: Any = connection.execute(f"PRAGMA {pragma}({_MOST + 1})").fetchall()
    # A row may hold several lines, the first of which only names the database.
    lines = "\n".join(str(text) for (text,) in rows if text != "ok").splitlines()
    found = [line for line in lines if not line.startswith("***")]
    if lines:
        suspect(path)
    more = ["There is more."] if len(found) > _MOST else []
    return [f"The file is damaged: {line}." for line in found[:_MOST] or lines] + more


def _oddities(connection: apsw.Connection) -> Iterator[str]:
    for table, count in _dangling(connection).items():
        yield f"{count} rows of {table} refer to something that is not there."
    for sentence, sql in _ORPHANS.items():
        row: Any = connection.execute(sql).fetchone()
        if row[0]:
            yield sentence.format(row[0])
    for thread_id, title in connection.execute("SELECT id, title FROM thread").fetchall():
        try:
            journal.read_thread(connection, str(thread_id))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            name = decode_text(title) if isinstance(title, str | bytes) else ""
            yield f"The thread {name!r} ({thread_id}) cannot be shown: {error!r}."


def _dangling(connection: apsw.Connection) -> dict[str, int]:
    tables: dict[str, int] = {}
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        tables[str(table)] = tables.get(str(table), 0) + 1
    return tables
