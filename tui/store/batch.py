"""Many rows in one statement.

SQLite gives the interpreter away at every statement, and has to wait for it afterwards: up to five
milliseconds each while other threads are busy. Twenty rows one by one then take longer than a
reader was promised to lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

_MOST = 100
_ROWS = "{rows}"


def insert_rows(
    connection: apsw.Connection,
    sql: str,
    rows: Sequence[tuple[Any, ...]],
    more: tuple[Any, ...] = (),
) -> None:
    """Run ``sql``, where ``{rows}`` stands behind VALUES; ``more`` are bindings that follow it."""
    for start in range(0, len(rows), _MOST):
        some = rows[start : start + _MOST]
        one = f"({', '.join('?' * len(some[0]))})"
        bindings = [value for row in some for value in row]
        connection.execute(sql.replace(_ROWS, ", ".join([one] * len(some))), [*bindings, *more])
