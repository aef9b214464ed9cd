"""Private threads: marked wherever they are seen, and named in nothing that is kept."""

from __future__ import annotations

from textual import events

from tests.ui.driving import SMALL, running, screen_text, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.models import is_private
from tui.ui.composer import Composer

PRIVACY = "Private: not on disk, gone when Tickertape ends"


async def test_it_is_private_from_its_first_letter_and_marked_everywhere() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.remembered["thread"] = "t1"
    async with running(backend, SMALL) as pilot:
        pilot.app.post_message(events.Key("alt+n", "n"))  # as a terminal's parser makes it
        await until(pilot, lambda: PRIVACY in text_of(pilot, "#composer"))
        assert pilot.app.screen.query_one(Composer).text == ""
        assert "nothing of this is kept" in " ".join(text_of(pilot, "#log").split())
        await pilot.press(*"secret")
        await until(pilot, lambda: any(is_private(key) for key in backend.drafts))
        assert all(is_private(key) for key in backend.drafts)
        await pilot.press("enter")
        await until(pilot, lambda: backend.commands)
        assert is_private(backend.sent().thread_id)
        await until(pilot, lambda: "◇ secret" in text_of(pilot, "#chat"))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "◇ secret" in text_of(pilot, "#threads"))
    assert backend.remembered["thread"] == "t1"
    assert not any("private-" in value for value in backend.remembered.values())


async def test_its_draft_stays_with_it_and_mixes_with_no_other() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.drafts["new"] = "an ordinary draft"
    async with running(backend) as pilot:
        box = pilot.app.screen.query_one(Composer)
        await until(pilot, lambda: box.text == "an ordinary draft")
        await pilot.press("alt+n")
        await until(pilot, lambda: PRIVACY in screen_text(pilot))
        assert box.text == ""
        await pilot.press(*"secret", "ctrl+n")
        await until(pilot, lambda: box.text == "an ordinary draft")
        assert PRIVACY not in screen_text(pilot)
        assert backend.drafts["new"] == "an ordinary draft"


async def test_going_back_to_one_marks_it_again_and_does_not_remember_it() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One", age=5)
    backend.add_thread("private-1", "Hush", age=10)
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("alt+down")
        await until(pilot, lambda: PRIVACY in text_of(pilot, "#composer"))
        await settle(pilot)
        assert backend.remembered["thread"] == "t1"
        await pilot.press("alt+up")
        await until(pilot, lambda: PRIVACY not in screen_text(pilot))
