"""Messages written while an answer is: they wait, can be taken back, and are never lost."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import MessageId, Outcome, ThreadId
from tui.core.services import SendMessage
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving


def answering() -> tuple[FakeBackend, FakeRun]:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.text("on and on", end=False)
    return backend, run


def composer(pilot: Pilot[Leaving]) -> Composer:
    return pilot.app.screen.query_one(Composer)


def queue(pilot: Pilot[Leaving]) -> list[str]:
    view = pilot.app.screen.query_one("#queue")
    return [row.strip() for row in text_of(pilot, "#queue").split("\n")] if view.display else []


async def test_enter_while_an_answer_is_written_lets_the_message_wait() -> None:
    backend, run = answering()
    async with running(backend, SMALL) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: len(queue(pilot)) == 2)
        assert composer(pilot).text == ""
        await pilot.press(*"two", "enter")
        await until(pilot, lambda: len(queue(pilot)) == 3)
        assert "after this answer" in queue(pilot)[0]
        assert queue(pilot)[1:] == ["1  one", "2  two"]
        assert all(isinstance(c, SendMessage) and c.queue for c in backend.commands)
        run.finish()
        await backend.send_queued("t1")
        await until(pilot, lambda: queue(pilot)[1:] == ["1  two"])
        await until(pilot, lambda: "  one" in text_of(pilot, "#log"))


async def test_many_and_long_ones_take_few_rows() -> None:
    backend, _ = answering()
    async with running(backend, SMALL) as pilot:
        for number in range(6):
            command = SendMessage(
                thread_id="t1",
                message_id=f"q{number}",
                run_id=f"x{number}",
                text=f"{number} " + "word\x1b[2J\n" * 100,
                queue=True,
            )
            await backend.send(command)
        await until(pilot, lambda: len(queue(pilot)) == 4)
        assert queue(pilot)[-1] == "… and 4 more"
        assert "␛[2J" in queue(pilot)[1]


async def test_up_takes_the_last_one_back_and_then_the_one_before() -> None:
    backend, _ = answering()
    async with running(backend) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: len(queue(pilot)) == 2)
        await pilot.press(*"two", "ctrl+j", *"lines", "enter")
        await until(pilot, lambda: len(queue(pilot)) == 3)
        await pilot.press("up")
        await until(pilot, lambda: len(queue(pilot)) == 2)
        assert composer(pilot).text == "two\nlines"
        assert backend.drafts["t1"] == "two\nlines"
        await pilot.app.screen.run_action("take_back")
        await until(pilot, lambda: not queue(pilot))
        assert composer(pilot).text == "one\ntwo\nlines"


async def test_one_that_went_out_meanwhile_is_not_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend, run = answering()
    gate = asyncio.Event()

    async def slow(thread_id: ThreadId, message_id: MessageId) -> None:
        await gate.wait()

    async with running(backend) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: queue(pilot))
        monkeypatch.setattr(backend, "unqueue", slow)
        await pilot.press("up")
        await until(pilot, lambda: composer(pilot).text == "one")
        run.finish()
        await backend.send_queued("t1")
        gate.set()
        await until(pilot, lambda: "on its way already" in status(pilot))
        assert composer(pilot).text == ""


async def test_one_that_cannot_be_taken_back_stays_in_the_queue_alone() -> None:
    backend, _ = answering()
    async with running(backend) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: queue(pilot))
        backend.fail["unqueue"] = BusyError("Another Tickertape has it.", hint="Take over first.")
        await pilot.press("up")
        await until(pilot, lambda: "Take over first." in screen_text(pilot))
        await until(pilot, lambda: composer(pilot).text == "")
        assert queue(pilot)[1:] == ["1  one"]


async def test_after_a_stop_they_stay_and_enter_sends_the_first() -> None:
    backend, run = answering()
    async with running(backend, SMALL) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: queue(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Sent when this answer is done" in status(pilot))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: ("cancel", "r1") in backend.commands)
        run.finish(Outcome.CANCELLED)
        await until(pilot, lambda: "Enter sends the first" in "".join(queue(pilot)))
        assert ("send_queued", "t1") not in backend.commands
        await pilot.press("space", "enter", "backspace")
        await settle(pilot)
        assert ("send_queued", "t1") not in backend.commands
        await pilot.press("enter")
        await until(pilot, lambda: ("send_queued", "t1") in backend.commands)
        await until(pilot, lambda: not queue(pilot))
        await until(pilot, lambda: "  one" in text_of(pilot, "#log"))


async def test_a_message_that_is_typed_does_not_overtake_those_that_wait() -> None:
    backend, run = answering()
    async with running(backend, SMALL) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: queue(pilot))
        run.finish(Outcome.FAILED, reason="It broke.")
        await until(pilot, lambda: "Enter sends the first" in "".join(queue(pilot)))
        await pilot.press(*"two", "enter")
        await until(pilot, lambda: queue(pilot)[1:] == ["1  two"])
        await until(pilot, lambda: "  one" in text_of(pilot, "#log"))
        assert composer(pilot).text == ""


async def test_they_are_still_there_after_a_restart() -> None:
    backend, run = answering()
    command = SendMessage(thread_id="t1", message_id="q1", run_id="x1", text="and then", queue=True)
    await backend.send(command)
    run.emit(e.RunInterrupted())
    async with running(backend) as pilot:
        await until(pilot, lambda: queue(pilot)[1:] == ["1  and then"])
        assert "Enter sends the first" in queue(pilot)[0]
        await pilot.app.screen.run_action("send_waiting")
        await until(pilot, lambda: ("send_queued", "t1") in backend.commands)


async def test_another_thread_shows_its_own() -> None:
    backend, _ = answering()
    backend.add_thread("t2", "Two", age=10)
    async with running(backend) as pilot:
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: queue(pilot))
        await pilot.press("alt+down")
        await until(pilot, lambda: not queue(pilot))
        await pilot.press("alt+up")
        await until(pilot, lambda: queue(pilot)[1:] == ["1  one"])
