"""The first version knows no leases, nor that a newer one may change the file under its feet.

So nothing is migrated while one of its processes runs. Later versions notice by themselves.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from tui.core.errors import BusyError
from tui.store.presence import living, others

_FIRST = 1


def refuse_beside_first_version(path: Path) -> None:
    """Raise BusyError while a process of the first version uses the database at ``path``."""
    if path.exists() and living(path) and _version(path) == _FIRST:
        raise BusyError(
            f"{others(path)} of an older version is using {path}.",
            hint="Quit it, then start this one; nothing was changed.",
        )


def _version(path: Path) -> int:
    """0 when it cannot be told; opening the file properly says why."""
    try:
        connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)
        try:
            return int(connection.pragma("user_version"))
        finally:
            connection.close()
    except apsw.Error:
        return 0
