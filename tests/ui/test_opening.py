"""Opening a long thread: its end is there at once, all of it soon, and nobody loses their place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.pilot import Pilot

from tests.ui.driving import running, screen_text, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.errors import StoreError
from tui.ui.chat.view import ChatView
from tui.ui.leaving import Leaving

_MESSAGES = 80
_SEEN = 40  # of those, before all are there


def _long(*threads: str) -> FakeBackend:
    """Long threads that take until ``slow`` is set, behind one that is short."""
    backend = FakeBackend()
    backend.add_thread("short", "Short", age=10)
    backend.say("short", "a short one")
    backend.remembered["thread"] = "short"
    for age, thread in enumerate(threads, 1):
        backend.add_thread(thread, f"Long {thread}", age=100 * age)
        for number in range(_MESSAGES):
            backend.say(thread, f"{thread} message {number}")
        backend.previews[thread] = _SEEN
        backend.slow[thread] = asyncio.Event()
    return backend


def _log(pilot: Pilot[Leaving]) -> str:
    return text_of(pilot, "#log")


def _lines(pilot: Pilot[Leaving]) -> list[str]:
    """Without the scroll mark, which tells how much there is."""
    return [line.rstrip("▐ ") for line in _log(pilot).split("\n")]


def _shows(pilot: Pilot[Leaving], words: str) -> Callable[[], bool]:
    return lambda: words in _log(pilot)


def _end_of(thread: str) -> str:
    return f"{thread} message {_MESSAGES - 1}"


async def test_the_end_is_there_before_the_rest_and_stays_as_it_is() -> None:
    backend = _long("t")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
        await settle(pilot)
        before = _lines(pilot)
        assert not backend.followed
        backend.slow["t"].set()
        await until(pilot, lambda: "t" in backend.read)
        await settle(pilot)
        assert _lines(pilot) == before
        backend.say("t", "what comes later")
        await until(pilot, _shows(pilot, "what comes later"))


async def test_a_reader_who_scrolled_up_stays_there_and_can_go_on() -> None:
    backend = _long("t")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
        chat = pilot.app.screen.query_one(ChatView)
        chat.scroll_pages(-1)
        await until(pilot, lambda: _end_of("t") not in _log(pilot))
        await settle(pilot)
        before = _lines(pilot)
        backend.slow["t"].set()
        await until(pilot, lambda: "t" in backend.read)
        await settle(pilot)
        assert not chat.following
        assert _lines(pilot) == before
        chat.scroll_pages(-20)
        await until(pilot, _shows(pilot, "t message 0"))


async def test_of_two_quick_switches_only_the_last_counts() -> None:
    backend = _long("t", "u")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("u")))
        backend.slow["t"].set()
        await settle(pilot)
        assert _end_of("u") in _log(pilot)
        backend.slow["u"].set()
        await until(pilot, lambda: "u" in backend.read)
        await settle(pilot)
        assert _end_of("u") in _log(pilot)
        assert "t message" not in _log(pilot)
        assert backend.followed == ["u"]
    assert backend.open_feeds == 0


async def test_back_in_the_first_thread_before_the_second_is_there() -> None:
    backend = _long("t")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
        await pilot.press("ctrl+pageup")
        await until(pilot, _shows(pilot, "a short one"))
        backend.slow["t"].set()
        await settle(pilot)
        assert "a short one" in _log(pilot)
        assert backend.followed == ["short"]


async def test_a_message_can_be_sent_before_the_rest_is_there() -> None:
    backend = _long("t")
    backend.drafts["t"] = "begun"
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "begun" in text_of(pilot, "#composer"))
        await pilot.press(*" ended", "enter")
        await until(pilot, lambda: backend.commands)
        assert (backend.sent().thread_id, backend.sent().text) == ("t", "begun ended")
        backend.slow["t"].set()
        await until(pilot, _shows(pilot, "begun ended"))
        await settle(pilot)
        assert _log(pilot).count("begun ended") == 1


async def test_a_thread_that_is_deleted_meanwhile() -> None:
    backend = _long("t")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
        await backend.delete("t")
        await until(pilot, lambda: "t message" not in screen_text(pilot))
        backend.slow["t"].set()
        await settle(pilot)
        assert "t message" not in screen_text(pilot)
        assert not backend.followed


async def test_what_cannot_be_read_is_told_and_not_left_half_there() -> None:
    backend = _long("t")
    backend.slow["t"].set()
    async with running(backend) as pilot:
        backend.fail["subscribe"] = StoreError("The disk is broken.")
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "The disk is broken." in screen_text(pilot))
        await settle(pilot)
        assert "t message" not in _log(pilot)
        assert not backend.followed


async def test_the_thread_of_the_last_time_at_the_start() -> None:
    backend = _long("t")
    backend.remembered["thread"] = "t"
    async with running(backend) as pilot:
        await until(pilot, _shows(pilot, _end_of("t")))
        assert not backend.followed
        backend.slow["t"].set()
        await until(pilot, lambda: backend.followed)
        backend.say("t", "what comes later")
        await until(pilot, _shows(pilot, "what comes later"))
    assert backend.open_feeds == 0


async def test_the_app_is_left_before_the_rest_is_there() -> None:
    backend = _long("t")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, _shows(pilot, _end_of("t")))
    backend.slow["t"].set()
    assert backend.open_feeds == 0
