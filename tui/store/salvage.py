"""Saves what can be read of a damaged database into a new one, thread by thread."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tui.core import codec
from tui.core.models import Outcome, PartKind, Role, RunState, ToolOrigin, ToolState
from tui.store import journal
from tui.store.connection import THREADS, first_schema, open_database
from tui.store.mended_runs import settle_runs
from tui.store.mending import mend
from tui.store.pages import PageFile, Record, Value
from tui.store.transactions import writing
from tui.store.values import decode_text

_log = logging.getLogger(__name__)

_TABLES = ("thread", "run", "message", "part", "tool_call", "journal", "wire_event", "draft")
_ID = re.compile(r"[0-9a-f]{32}")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "TEXT": (str,),
    "INTEGER": (int,),
    "REAL": (float, int),  # SQLite keeps whole numbers as integers
    "ANY": (str, bytes),
}
_NAMES: Mapping[str, Callable[[Any], object]] = {
    "message.role": Role,
    "part.kind": PartKind,
    "tool_call.origin": ToolOrigin,
    "tool_call.state": ToolState,
    "run.state": RunState,
    "run.outcome": Outcome,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What came out of a damaged file."""

    threads: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    kind: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table as its records look on a page: key columns first where it has no row numbers.

    Records from before a column was added are shorter, but never than ``least``.
    """

    name: str
    keyed: bool
    columns: tuple[_Column, ...]
    least: int

    def holds(self, record: Record) -> bool:
        """Whether the record can be a sound row of this table."""
        values = record.values
        if record.keyed != self.keyed or not self.least <= len(values) <= len(self.columns):
            return False
        return all(map(self._fits, self.columns, values))

    def _fits(self, column: _Column, value: Value) -> bool:
        if value is None:
            return column.optional
        if not isinstance(value, _TYPES[column.kind]):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        check = _NAMES.get(f"{self.name}.{column.name}")
        try:
            if check is not None:
                check(value)
            if column.name.endswith("_json"):
                json.loads(decode_text(value))  # type: ignore[arg-type]  # ANY: text or bytes
        except (ValueError, RecursionError):
            return False
        return True


def salvage(damaged: Path, fresh: Path) -> Saved:
    """Write what ``damaged`` (and its log) still holds into the new database ``fresh``.

    ``damaged`` is only read. Raises StoreError, OSError, apsw.Error when ``fresh`` cannot be
    written.
    """
    source = PageFile(damaged)
    with closing(open_database(fresh, THREADS)) as target:
        tables = _tables(target)
        target.pragma("foreign_keys", False)  # rows come in the order of the pages
        with writing(target):
            _copy(source, target, tables)
            mend(target)
            _drop_unreadable(target)
            settle_runs(target)
        target.pragma("foreign_keys", True)
        threads: Any = target.execute("SELECT count(*) FROM thread").fetchone()
        messages: Any = target.execute("SELECT count(*) FROM message").fetchone()
        target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return Saved(threads=threads[0], messages=messages[0])


def _tables(target: apsw.Connection) -> list[_Table]:
    keyed: Any = target.execute("SELECT name, wr FROM pragma_table_list").fetchall()
    without_rowid = dict(keyed)
    with closing(first_schema(THREADS)) as before:
        return [
            _Table(
                name=name,
                keyed=bool(without_rowid[name]),
                columns=_columns(target, name, keyed=bool(without_rowid[name])),
                least=len(_columns(before, name, keyed=False)),
            )
            for name in _TABLES
        ]


def _columns(connection: apsw.Connection, table: str, *, keyed: bool) -> tuple[_Column, ...]:
    rows: Any = connection.execute(
        'SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY cid', (table,)
    ).fetchall()
    if keyed:
        rows.sort(key=lambda row: (row[3] == 0, row[3]))
    return tuple(
        _Column(name=name, kind=kind, optional=not notnull and not key)
        for name, kind, notnull, key in rows
    )


def _copy(source: PageFile, target: apsw.Connection, tables: list[_Table]) -> None:
    for record in source.records():
        for table in tables:
            if table.holds(record) and _is_meant(table, record):
                names = ", ".join(each.name for each in table.columns[: len(record.values)])
                marks = ", ".join("?" * len(record.values))
                # The names are the schema's own, never text from the file.
                sql = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
                target.execute(sql, record.values)
                break


def _is_meant(table: _Table, record: Record) -> bool:
    if table.name == "journal":
        return _is_event(record.values)
    if table.name == "draft":  # a lease, and the index of leases, look the same
        text = record.values[1]
        return not (isinstance(text, str) and _ID.fullmatch(text))
    return True


def _is_event(values: tuple[Value, ...]) -> bool:
    name, data = values[-2], values[-1]
    try:
        codec.decode_event(name, json.loads(decode_text(data)))  # type: ignore[arg-type]  # fits
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return True


def _drop_unreadable(target: apsw.Connection) -> None:
    """One thread that cannot be shown must not stop the others from being listed."""
    for (thread_id,) in target.execute("SELECT id FROM thread").fetchall():
        try:
            journal.read_thread(target, str(thread_id))
        except (ValueError, TypeError, KeyError, RecursionError):
            _log.exception("a thread of the damaged database cannot be shown")
            target.execute("DELETE FROM thread WHERE id = ?", (thread_id,))
    for table in ("run", "message", "part", "tool_call", "journal"):
        target.execute(
            # The names are those just above.
            f"DELETE FROM {table} WHERE thread_id NOT IN (SELECT id FROM thread)"  # noqa: S608
        )
    target.execute("DELETE FROM wire_event WHERE run_id NOT IN (SELECT id FROM run)")
