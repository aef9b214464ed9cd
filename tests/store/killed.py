"""Run as a process of its own: ends itself, as kill -9 would, before the Nth change of a name.

    python -m tests.store.killed N restore DATABASE BACKUP
    python -m tests.store.killed N open DATABASE

Renaming, linking and removing files is counted; with a large N nothing is cut short.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tui.store.backup import restore
from tui.store.thread_store import SqliteThreadStore

KILLED = 9
_COUNTED = frozenset({"os.rename", "os.remove", "os.link"})


def main(after: int, what: str, path: Path, *more: str) -> None:
    left = after

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _COUNTED:
            left -= 1
            if left == 0:
                os._exit(KILLED)

    sys.addaudithook(count)
    if what == "restore":
        restore(path, Path(more[0]))
    else:
        SqliteThreadStore.open(path).close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
