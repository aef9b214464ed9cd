"""A store with conversations in it, closed again, and what a reader saw of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path

from tests.store.log_builder import LogBuilder
from tui.core.models import ThreadId, WireEvent
from tui.core.transcript import Transcript
from tui.store.thread_store import SqliteThreadStore

Shown = Mapping[ThreadId, Transcript]


def conversation(number: int, turns: int = 3) -> LogBuilder:
    """Thread ``thread-NUMBER``: questions, answers of some length, a tool call each."""
    words = random.Random(number)
    build = LogBuilder(f"thread-{number}", at=1_000.0 + 100 * number)
    build.created(f"About {number}")
    for turn in range(turns):
        run, answer = f"run-{number}-{turn}", f"a{number}-{turn}"
        build.asked(f"m{number}-{turn}", f"Question {number}.{turn}?")
        build.started(run)
        build.answering(run, answer)
        text = " ".join(f"w{words.randrange(10**6)}" for _ in range(words.randrange(10, 400)))
        build.words(*(f"{word} " for word in text.split()), run=run, message=answer)
        build.calling(f"c{turn}", run, answer)
        build.ended(run)
    return build


def wire_of(run: str, count: int, size: int = 100) -> list[WireEvent]:
    """Raw events of a run, as a server might have sent them."""
    data = f'{{"pad":"{"x" * size}"}}'
    return [
        WireEvent(run_id=run, index=n, at=1.5 + n, mono=2.5 + n, name="thread.x", data=data)
        for n in range(count)
    ]


async def write(store: SqliteThreadStore, build: LogBuilder, *, wire: int = 0) -> None:
    """Put a whole thread in, with ``wire`` raw events for each run."""
    await store.claim(build.live.thread_id)
    ended = list(build.live.runs)
    for envelope in build.log:
        store.append([envelope])
        if wire and envelope.run in ended:
            store.append_wire(wire_of(str(envelope.run), wire))
            ended.remove(str(envelope.run))
    store.release(build.live.thread_id)
    await store.barrier()


def fill(path: Path, threads: int, *, wire: int = 0) -> Shown:
    """A closed store with so many threads."""

    async def work() -> Shown:
        store = SqliteThreadStore.open(path)
        try:
            builds = [conversation(number) for number in range(threads)]
            for build in builds:
                await write(store, build, wire=wire)
        finally:
            store.close()
        return {build.live.thread_id: build.live for build in builds}

    return asyncio.run(work())


async def loaded(store: SqliteThreadStore) -> Shown:
    """Everything that is in it now."""
    found = {}
    for summary in await store.threads():
        thread = await store.load(summary.id)
        assert thread is not None
        found[summary.id] = thread
    return found


def load_all(store: SqliteThreadStore) -> Shown:
    """The same where no loop runs."""
    return asyncio.run(loaded(store))
