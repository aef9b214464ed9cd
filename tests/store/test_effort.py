"""The longer a run or a thread is, the dearer must no event become. Counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.log_builder import LogBuilder
from tui.core import events as e
from tui.core.events import Envelope
from tui.store import journal
from tui.store.connection import THREADS, open_database
from tui.store.leases import Leases
from tui.store.transactions import writing

_STEP = 20


class _Meter:
    """Steps that SQLite's machine takes."""

    def __init__(self, path: Path) -> None:
        self.steps = 0
        self._connection = open_database(path, THREADS)
        self._connection.set_progress_handler(self._count, _STEP)
        self._leases = Leases(path.parent, "me")

    def _count(self) -> bool:
        self.steps += _STEP
        return False

    def cost(self, log: Sequence[Envelope], *, let_go: bool = False) -> float:
        """Steps per envelope of claiming the thread (if it is not held) and appending these."""
        self.steps = 0
        self._leases.claim(self._connection, "thread-1", force=False)
        with writing(self._connection):
            assert journal.append(self._connection, "me", "thread-1", log)
            if let_go:
                self._leases.release(self._connection, "thread-1")
        return self.steps / len(log)

    def rows(self) -> int:
        (counted,) = self._connection.execute("SELECT count(*) FROM journal")
        return int(str(counted[0]))

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _meter(path: Path) -> Iterator[_Meter]:
    meter = _Meter(path)
    try:
        yield meter
    finally:
        meter.close()


def _streaming(build: LogBuilder, count: int) -> list[Envelope]:
    """Deltas that do not merge, as when two parts grow in turn."""
    start = len(build.log)
    for number in range(count):
        build.words("word ")
        build.add(e.RunStatusChanged(status=f"{number}"), "r1")
    return build.log[start:]


def test_appending_to_a_long_run_costs_no_more_than_to_a_short_one(tmp_path: Path) -> None:
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    with _meter(tmp_path / "t.db") as meter:
        meter.cost(build.log)
        first = [meter.cost(_streaming(build, 20)) for _ in range(10)]
        for _ in range(100):
            meter.cost(_streaming(build, 20))
        last = [meter.cost(_streaming(build, 20)) for _ in range(10)]
    assert sum(last) < 1.2 * sum(first)


def test_folding_a_long_run_costs_no_more_per_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FOLD_AT", 10**9)
    per_event = []
    for number, length in enumerate((200, 3_200)):
        build = LogBuilder()
        build.created()
        build.asked()
        build.started()
        build.answering()
        with _meter(tmp_path / f"{number}.db") as meter:
            meter.cost(build.log)
            meter.cost(_streaming(build, length))
            per_event.append(meter.cost(build.ended()) / length)
    assert per_event[1] < 1.2 * per_event[0]


def test_a_long_run_is_folded_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FOLD_AT", 100)
    monkeypatch.setattr(journal, "TRAIL", 0.0)
    build = LogBuilder()
    build.created()
    build.asked()
    build.started()
    build.answering()
    with _meter(tmp_path / "t.db") as meter:
        meter.cost(build.log)
        for _ in range(50):
            meter.cost(_streaming(build, 20))
            assert meter.rows() < 500


def test_the_next_message_costs_the_same_in_a_long_thread(tmp_path: Path) -> None:
    build = LogBuilder()
    with _meter(tmp_path / "t.db") as meter:
        meter.cost(build.created())
        costs = [meter.cost(_exchange(build, number), let_go=True) for number in range(400)]
    assert sum(costs[-10:]) < 1.3 * sum(costs[5:15])


def _exchange(build: LogBuilder, number: int) -> list[Envelope]:
    start = len(build.log)
    run, message = f"r{number}", f"a{number}"
    build.asked(f"m{number}")
    build.started(run)
    build.answering(run, message)
    build.words("fine", run=run, message=message)
    build.ended(run)
    return build.log[start:]
