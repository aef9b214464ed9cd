"""Run as a process of its own, since limits of a process do not go away again.

python -m tests.store.limited size|descriptors DATABASE
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from tests.store.log_builder import LogBuilder
from tui.core.errors import StoreError
from tui.core.models import Problem, ThreadId
from tui.store.thread_store import SqliteThreadStore


class _Listener:
    """Remembers how the writing went."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def changed(self) -> None: ...

    def lost(self, thread_id: ThreadId) -> None: ...

    def troubled(self, problem: Problem | None) -> None:
        self.told.append(problem.message if problem else "no more")


async def _size(store: SqliteThreadStore, path: Path) -> None:
    """No file may grow beyond what the log is now, as on a quota."""
    build = LogBuilder()
    store.append(build.created())
    await store.barrier()
    most = path.with_name(path.name + "-wal").stat().st_size + 20_000
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    store.append(build.asked(text="x" * 100_000))
    print(await _said(store))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(await _said(store))


async def _descriptors(store: SqliteThreadStore, path: Path) -> None:
    """Nothing more can be opened: what is open goes on, what is not says so."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    taken: list[int] = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    build = LogBuilder()
    store.append([*build.created(), *build.asked(text="x" * 300_000)])
    print(await _said(store))
    try:
        SqliteThreadStore.open(path)
    except StoreError as error:
        print(error.message)
    for each in taken:
        os.close(each)
    SqliteThreadStore.open(path).close()
    print("opened")


async def _said(store: SqliteThreadStore) -> str:
    try:
        await store.barrier()
        thread = await store.load("thread-1")
    except StoreError as error:
        return error.message
    return f"{len(thread.messages) if thread else 0} messages"


async def main(what: str, path: Path) -> None:
    store = SqliteThreadStore.open(path)
    listener = _Listener()
    store.listen(listener)
    await store.claim("thread-1")
    await {"size": _size, "descriptors": _descriptors}[what](store, path)
    store.close()
    print(*listener.told, sep="\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
