"""What is read from the bare pages is what SQLite has written, log and long values included."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.store.pages import PageFile, Record, Value

_TEXTS = st.text(max_size=40)  # without halves of surrogate pairs
_LONG = st.builds(lambda text, times: text * times, _TEXTS, st.integers(0, 900))
_VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    _LONG,
    _LONG.map(str.encode),
)
_ROWS = st.lists(st.tuples(_LONG, _VALUES, _VALUES), min_size=1, max_size=30)


@settings(max_examples=15)
@given(rows=_ROWS, keyed=st.booleans(), size=st.sampled_from([512, 1024, 4096]))
def test_every_row_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Value, ...]],
    keyed: bool,
    size: int,
) -> None:
    path = tmp_path_factory.mktemp("pages") / "t.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("page_size", size)
        connection.pragma("auto_vacuum", "INCREMENTAL")
        without = "WITHOUT ROWID" if keyed else ""
        connection.execute(f"CREATE TABLE t (n INT, a, b, c, PRIMARY KEY (n)) {without}")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)", [(n, *row) for n, row in enumerate(rows)]
        )
        stored = connection.execute("SELECT n, a, b, c FROM t").fetchall()
    found = [each.values for each in PageFile(path).records() if each.keyed == keyed]
    expected = Counter(map(_typed, stored))
    assert expected <= Counter(_typed(each) for each in found if len(each) == 4)


def _typed(row: tuple[Value, ...]) -> tuple[tuple[str, Value], ...]:
    """1 and 1.0 are the same on a page, and so are they in SQLite's columns without a type."""
    return tuple(
        ("number", float(each)) if isinstance(each, int | float) else (type(each).__name__, each)
        for each in row
    )


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=12))
@example(steps=[(1, False), (8, True)])
def test_the_log_counts_as_far_as_sqlite_itself_would_apply_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    """Behind a log's newest pages lie those of earlier rounds; a log may be cut off anywhere."""
    folder = tmp_path_factory.mktemp("log")
    path = folder / "t.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("auto_vacuum", "INCREMENTAL")  # as all our files
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text)")
        connection.pragma("journal_mode", "WAL")
        connection.pragma("wal_autocheckpoint", 0)
        for number, (rows, checkpoint) in enumerate(steps):
            with connection:
                for row in range(rows):
                    text = f"step {number} row {row} " * 40
                    connection.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (row, text))
            if checkpoint:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
        content, log = path.read_bytes(), path.with_name("t.db-wal").read_bytes()
    for number, end in enumerate({len(log), len(log) // 2, len(log) * 3 // 4}):
        copy = folder / f"copy-{number}.db"
        copy.write_bytes(content)
        copy.with_name(copy.name + "-wal").write_bytes(log[:end])
        found = {
            each.values[1] for each in PageFile(copy).records() if not each.keyed and _is_row(each)
        }
        expected = _read_by_sqlite(copy)
        assert expected is None or found == expected


def _read_by_sqlite(path: Path) -> set[Value] | None:
    """None for a file that is damaged: older pages of a cut log over newer ones of the file."""
    with closing(apsw.Connection(str(path))) as connection:
        try:
            return {row[0] for row in connection.execute("SELECT text FROM t")}
        except apsw.CorruptError:
            return None


def _is_row(record: Record) -> bool:
    return len(record.values) == 2 and str(record.values[1]).startswith("step ")
