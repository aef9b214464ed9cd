"""Run as a process of its own, to be killed: writes a thread and says on standard output what.

    python -m tests.store.victim DATABASE stream|tool|hold|forget

Each line is a word and the monotonic time at which it counts as shown.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.store.log_builder import LogBuilder
from tui.core import events as e
from tui.store.thread_store import SqliteThreadStore


def _show(word: str) -> None:
    print(word, time.monotonic(), flush=True)


async def _stream(store: SqliteThreadStore, build: LogBuilder) -> None:
    """An answer that never ends; every word is shown as soon as it is queued.

    As in the engine nothing is asked, and so nothing streams, before the run is on disk.
    """
    await store.barrier()
    for number in range(1_000_000):
        store.append(build.words(f"w{number} "))
        _show(f"w{number}")
        await asyncio.sleep(0.002)


async def _tool(store: SqliteThreadStore, build: LogBuilder) -> None:
    """A tool whose function runs for ever; it counts as started once it is on disk."""
    store.append([*build.words("Let me see."), *build.calling()])
    store.append([build.add(e.ToolStarted(call_id="c1"), "r1")])
    await store.barrier()
    _show("started")
    await asyncio.Event().wait()


async def _hold(store: SqliteThreadStore, build: LogBuilder) -> None:
    """An active run of a process that lives."""
    await store.barrier()
    _show("holding")
    await asyncio.Event().wait()


async def _forget(store: SqliteThreadStore, build: LogBuilder) -> None:
    """A program that ends without closing its store."""
    store.append(build.words("last words"))
    _show("forgotten")


async def main(path: Path, what: str) -> None:
    store = SqliteThreadStore.open(path)
    build = LogBuilder()
    await store.claim("thread-1")
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    store.append(build.answering())
    await {"stream": _stream, "tool": _tool, "hold": _hold, "forget": _forget}[what](store, build)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
