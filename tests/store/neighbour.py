"""Run as a process of its own, beside others in one store.

    python -m tests.store.neighbour DATABASE NAME take_turns THREAD COUNT
    python -m tests.store.neighbour DATABASE NAME talk
    python -m tests.store.neighbour DATABASE NAME serve

Each line on standard output is one word and what it is about.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tests.store.listening import Listener
from tests.store.log_builder import LogBuilder
from tui.core.errors import BusyError
from tui.core.transcript import Transcript
from tui.store.thread_store import SqliteThreadStore

_PAUSE = 0.002
_PATIENCE = 100.0  # whoever started this process ends it before


def _say(word: str, about: object = "") -> None:
    print(word, about, flush=True)


async def take_turns(store: SqliteThreadStore, name: str, thread: str, count: str) -> None:
    """Add messages to a thread that others write too, each under a lease of its own."""
    known = Transcript(thread)
    for number in range(int(count)):
        known = await _claimed(store, known)
        build = LogBuilder.going_on(known)
        if known.seq == 0:
            build.created()
        build.asked(f"{name}-{number}")
        store.append(build.log)
        store.release(thread)
        await store.barrier()


async def _claimed(store: SqliteThreadStore, known: Transcript) -> Transcript:
    """The thread as it is once this process holds it, followed as far as that goes."""
    while True:
        try:
            written = await store.claim(known.thread_id)
            break
        except BusyError:
            await asyncio.sleep(_PAUSE)
    missed = await store.tail(known.thread_id, known.seq) if written else []
    if missed is None:
        return await store.load(known.thread_id) or known
    return known.apply_all(missed)


async def talk(store: SqliteThreadStore, name: str) -> None:
    """An answer that goes on until another process takes the thread over."""
    listener = Listener()
    store.listen(listener)
    await store.claim("thread-1")
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    store.append(build.answering())
    await store.barrier()
    _say("talking")
    lost = asyncio.ensure_future(listener.wait_for("lost", _PATIENCE))
    while not lost.done():
        store.append(build.words(f"{time.monotonic()} "))
        await asyncio.sleep(_PAUSE)
    _say("lost", lost.result())


async def serve(store: SqliteThreadStore, name: str) -> None:
    """Hold a thread and say what is asked for, until it is to be handed over."""
    listener = Listener()
    store.listen(listener)
    await store.claim("thread-1")
    build = LogBuilder()
    store.append([*build.created(), *build.asked(), *build.started(owner=store.owner)])
    await store.barrier()
    _say("serving")
    while True:
        await listener.wait_for("changed", _PATIENCE)
        for request in await store.requests():
            if request.kind == "hand_over":
                return
            _say(request.kind, request.data["number"])


async def main(path: Path, name: str, what: str, *arguments: str) -> None:
    store = SqliteThreadStore.open(path, name)
    try:
        if what == "take_turns":
            await take_turns(store, name, *arguments)
        else:
            await {"talk": talk, "serve": serve}[what](store, name)
    finally:
        store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
