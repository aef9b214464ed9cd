"""The list of threads, and what happens in threads that are not on screen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from textual import events
from textual.pilot import Pilot

from tests.ui.driving import LARGE, focused, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import NOW, FakeBackend
from tui.core.errors import NotFoundError
from tui.core.models import ThreadSummary
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving
from tui.ui.threads.pane import ThreadsPane


def three() -> FakeBackend:
    backend = FakeBackend()
    for number, age in ((1, 60), (2, 7200), (3, 200_000)):
        backend.add_thread(f"t{number}", f"Thread {number}", age=age)
        backend.say(f"t{number}", f"words of {number}")
    return backend


def summary(number: int, **changes: object) -> ThreadSummary:
    found = ThreadSummary(
        id=f"t{number}", title=f"Thread {number}", created_at=NOW - 300, updated_at=NOW - 300
    )
    return replace(found, **changes)  # type: ignore[arg-type]  # test data


def listed(pilot: Pilot[Leaving]) -> list[str]:
    rows = text_of(pilot, "#thread-list").split("\n")
    return [row.strip(" ▕") for row in rows if row.strip(" ▕")]


async def test_newest_first_with_their_age() -> None:
    async with running(three()) as pilot:
        rows = [" ".join(row.split()) for row in listed(pilot)]
        assert rows == ["Thread 1 1 min", "Thread 2 2 h", "Thread 3 2 d"]


async def test_marks_follow_the_changes_and_order_follows_time() -> None:
    backend = three()
    async with running(backend) as pilot:
        backend.summarise(summary(3, updated_at=NOW, running=True))
        await until(pilot, lambda: listed(pilot)[0].startswith("● Thread 3"))
        backend.summarise(summary(3, updated_at=NOW, running=True, waiting=True))
        await until(pilot, lambda: listed(pilot)[0].startswith("? Thread 3"))
        await pilot.press("f8")
        assert "No tool call waits here; one does in “Thread 3”." in status(pilot)
        backend.summarise(summary(3, updated_at=NOW, unread=True))
        await until(pilot, lambda: listed(pilot)[0].startswith("• Thread 3"))
        backend.summarise(summary(2, deleted=True))
        await until(pilot, lambda: len(listed(pilot)) == 2)


async def test_walking_through_running_threads_reads_them_and_moves_none() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    ages = {1: 60, 2: 7200, 3: 200_000}
    async with running(backend) as pilot:
        for number, age in ages.items():
            backend.summarise(summary(number, updated_at=NOW - age, running=True, unread=True))
        for number in (2, 3):
            await pilot.press("alt+down")
            await until(pilot, partial(_shows, pilot, f"words of {number}"))
            backend.summarise(summary(number, updated_at=NOW - ages[number], running=True))
            await settle(pilot)
            titles = [row.lstrip("●• ")[: len("Thread 1")] for row in listed(pilot)]
            assert titles == ["Thread 1", "Thread 2", "Thread 3"]


def _shows(pilot: Pilot[Leaving], words: str) -> bool:
    return words in text_of(pilot, "#log")


async def test_opening_a_thread_reads_it_and_closes_the_other() -> None:
    backend = three()
    async with running(backend) as pilot:
        feeds = backend.open_feeds
        await pilot.press("f6", "f6", "down", "enter")
        await until(pilot, lambda: "words of 2" in text_of(pilot, "#log"))
        await until(pilot, lambda: backend.read == ["t2"])
        assert focused(pilot) == "composer"
        await pilot.press("alt+up")
        await until(pilot, lambda: "words of 1" in text_of(pilot, "#log"))
        await settle(pilot)
        assert backend.open_feeds == feeds + 1
    assert backend.open_feeds == 0


async def test_what_arrives_in_the_open_thread_is_read_at_once_and_elsewhere_is_not() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        backend.read.clear()
        backend.summarise(summary(2, unread=True))
        backend.summarise(summary(1, updated_at=NOW, unread=True))
        await until(pilot, lambda: backend.read)
        await settle(pilot)
        assert backend.read == ["t1"]
        assert not listed(pilot)[0].startswith("•")
        assert listed(pilot)[1].startswith("•")


async def test_two_threads_stream_and_each_shows_its_own() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        one, two = backend.begin("t1", "r1"), backend.begin("t2", "r2")
        one.text("answer to one", end=False)
        two.text("answer to two", end=False)
        await until(pilot, lambda: "answer to one" in text_of(pilot, "#log"))
        assert "answer to two" not in screen_text(pilot)
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "answer to two" in text_of(pilot, "#log"))
        assert "answer to one" not in text_of(pilot, "#log")
        one.text(" still going")
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: "still going" in text_of(pilot, "#log"))


async def test_a_new_thread_is_empty_and_lives_only_once_something_is_sent() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "Ctrl+G" in text_of(pilot, "#log"))
        assert len(listed(pilot)) == 3
        await pilot.press("x", "enter")
        await until(pilot, lambda: len(listed(pilot)) == 4)
        assert backend.sent().thread_id not in ("t1", "t2", "t3")
        await until(pilot, lambda: backend.remembered["thread"] == backend.sent().thread_id)
        under_cursor = pilot.app.screen.query_one(ThreadsPane).highlighted
        assert under_cursor == backend.sent().thread_id


async def test_rename_by_key() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("alt+r")
        await until(pilot, lambda: "Title of this thread" in screen_text(pilot))
        await pilot.press("ctrl+u", *"Better", "enter")
        await until(pilot, lambda: "Better" in text_of(pilot, "#chat"))
        assert ("rename", "t1", "Better") in backend.commands
        assert "Better" in listed(pilot)[0] + listed(pilot)[1]
        await pilot.press("alt+r", "escape")
        await settle(pilot)
        assert len(backend.commands) == 1


async def test_delete_asks_first_and_keeps_unsent_text() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("k", "shift+f6", "shift+f6", "d")
        await until(pilot, lambda: "for good?" in screen_text(pilot))
        await pilot.press("n")
        await settle(pilot)
        assert not backend.commands
        await pilot.press("d", "y")
        await until(pilot, lambda: ("delete", "t1") in backend.commands)
        await until(pilot, lambda: "Ctrl+G" in text_of(pilot, "#log"))
        assert pilot.app.screen.query_one(Composer).text == "k"
        assert len(listed(pilot)) == 2


async def test_a_title_that_is_pasted_cannot_steer_the_terminal() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("alt+r")
        await until(pilot, lambda: "Title of this thread" in screen_text(pilot))
        pilot.app.post_message(events.Paste("\x9b31m\x1b[2J\u202eXYZ\rsecond line"))
        await until(pilot, lambda: "XYZ" in screen_text(pilot))
        assert not set("\x9b\x1b\u202e\r") & set(screen_text(pilot))


async def test_a_thread_without_messages_has_nothing_to_rename() -> None:
    async with running(FakeBackend()) as pilot:
        await pilot.press("alt+r")
        await until(pilot, lambda: "no messages yet" in status(pilot))


async def test_a_thread_that_is_gone_is_told_and_the_open_one_stays() -> None:
    backend = three()
    backend.remembered["thread"] = "t1"
    async with running(backend, LARGE) as pilot:
        backend.fail["subscribe"] = NotFoundError(
            "There is no such thread.", hint="Choose another."
        )
        await pilot.press("k", "ctrl+pagedown")
        await until(pilot, lambda: "Choose another." in screen_text(pilot))
        await settle(pilot)
        assert "words of 1" in text_of(pilot, "#log")
        assert pilot.app.screen.query_one(Composer).text == "k"
        assert backend.remembered["thread"] == "t1"


async def test_the_last_thread_is_open_again_at_the_next_start() -> None:
    backend = three()
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "words of 1" in text_of(pilot, "#log"))
    async with running(backend) as pilot:
        await until(pilot, lambda: "words of 1" in text_of(pilot, "#log"))


async def test_titles_are_harmless_and_markup_is_text() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "[red]x[/red] \x1b[31m")
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        assert "[red]x[/red] ␛[31m" in text_of(pilot, "#chat")
        assert "[red]x[/red]" in listed(pilot)[0]
