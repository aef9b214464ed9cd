"""Threads that another process writes: marks, words, taking over, and starting over."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import NOW, FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import ThreadSummary
from tui.ui.chat.view import ChatView
from tui.ui.leaving import Leaving


def elsewhere() -> tuple[FakeBackend, FakeRun]:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.text("from afar", end=False)
    mark(backend, running=True, elsewhere=True)
    return backend, run


def mark(backend: FakeBackend, *, running: bool = False, elsewhere: bool = False) -> None:
    backend.summarise(
        ThreadSummary(
            id="t1",
            title="One",
            created_at=NOW,
            updated_at=NOW,
            running=running,
            elsewhere=elsewhere,
        )
    )


async def test_the_list_and_the_status_line_say_so_and_the_answer_grows() -> None:
    backend, run = elsewhere()
    async with running(backend) as pilot:
        await until(pilot, lambda: "from afar" in text_of(pilot, "#log"))
        assert "◑ One" in text_of(pilot, "#threads")
        assert "Another Tickertape is answering here" in status(pilot)
        run.emit(e.TextDelta(part_id="r1-p0", text=", word by word"))
        await until(pilot, lambda: "word by word" in text_of(pilot, "#log"))
        run.finish()
        mark(backend)
        await until(pilot, lambda: "Done" in status(pilot))
        assert "◑" not in text_of(pilot, "#threads")


async def test_stopping_deciding_and_writing_work_across() -> None:
    backend, run = elsewhere()
    async with running(backend, SMALL) as pilot:
        call = run.call("send_mail", "{}")
        run.emit(e.ApprovalRequested(call_id=call))
        await until(pilot, lambda: "waits for you here" in status(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: call in backend.decisions)
        await pilot.press(*"more", "enter")
        await until(pilot, lambda: backend.sent().queue)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: ("cancel", "r1") in backend.commands)


async def test_taking_over_is_one_command_and_a_refusal_is_told() -> None:
    backend, _ = elsewhere()
    async with running(backend) as pilot:
        backend.fail["resume"] = BusyError("It does not let go.", hint="Try again.")
        await pilot.app.screen.run_action("take_over")
        await until(pilot, lambda: "It does not let go." in screen_text(pilot))
        del backend.fail["resume"]
        await pilot.app.screen.run_action("take_over")
        await until(pilot, lambda: ("resume", "t1") in backend.commands)


async def test_an_interrupted_thread_is_marked_in_the_list() -> None:
    backend, _ = elsewhere()
    async with running(backend) as pilot:
        summary = ThreadSummary(
            id="t1", title="One", created_at=NOW, updated_at=NOW, interrupted=True
        )
        backend.summarise(summary)
        await until(pilot, lambda: "! One" in text_of(pilot, "#threads"))
        await pilot.press("f1")
        await settle(pilot)
        assert "Everywhere" in screen_text(pilot)


# --- starting over ------------------------------------------------------------------------------


def long_thread() -> FakeBackend:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    for number in range(60):
        backend.say("t1", f"message number {number}")
    backend.remembered["thread"] = "t1"
    return backend


async def test_one_who_follows_the_end_still_does_after_starting_over() -> None:
    backend = long_thread()
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "number 59" in text_of(pilot, "#log"))
        backend.reload("t1")
        backend.say("t1", "the newest one")
        await until(pilot, lambda: "the newest one" in text_of(pilot, "#log"))
        assert "number 59" in text_of(pilot, "#log")
        assert pilot.app.screen.query_one(ChatView).following


@pytest.mark.parametrize("pages", [2, 9])
async def test_one_who_reads_further_up_stays_there(pages: int) -> None:
    backend = long_thread()
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "number 59" in text_of(pilot, "#log"))
        await pilot.press(*["pageup"] * pages)
        await settle(pilot)
        before = top(pilot)
        assert "59" not in text_of(pilot, "#log")
        backend.reload("t1")
        backend.say("t1", "the newest one")
        await settle(pilot)
        assert top(pilot) == before
        assert not pilot.app.screen.query_one(ChatView).following
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "the newest one" in text_of(pilot, "#log"))


def top(pilot: Pilot[Leaving]) -> str:
    rows = text_of(pilot, "#log").split("\n")
    return next(row for row in rows if "number" in row)


async def test_a_thread_that_was_emptied_meanwhile_is_empty() -> None:
    backend = long_thread()
    async with running(backend) as pilot:
        await until(pilot, lambda: "number 59" in text_of(pilot, "#log"))
        backend.reload("t1", ())
        await until(pilot, lambda: "Ctrl+G" in text_of(pilot, "#log"))
        assert "number" not in text_of(pilot, "#log")


async def test_the_run_that_is_inspected_stays_inspected() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.remembered["thread"] = "t1"
    for number in (1, 2):
        backend.say("t1", f"question {number}")
        run = backend.begin("t1", f"r{number}")
        run.call(f"tool_of_run_{number}", "{}")
        run.finish()
    async with running(backend) as pilot:
        await until(pilot, lambda: "tool_of_run_2" in text_of(pilot, "#inspector"))
        await pilot.press("f6", "left_square_bracket")
        await until(pilot, lambda: "tool_of_run_1" in text_of(pilot, "#inspector"))
        backend.reload("t1")
        await settle(pilot)
        assert "tool_of_run_1" in text_of(pilot, "#inspector")
