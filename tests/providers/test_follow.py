"""Following a run without its stream: patience is per status, not for the whole run."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from tui.core.events import RunStatusChanged, TurnFinished
from tui.core.models import Outcome
from tui.providers.assistants import follow
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder


class Statuses(AssistantsApi):
    """A run that goes through these statuses, one a look."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)

    async def retrieve_run(self, thread_id: str, run_id: str) -> dict[str, Any]:
        return {"id": run_id, "status": self.statuses.pop(0)}

    async def cancel_run(self, thread_id: str, run_id: str) -> dict[str, Any]:
        self.statuses = ["cancelled"]
        return {"id": run_id, "status": "cancelling"}

    async def _none(self) -> AsyncIterator[dict[str, Any]]:
        nothing: list[dict[str, Any]] = []
        for item in nothing:
            yield item

    def steps(self, thread_id: str, run_id: str) -> AsyncIterator[dict[str, Any]]:
        return self._none()

    def messages_of_run(self, thread_id: str, run_id: str) -> AsyncIterator[dict[str, Any]]:
        return self._none()


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later than the one before."""
    ticks = itertools.count()
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(follow, "_POLL", 0.0)


async def outcome(api: AssistantsApi, patience: float) -> tuple[list[str], TurnFinished]:
    run = {"id": "run_1", "status": "queued"}
    found = [
        event
        async for event in follow.follow_run(
            api, AssistantsDecoder(), "thread_1", run, patience=patience
        )
    ]
    end = found[-1]
    assert isinstance(end, TurnFinished)
    return [e.status for e in found if isinstance(e, RunStatusChanged)], end


async def test_a_run_that_moves_on_is_waited_for() -> None:
    api = Statuses("queued", "in_progress", "in_progress", "cancelling", "cancelled")
    statuses, end = await outcome(api, patience=3.0)
    assert statuses == ["queued", "in_progress", "cancelling", "cancelled"]
    assert end.outcome is Outcome.CANCELLED


async def test_a_machine_that_slept_has_not_been_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock jumps by an hour between two looks; the run had moved on meanwhile."""
    ticks = iter([0.0, 0.0, 3600.0, 7200.0, 7200.0, 7200.0])
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    statuses, end = await outcome(Statuses("queued", "queued", "completed"), patience=60.0)
    assert statuses == ["queued", "completed"]
    assert end.outcome is Outcome.COMPLETED


async def test_a_run_that_does_not_is_stopped() -> None:
    api = Statuses(*["queued"] * 9)
    statuses, end = await outcome(api, patience=3.0)
    assert statuses == ["queued", "cancelled"]
    assert api.statuses == []
    assert end.outcome is Outcome.DISCONNECTED
    assert end.error is not None
    assert "queued" in end.error.message
