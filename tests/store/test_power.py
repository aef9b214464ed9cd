"""The power is cut at random moments: what counted as saved is there, and the file is sound."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from tests.store.faulty import Disk, disk
from tests.store.filled import wire_of
from tests.store.log_builder import LogBuilder, everything
from tui.core.events import Envelope
from tui.core.transcript import Transcript
from tui.store.check import check
from tui.store.thread_store import SqliteThreadStore

_CUTS = 12


@dataclass(frozen=True, slots=True)
class _Cut:
    """What the disk has, and the seq up to which everything was promised to be there."""

    image: dict[str, bytes]
    promised: int


@asynccontextmanager
async def _working(path: Path) -> AsyncIterator[SqliteThreadStore]:
    store = SqliteThreadStore.open(path, keep_wire_runs=2)
    try:
        # Every few pages of log are brought into the file, so that this is cut short often.
        tune = store._writer.submit(lambda connection: connection.pragma("wal_autocheckpoint", 6))
        await asyncio.wrap_future(tune)
        for thread_id in ("thread-1", "other"):
            await store.claim(thread_id)
        yield store
    finally:
        store.close()


async def _cuts(path: Path, lying: Disk, dice: random.Random) -> tuple[list[_Cut], list[Envelope]]:
    cuts: list[_Cut] = []
    promised = 0

    def maybe_cut() -> None:
        if promised and len(cuts) < _CUTS and dice.random() < 0.04:
            cuts.append(_Cut(lying.image(dice), promised))

    build = LogBuilder()
    async with _working(path) as store:
        store.append(build.created())
        await store.barrier()
        promised = build.live.seq
        lying.on_operation = maybe_cut
        for number in range(8):
            run = f"r{number}"
            other = LogBuilder("other")
            store.append([*other.created(), *other.asked(text="x" * dice.randrange(9_000))])
            store.append([*build.asked(f"m{number}"), *build.started(run, store.owner)])
            store.append(build.answering(run, f"a{number}"))
            store.append_wire(wire_of(run, 10))
            for _ in range(dice.randrange(1, 6)):
                words = ["word " * dice.randrange(1, 300) for _ in range(3)]
                store.append(build.words(*words, run=run, message=f"a{number}"))
                await store.barrier()
                promised = build.live.seq
            store.append(build.ended(run))
            await store.barrier()
            promised = build.live.seq
            await store.delete("other")
            await store.claim("other")
    return cuts, build.log


@pytest.mark.parametrize("seed", range(8))
async def test_after_a_power_cut_everything_promised_is_there(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    with disk() as lying:
        cuts, log = await _cuts(tmp_path / "before" / "t.db", lying, dice)
    assert len(cuts) > 3
    for number, cut in enumerate(cuts):
        path = tmp_path / f"after-{number}" / "t.db"
        path.parent.mkdir()
        for name, content in cut.image.items():
            path.with_name(name).write_bytes(content)
        await _assert_sound(path, cut, log)


async def _assert_sound(path: Path, cut: _Cut, log: list[Envelope]) -> None:
    with closing(SqliteThreadStore.open(path)) as store:
        assert store.notice is None
        loaded = await store.load("thread-1")
        assert loaded is not None
        assert loaded.seq >= cut.promised
        # Not only that much of it, but nothing else and nothing in part.
        then = Transcript("thread-1").apply_all(log[: loaded.seq])
        assert everything(loaded) == everything(then)
    assert check(path, full=True) == []


async def test_the_test_would_notice_a_store_that_does_not_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without syncing some of the cuts must lose something; else the disk lies too well."""
    monkeypatch.setattr(
        "tui.store.writer.Writer._set_durable",
        lambda writer, _durable: writer._connection.pragma("synchronous", "OFF"),
    )
    lost = 0
    with disk() as lying:
        cuts, log = await _cuts(tmp_path / "before" / "t.db", lying, random.Random(1))
    for number, cut in enumerate(cuts):
        path = tmp_path / f"after-{number}" / "t.db"
        path.parent.mkdir()
        for name, content in cut.image.items():
            path.with_name(name).write_bytes(content)
        try:
            await _assert_sound(path, cut, log)
        except (AssertionError, apsw.Error):
            lost += 1
    assert lost
