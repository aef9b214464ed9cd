"""Leaving while answers are being written: the question, every answer to it, and nothing lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, screen_text, settle, status, until
from tests.ui.fakes import NOW, FakeBackend
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


async def test_leaving_it_to_the_next_start_is_offered_for_a_server_of_its_own() -> None:
    backend = busy("t1", profile="work")
    async with running(backend) as pilot:
        await ask(pilot)
        assert "the next start asks the server" in screen_text(pilot)
        await pilot.press("l")
        assert await ended(pilot) is Leaving.LET_GO


async def test_it_is_not_offered_when_the_model_ends_with_the_app() -> None:
    async with running(busy("t1")) as pilot:
        await ask(pilot)
        assert "next start" not in screen_text(pilot)
        await pilot.press("l")
        await settle(pilot)
        assert QUESTION in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: QUESTION not in screen_text(pilot))
        assert pilot.app.is_running


async def test_it_is_not_offered_for_a_private_thread() -> None:
    async with running(busy("private-1", profile="work")) as pilot:
        await ask(pilot)
        assert "next start" not in screen_text(pilot)


async def test_waiting_quits_by_itself_when_the_last_one_ended() -> None:
    backend = busy("t1", "t2")
    async with running(backend, SMALL) as pilot:
        await ask(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "Quits when the answers are done; Esc stays." in status(pilot))
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


async def test_what_is_not_saved_is_asked_about_first() -> None:
    backend = busy("t1")
    async with running(backend) as pilot:
        backend.trouble(Problem(code="store", message="The disk is full.", hint="Free some space."))
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


async def test_a_profile_that_is_not_known_any_more_counts_as_the_default() -> None:
    backend = busy("t1", profile="gone")
    backend.profile = replace(backend.profile, embedded=False)
    async with running(backend) as pilot:
        await ask(pilot)
        assert "next start" in screen_text(pilot)
