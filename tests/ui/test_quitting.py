"""Leaving while answers are being written: the question, every answer to it, and nothing lost."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, until
from tests.ui.fakes import NOW, FakeBackend
from tui.core import events as e
from tui.core.models import Problem, ThreadSummary
from tui.core.services import ProfileInfo, SendMessage
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving

QUESTION = "still being written"


def busy(*threads: str, profile: str = "sandbox") -> FakeBackend:
    """A backend in which these threads are answering, the first of them on screen."""
    backend = FakeBackend()
    remote = ProfileInfo(name="work", protocol="assistants")
    backend.more_profiles = (remote,)
    for thread in threads:
        backend.add_thread(thread, f"Title of {thread}")
        backend.say(thread, "a question")
        backend.begin(thread, f"run-{thread}")
        mark(backend, thread, profile=profile)
    backend.remembered["thread"] = threads[0]
    return backend


def mark(
    backend: FakeBackend,
    thread: str,
    *,
    running: bool = True,
    elsewhere: bool = False,
    profile: str = "sandbox",
) -> None:
    backend.summarise(
        ThreadSummary(
            id=thread,
            title=f"Title of {thread}",
            created_at=NOW,
            updated_at=NOW,
            profile=profile,
            running=running,
            elsewhere=elsewhere,
        )
    )


async def ended(pilot: Pilot[Leaving]) -> Leaving | None:
    await until(pilot, lambda: not pilot.app.is_running)
    return pilot.app.return_value


async def ask(pilot: Pilot[Leaving]) -> None:
    await pilot.press("ctrl+q")
    await until(pilot, lambda: QUESTION in screen_text(pilot))


async def test_with_nothing_going_on_there_is_no_question() -> None:
    backend = busy("t1")
    mark(backend, "t1", elsewhere=True)  # that one is another process's business
    async with running(backend) as pilot:
        await pilot.press("k", "ctrl+q")
        assert await ended(pilot) is Leaving.LET_GO
    assert backend.drafts == {"t1": "k"}


async def test_cancel_and_quit() -> None:
    backend = busy("t1", "t2")
    async with running(backend, SMALL) as pilot:
        await pilot.press("k")
        await ask(pilot)
        assert "2 answers are" in screen_text(pilot)
        assert "Title of t1" in screen_text(pilot)
        await pilot.press("c")
        assert await ended(pilot) is Leaving.CANCEL
    assert backend.drafts == {"t1": "k"}


@pytest.mark.parametrize("profile", ["work", "sandbox", "gone"])
async def test_leaving_it_to_the_next_start_is_offered_whatever_the_profile(profile: str) -> None:
    backend = busy("t1", profile=profile)
    async with running(backend, SMALL) as pilot:
        await ask(pilot)
        assert "l    leave it; the next start can go on with it" in screen_text(pilot)
        await pilot.press("l")
        assert await ended(pilot) is Leaving.LET_GO


async def test_a_call_that_waits_for_a_decision_can_be_kept() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    run = backend.begin("t1", "r1")
    run.emit(e.ApprovalRequested(call_id=run.call("send_mail", "{}")))
    mark(backend, "t1")
    async with running(backend) as pilot:
        await ask(pilot)
        await pilot.press("l")
        assert await ended(pilot) is Leaving.LET_GO
    assert not backend.decisions


async def test_it_is_not_offered_for_a_private_thread() -> None:
    async with running(busy("private-1", profile="work")) as pilot:
        await ask(pilot)
        assert "next start" not in screen_text(pilot)
        await pilot.press("l")
        await settle(pilot)
        assert QUESTION in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: QUESTION not in screen_text(pilot))
        assert pilot.app.is_running


async def test_of_two_it_is_offered_when_one_is_not_private() -> None:
    async with running(busy("t1", "private-1")) as pilot:
        await ask(pilot)
        assert "leave them; the next start can go on with them" in screen_text(pilot)


async def test_waiting_quits_by_itself_when_the_last_one_ended() -> None:
    backend = busy("t1", "t2")
    async with running(backend, SMALL) as pilot:
        await ask(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "Quits when all is done; Esc stays." in status(pilot))
        await pilot.press("k")
        mark(backend, "t1", running=False)
        await settle(pilot)
        assert pilot.app.is_running
        mark(backend, "t2", running=False)
        assert await ended(pilot) is Leaving.LET_GO
    assert backend.drafts == {"t1": "k"}


async def test_escape_calls_the_waiting_off() -> None:
    backend = busy("t1")
    async with running(backend) as pilot:
        await ask(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "Quits when" in status(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Quits when" not in status(pilot))
        mark(backend, "t1", running=False)
        await settle(pilot)
        assert pilot.app.is_running
        assert not backend.commands  # and it was no step to stop the answer


async def test_one_who_waits_can_choose_again() -> None:
    async with running(busy("t1")) as pilot:
        await ask(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "Quits when" in status(pilot))
        await ask(pilot)
        await pilot.press("c")
        assert await ended(pilot) is Leaving.CANCEL


async def test_quitting_twice_quickly_asks_once_and_loses_nothing() -> None:
    backend = busy("t1")
    async with running(backend) as pilot:
        await pilot.press(*"kept", "ctrl+q", "ctrl+q", "ctrl+q")
        await settle(pilot)
        assert QUESTION in screen_text(pilot)
        assert pilot.app.is_running
        assert len(pilot.app.screen_stack) == 2
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).text == "kept"


async def test_a_message_that_is_just_being_sent_is_asked_about() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.remembered["thread"] = "t1"
    gate = asyncio.Event()
    send = backend.send

    async def slow(command: SendMessage) -> None:
        await gate.wait()
        await send(command)
        mark(backend, "t1")

    async with running(backend) as pilot:
        backend.send = slow  # type: ignore[method-assign]  # a slow store
        await pilot.press(*"hello", "enter")
        quitting = asyncio.create_task(pilot.app.action_quit())
        await pilot.pause()
        gate.set()
        await quitting
        await until(pilot, lambda: QUESTION in screen_text(pilot))


@pytest.mark.parametrize("code", ["store", "damaged"])
async def test_what_is_not_saved_is_asked_about_first(code: str) -> None:
    backend = busy("t1")
    async with running(backend) as pilot:
        backend.trouble(Problem(code=code, message="The disk is full.", hint="Free some space."))
        await until(pilot, lambda: "The disk is full." in screen_text(pilot))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "what was not is lost" in " ".join(screen_text(pilot).split()))
        await pilot.press("ctrl+q", "n")
        await settle(pilot)
        assert pilot.app.is_running
        await pilot.press("ctrl+q", "y")
        await until(pilot, lambda: QUESTION in screen_text(pilot))
        await pilot.press("escape")
        backend.trouble(None)
        await settle(pilot)
        await ask(pilot)


async def test_damage_that_was_repaired_before_the_start_asks_nothing() -> None:
    async with running(backend := FakeBackend()) as pilot:
        backend.trouble(Problem(code="damaged", message="3 threads could be saved."))
        backend.trouble(None)
        await settle(pilot)
        await pilot.press("ctrl+q")
        assert await ended(pilot) is Leaving.LET_GO
