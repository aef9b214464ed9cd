"""Answers that ended too early, are waited for, or are one of several."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.models import MessageId, Outcome, PartKind, Problem
from tui.core.services import RetryRun, SendMessage
from tui.ui.leaving import Leaving

_CONTINUE = "Continue exactly where you stopped, without repeating anything."


def in_thread() -> tuple[FakeBackend, FakeRun]:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    return backend, backend.begin("t1", "r1")


def log(pilot: Pilot[Leaving]) -> str:
    return " ".join(text_of(pilot, "#log").split())


BAD = [each for each in Outcome if each not in (Outcome.COMPLETED, Outcome.REQUIRES_ACTION)]


@pytest.mark.parametrize("outcome", BAD)
async def test_an_answer_that_ended_too_early_can_go_on(outcome: Outcome) -> None:
    backend, run = in_thread()
    run.text("half an ans")
    run.finish(outcome, reason="It broke.")
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "F8 goes on from here, F5 tries again." in log(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: _CONTINUE in log(pilot))
        (command,) = backend.commands
        assert isinstance(command, SendMessage)
        assert command.text == _CONTINUE


async def test_a_second_press_does_not_ask_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, run = in_thread()
    run.text("half an ans")
    run.finish(Outcome.TRUNCATED, reason="It broke.")
    gate, send = asyncio.Event(), backend.send

    async def slowly(command: SendMessage) -> None:
        await gate.wait()
        await send(command)

    monkeypatch.setattr(backend, "send", slowly)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "F8 goes on" in log(pilot))
        await pilot.press("f8", "f8")
        gate.set()
        await until(pilot, lambda: _CONTINUE in log(pilot))
        await settle(pilot)
        assert len(backend.commands) == 1


async def test_it_can_be_tried_again_as_well() -> None:
    backend, run = in_thread()
    run.text("half an ans")
    problem = Problem(code="x", message="It broke.", hint="Wait a minute.")
    run.finish(Outcome.FAILED, error=problem)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "Failed: It broke. Wait a minute. F8 goes on" in log(pilot))
        await pilot.press("f5")
        await until(pilot, lambda: backend.commands)
        assert isinstance(backend.commands[0], RetryRun)


async def test_without_text_there_is_nothing_to_go_on_from() -> None:
    backend, run = in_thread()
    run.text("only a thought", kind=PartKind.REASONING)
    run.finish(Outcome.FAILED, reason="It broke.")
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "It broke. F5 tries again." in log(pilot))
        assert "F8" not in log(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: "F5 tries again." in status(pilot))
        assert not backend.commands
        await pilot.press("f9")
        await until(pilot, lambda: "No tool call waits" in status(pilot))


async def test_what_could_not_be_continued_is_told_and_can_be_asked_again() -> None:
    backend, run = in_thread()
    run.text("half an ans")
    run.finish(Outcome.DISCONNECTED, reason="It broke.")
    backend.fail["send"] = StoreError("The disk is full.", hint="Make room.")
    async with running(backend) as pilot:
        await until(pilot, lambda: "F8 goes on" in log(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        del backend.fail["send"]
        await pilot.press("f8")
        await until(pilot, lambda: backend.commands)


# --- waiting to try again ------------------------------------------------------------------


async def test_the_wait_before_a_retry_counts_down_on_screen() -> None:
    backend, run = in_thread()
    async with running(backend, SMALL) as pilot:
        reason = "Too many requests in this minute."
        run.emit(e.RetryScheduled(attempt=2, delay=75.0, reason=reason))
        await until(pilot, lambda: f"Trying again in 1:15 (attempt 2): {reason}" in log(pilot))
        assert "Esc twice gives up." in log(pilot)
        backend.clock += 65
        await until(pilot, lambda: "Trying again in 10 s" in log(pilot))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: backend.commands == [("cancel", "r1")])


async def test_a_later_wait_is_another_wait() -> None:
    backend, run = in_thread()
    async with running(backend, SMALL) as pilot:
        run.emit(e.RetryScheduled(attempt=1, delay=30.0, reason="Busy."))
        backend.clock += 20
        await until(pilot, lambda: "Trying again in 10 s (attempt 1)" in log(pilot))
        run.emit(e.TurnStarted(round=1))
        await until(pilot, lambda: "Trying again" not in log(pilot))
        run.emit(e.RetryScheduled(attempt=2, delay=40.0, reason="Busy."))
        await until(pilot, lambda: "Trying again in 40 s (attempt 2)" in log(pilot))


# --- several answers -----------------------------------------------------------------------


def retried(backend: FakeBackend, parent: MessageId, run_id: str, text: str) -> None:
    """Another answer to the same message."""
    backend.emit("t1", e.LeafSelected(message_id=parent))
    run = backend.begin("t1", run_id)
    if text:
        run.text(text)
    run.finish(Outcome.COMPLETED if text else Outcome.FAILED)


async def test_earlier_answers_can_be_reached_by_key() -> None:
    backend, run = in_thread()
    run.text("the first one")
    run.finish()
    retried(backend, "t1-m1", "r2", "the second one")
    retried(backend, "t1-m1", "r3", "the third one")
    async with running(backend) as pilot:
        await until(pilot, lambda: "answer 3 of 3 (Alt+← Alt+→) the third one" in log(pilot))
        await pilot.press("alt+right")
        await until(pilot, lambda: "This is the latest answer." in status(pilot))
        await pilot.press("alt+left")
        await until(pilot, lambda: "answer 2 of 3 (Alt+← Alt+→) the second one" in log(pilot))
        await until(pilot, lambda: "Run 2 of 3" in text_of(pilot, "#inspector"))
        await pilot.press("alt+left")
        await until(pilot, lambda: "the first one" in log(pilot))
        assert "the second one" not in log(pilot)
        await pilot.press("alt+left")
        await until(pilot, lambda: "This is the first answer." in status(pilot))
        await pilot.press("alt+right")
        await until(pilot, lambda: "the second one" in log(pilot))


async def test_what_followed_an_answer_comes_back_with_it() -> None:
    backend, run = in_thread()
    run.text("the first one")
    run.finish()
    backend.say("t1", "more of that")
    follow = backend.begin("t1", "r2")
    follow.text("there you are")
    follow.finish()
    retried(backend, "t1-m1", "r3", "the other one")
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "the other one" in log(pilot))
        assert "more of that" not in log(pilot)
        await pilot.press("alt+left")
        await until(pilot, lambda: "there you are" in log(pilot))
        assert "answer 1 of 2" in log(pilot)


async def test_after_a_retry_that_left_nothing_the_answer_before_is_a_key_away() -> None:
    backend, run = in_thread()
    run.text("the first one")
    run.finish()
    retried(backend, "t1-m1", "r2", "")
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "Failed" in log(pilot))
        assert "the first one" not in log(pilot)
        await pilot.press("alt+left")
        await until(pilot, lambda: "the first one" in log(pilot))


async def test_one_answer_is_not_counted_and_a_busy_thread_says_so() -> None:
    backend, run = in_thread()
    run.text("the first one")
    run.finish()
    async with running(backend) as pilot:
        await until(pilot, lambda: "the first one" in log(pilot))
        assert "answer 1" not in log(pilot)
        await pilot.press("alt+left")
        await until(pilot, lambda: "Only one answer is here" in status(pilot))
        retried(backend, "t1-m1", "r2", "the second one")
        backend.say("t1", "and now?")
        backend.begin("t1", "r3").text("just a")
        await until(pilot, lambda: "just a" in log(pilot))
        await pilot.press("alt+left")
        await until(pilot, lambda: "The thread is answering." in screen_text(pilot))
        assert "just a" in log(pilot)


# --- what the model sees -------------------------------------------------------------------


async def test_a_rule_tells_what_the_model_no_longer_sees_for_the_latest_run_only() -> None:
    backend, run = in_thread()
    run.text("an old answer")
    run.finish()
    second = backend.say("t1", "a second question")
    later = backend.begin("t1", "r2")
    async with running(backend, SMALL) as pilot:
        rule = "── The model no longer sees what is above ──"
        await until(pilot, lambda: "a second question" in log(pilot))
        assert rule not in log(pilot)
        later.emit(e.ContextTrimmed(messages=2, first_id=second))
        await until(pilot, lambda: rule in log(pilot))
        told = log(pilot)
        assert told.index("an old answer") < told.index(rule) < told.index("a second question")
        later.text("new")
        later.finish()
        backend.say("t1", "a third question")
        backend.begin("t1", "r3")
        await until(pilot, lambda: "a third question" in log(pilot))
        await until(pilot, lambda: rule not in log(pilot))
