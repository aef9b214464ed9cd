"""An answer whose process ended first: what it looks like after a restart, and the ways on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.models import Outcome
from tui.core.services import RetryRun
from tui.ui.leaving import Leaving


def interrupted(*, settle: bool = False, embedded: bool = False) -> tuple[FakeBackend, FakeRun]:
    """A thread whose answer broke off in the middle; with ``embedded`` so did its model."""
    backend = FakeBackend()
    backend.profile = replace(backend.profile, embedded=embedded)
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.text("half an ans", end=False)
    run.emit(e.RunInterrupted(settle=settle))
    return backend, run


def bar(pilot: Pilot[Leaving]) -> str:
    if not pilot.app.screen.query_one("#interrupted").display:
        return ""
    return " ".join(text_of(pilot, "#interrupted").split())


@pytest.mark.parametrize("size", [(120, 40), SMALL])
async def test_the_answer_so_far_is_there_with_the_ways_on(size: tuple[int, int]) -> None:
    backend, _ = interrupted()
    async with running(backend, size) as pilot:
        await until(pilot, lambda: "half an ans" in text_of(pilot, "#log"))
        told = " ".join(text_of(pilot, "#log").split())
        assert "Interrupted: Tickertape ended before the answer did." in told
        assert "F8 go on, F5 try again, F9 leave it" in bar(pilot)
        assert "Interrupted" in status(pilot)


async def test_going_on_takes_the_bar_away_and_the_answer_grows() -> None:
    backend, run = interrupted()
    async with running(backend) as pilot:
        await until(pilot, lambda: bar(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: backend.commands == [("resume", "t1")])
        await until(pilot, lambda: not bar(pilot))
        run.emit(e.TextDelta(part_id="r1-p0", text="wer"))
        await until(pilot, lambda: "half an answer" in text_of(pilot, "#log"))
        assert "Interrupted" not in screen_text(pilot)


async def test_what_ended_with_the_app_cannot_go_on() -> None:
    backend, _ = interrupted(embedded=True)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "F5 try again, F9 leave it" in bar(pilot))
        assert "F8" not in bar(pilot)
        await pilot.press("f8")
        told = "Its model ended with Tickertape."
        await until(pilot, lambda: told in status(pilot))
        assert not backend.commands
        await pilot.press("f9")
        await until(pilot, lambda: backend.commands == [("leave", "t1")])


async def test_a_call_that_is_pending_lets_an_embedded_model_go_on() -> None:
    backend, run = interrupted(embedded=True)
    run.emit(e.RunResumed())
    run.call("half_one", '{"a": ', end=False)
    run.emit(e.RunInterrupted())
    async with running(backend) as pilot:
        await until(pilot, lambda: "F5 try again" in bar(pilot))
        assert "F8" not in bar(pilot)
        run.emit(e.RunResumed())
        run.call("ready_one", "{}")
        run.emit(e.RunInterrupted())
        await until(pilot, lambda: "F8 go on, F5 try again, F9 leave it" in bar(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: backend.commands == [("resume", "t1")])


async def test_leaving_it_closes_it() -> None:
    backend, _ = interrupted()
    async with running(backend) as pilot:
        await until(pilot, lambda: bar(pilot))
        await pilot.press("f9")
        await until(pilot, lambda: backend.commands == [("leave", "t1")])
        await until(pilot, lambda: not bar(pilot))
        assert "half an ans" in text_of(pilot, "#log")
        await pilot.press("f9")
        await until(pilot, lambda: "No tool call waits" in status(pilot))


async def test_trying_again_takes_the_bar_away_at_once() -> None:
    backend, _ = interrupted()
    async with running(backend) as pilot:
        await until(pilot, lambda: bar(pilot))
        await pilot.press("f5")
        await until(pilot, lambda: backend.commands)
        assert isinstance(backend.commands[0], RetryRun)
        await until(pilot, lambda: not bar(pilot))


@pytest.mark.parametrize(("key", "name"), [("f8", "resume"), ("f9", "leave"), ("f5", "retry")])
async def test_what_could_not_be_done_is_told_and_asked_again(key: str, name: str) -> None:
    backend, _ = interrupted()
    backend.fail[name] = StoreError("The disk is full.", hint="Make room.")
    async with running(backend) as pilot:
        await until(pilot, lambda: bar(pilot))
        await pilot.press(key)
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        await until(pilot, lambda: bar(pilot))
        del backend.fail[name]
        await pilot.press(key)
        await until(pilot, lambda: backend.commands)


async def test_a_second_press_does_not_ask_twice() -> None:
    backend, _ = interrupted()
    async with running(backend) as pilot:
        await until(pilot, lambda: bar(pilot))
        await pilot.press("f8", "f8", "f8")
        await settle(pilot)
        assert backend.commands == [("resume", "t1")]


async def test_deciding_about_a_call_goes_on_with_the_run() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    call = run.call("send_mail", '{"to": "ada"}')
    run.emit(e.ApprovalRequested(call_id=call))
    run.emit(e.RunInterrupted())
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "send_mail" in text_of(pilot, "#approval"))
        assert "deciding goes on with the answer" in text_of(pilot, "#approval")
        assert not bar(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: call in backend.decisions)
        await until(pilot, lambda: not pilot.app.screen.query_one("#approval").display)
        assert "Interrupted" not in screen_text(pilot)


async def test_nothing_looks_as_if_it_still_streamed() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    started = run.call("send_mail", "{}")
    run.emit(e.ToolStarted(call_id=started))
    run.call("ready_one", "{}")
    run.call("half_one", '{"a": ', end=False)
    run.emit(e.RunInterrupted())
    async with running(backend) as pilot:
        await until(pilot, lambda: "half_one" in text_of(pilot, "#log"))
        for pane in ("#log", "#inspector"):
            said = text_of(pilot, pane)
            assert "streaming" not in said
            assert "◌" not in said
            assert "●" not in said
            assert "cut off" in said
            assert "not started" in said
        assert "started; whether it took effect is unknown" in " ".join(
            text_of(pilot, "#inspector").replace("│", " ").replace("▏", " ").split()
        )
        assert "not run again: send_mail" in bar(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: "streaming, 6 chars" in text_of(pilot, "#log"))


async def test_an_interruption_on_screen_stops_what_streams() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.call("half_one", '{"a": ', end=False)
    async with running(backend) as pilot:
        await until(pilot, lambda: "streaming, 6 chars" in text_of(pilot, "#log"))
        run.emit(e.RunInterrupted())
        await until(pilot, lambda: "cut off, 6 chars" in text_of(pilot, "#log"))
        assert bar(pilot)


async def test_one_who_left_is_told_so() -> None:
    backend, _ = interrupted(settle=True)
    async with running(backend) as pilot:
        await until(pilot, lambda: "you left before" in " ".join(text_of(pilot, "#log").split()))


async def test_a_lost_connection_keeps_its_key_and_has_no_bar() -> None:
    backend, run = interrupted()
    run.emit(e.RunResumed())
    run.finish(Outcome.DISCONNECTED, reason="The line broke.")
    async with running(backend) as pilot:
        await until(pilot, lambda: "F5 tries again" in text_of(pilot, "#log"))
        assert not bar(pilot)


async def test_the_palette_has_the_ways_on_and_says_when_there_is_nothing() -> None:
    async with running(FakeBackend()) as pilot:
        for action, words in {
            "resume_run": "No answer was interrupted",
            "leave_run": "No answer was interrupted",
            "take_over": "No other Tickertape",
            "send_waiting": "No message waits",
            "take_back": "No message waits",
        }.items():
            await pilot.app.screen.run_action(action)
            assert words in str(pilot.app.screen.query_one("#status").render())
