"""What cannot be saved just now: one calm line as long as it lasts."""

from __future__ import annotations

from tests.ui.driving import SMALL, running, screen_text, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.errors import StoreError
from tui.core.models import Problem

FULL = Problem(
    code="store", message="Not saved: the disk is full.", hint="Kept in memory and tried again."
)


async def test_a_problem_is_told_as_long_as_it_lasts() -> None:
    backend = FakeBackend()
    async with running(backend, SMALL) as pilot:
        backend.trouble(FULL)
        told = "! Not saved: the disk is full. Kept in memory and tried again."
        await until(pilot, lambda: told in screen_text(pilot))
        await pilot.press("x")
        await settle(pilot)
        assert told in text_of(pilot, "#storage")
        backend.trouble(None)
        await until(pilot, lambda: told not in screen_text(pilot))


async def test_a_problem_from_before_the_start_is_told_too_and_is_harmless() -> None:
    backend = FakeBackend()
    backend.storage_problem = Problem(
        code="damaged",
        message="The database was damaged. 3 threads could be saved into a new one.",
        hint="The old file is kept: /home/me/\x1b[2Jtickertape.db.damaged.",
    )
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "3 threads could be saved" in text_of(pilot, "#storage"))
        assert "␛[2Jtickertape.db.damaged" in " ".join(text_of(pilot, "#storage").split())


async def test_one_that_is_over_already_is_told_in_passing() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        backend.trouble(FULL)
        backend.trouble(None)
        await until(pilot, lambda: "Not saved" in screen_text(pilot))
        assert not pilot.app.screen.query_one("#storage").display


async def test_the_unsent_text_is_saved_as_soon_as_it_is_possible_again() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        backend.fail["save_draft"] = StoreError("The disk is full.", hint="Make room.")
        backend.trouble(FULL)
        await pilot.press(*"kept")
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        del backend.fail["save_draft"]
        backend.trouble(None)
        await until(pilot, lambda: backend.drafts.get("new") == "kept")
