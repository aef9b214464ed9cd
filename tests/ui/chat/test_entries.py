"""Which rows a path gives."""

from __future__ import annotations

from tests.ui.fakes import FakeBackend
from tui.core import events as e
from tui.core.models import Outcome
from tui.core.transcript import Transcript
from tui.ui.chat.entries import MessageRow, RunRow, rows


async def transcript_of(backend: FakeBackend) -> Transcript:
    return (await backend.subscribe("t")).transcript


async def test_a_run_is_told_below_its_last_message_and_headed_once() -> None:
    backend = FakeBackend()
    user = backend.say("t", "hi")
    run = backend.begin("t", "r1")
    run.call("clock", "{}")
    run.next_round(2)
    run.text("done")
    run.finish()
    found = rows(await transcript_of(backend))
    assert found == [
        MessageRow(user, headed=True),
        MessageRow("r1-a0", headed=True),
        MessageRow("r1-a1", headed=False),
        RunRow("r1"),
    ]


async def test_of_two_empty_runs_only_the_newest_is_told_and_none_once_answered() -> None:
    backend = FakeBackend()
    user = backend.say("t", "hi")
    backend.begin("t", "r1").finish(Outcome.FAILED)
    backend.begin("t", "r2").finish(Outcome.FAILED)
    told = [MessageRow(user, headed=True), RunRow("r2", headed=True)]
    assert rows(await transcript_of(backend)) == told
    run = backend.begin("t", "r3")
    run.text("at last")
    found = rows(await transcript_of(backend))
    assert found == [MessageRow(user, headed=True), MessageRow("r3-a0", headed=True), RunRow("r3")]


async def test_a_run_without_messages_stays_told_when_the_thread_goes_on() -> None:
    backend = FakeBackend()
    first = backend.say("t", "hi")
    backend.begin("t", "r1").finish(Outcome.CANCELLED)
    backend.begin("t", "r2").finish(Outcome.FAILED)
    second = backend.say("t", "hello?")
    backend.begin("t", "r3").text("here")
    assert rows(await transcript_of(backend)) == [
        MessageRow(first, headed=True),
        RunRow("r2", headed=True),
        MessageRow(second, headed=True),
        MessageRow("r3-a0", headed=True),
        RunRow("r3"),
    ]


async def test_another_branch_is_not_shown() -> None:
    backend = FakeBackend()
    user = backend.say("t", "hi")
    backend.begin("t", "r1").text("first")
    backend.emit("t", e.LeafSelected(message_id=user))
    backend.begin("t", "r2").text("second")
    found = rows(await transcript_of(backend))
    assert [row.message_id for row in found if isinstance(row, MessageRow)] == [user, "r2-a0"]
    assert RunRow("r1") not in found
