"""A thread that is read back is the thread that was seen, whatever happened and whenever."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.log_builder import LogBuilder, everything
from tests.store.random_logs import random_logs
from tui.core.events import Envelope
from tui.core.transcript import Transcript
from tui.store.deltas import merge_deltas
from tui.store.thread_store import SqliteThreadStore

# Hundreds of databases: where there is a file system in memory, no disk has to sync them.
_MEMORY = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)

Then = Literal["nothing", "load", "barrier", "reopen"]
_THENS: st.SearchStrategy[Then] = st.sampled_from(
    ["nothing", "nothing", "load", "barrier", "reopen"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(random_logs(), st.lists(st.tuples(st.integers(1, 12), _THENS), min_size=1, max_size=12))
def test_reload_equals_live(log: Sequence[Envelope], plan: list[tuple[int, Then]]) -> None:
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory:
        asyncio.run(_play(Path(directory) / "t.db", log, plan))


async def _play(path: Path, log: Sequence[Envelope], plan: list[tuple[int, Then]]) -> None:
    live = Transcript("t")
    store = SqliteThreadStore.open(path)
    try:
        rest = list(log)
        while rest:
            size, then = plan[len(rest) % len(plan)]
            batch, rest = rest[:size], rest[size:]
            live.apply_all(batch)
            store.append(batch)
            if then == "barrier":
                await store.barrier()
            elif then == "load":
                await _assert_same(store, live)
            elif then == "reopen":
                store.close()
                store = SqliteThreadStore.open(path)
                await _assert_same(store, live)
        await _assert_same(store, live)
    finally:
        store.close()


async def _assert_same(store: SqliteThreadStore, live: Transcript) -> None:
    loaded = await store.load("t")
    assert loaded is not None
    assert everything(loaded) == everything(live)
    (summary,) = await store.threads()
    assert (summary.title, summary.profile) == (live.title, live.profile)
    assert (summary.created_at, summary.updated_at) == (live.created_at, live.updated_at)


@given(random_logs(), st.integers(1, 40))
def test_merged_deltas_fold_the_same(log: Sequence[Envelope], size: int) -> None:
    live = Transcript("t").apply_all(log)
    merged = [
        each
        for start in range(0, len(log), size)
        for each in merge_deltas(log[start : start + size])
    ]
    assert everything(Transcript("t").apply_all(merged)) == everything(live)


def test_a_burst_of_deltas_is_one_row() -> None:
    """The property above would also hold if nothing were merged."""
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    before = len(build.log)
    build.words("many", *("x" * 100))
    assert len(merge_deltas(build.log)) == before + 1
