"""Starting: the first frame comes before anything heavy, and a failure is told in full."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from tests.ui.driving import SMALL, focused, screen_text, status, until
from tests.ui.fakes import FakeBackend
from tui.core.errors import ConfigError, StoreError
from tui.core.services import SendMessage, Services
from tui.ui.app import TickertapeApp
from tui.ui.composer import Composer

_FIRST_FRAME = """
import sys
from tests.ui.fakes import FakeBackend
from tui.ui.app import TickertapeApp

HEAVY = {"openai", "httpx2", "starlette", "uvicorn", "pydantic", "jiter", "mcp", "keyring",
         "markdown_it", "apsw"}
seen = []

async def connect():
    loaded = {name.split(".")[0] for name in sys.modules}
    seen.append(sorted((HEAVY & loaded) | {m for m in sys.modules if m == "pygments.lexers"}))
    return FakeBackend().services

async def play(pilot):
    for _ in range(500):
        await pilot.pause(0.01)
        if seen and "markdown_it" in sys.modules:
            break
    pilot.app.exit()

app = TickertapeApp(connect)
app.run(headless=True, size=(80, 24), auto_pilot=play)
print(seen, "markdown_it" in sys.modules)
"""


def test_the_first_frame_is_painted_before_anything_heavy_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_FRAME],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip().endswith("[[]] True"), done.stdout + done.stderr


async def test_one_can_write_while_it_starts() -> None:
    backend = FakeBackend()
    gate = asyncio.Event()

    async def connect() -> Services:
        await gate.wait()
        return backend.services

    async with TickertapeApp(connect, now=backend.now).run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "Starting…" in status(pilot))
        assert focused(pilot) == "composer"
        await pilot.press("h", "i", "enter")
        await until(pilot, lambda: "Still starting" in screen_text(pilot))
        assert pilot.app.screen.query_one(Composer).text == "hi"
        await pilot.press("x")
        gate.set()
        await until(pilot, lambda: backend.commands)
        (command,) = backend.commands
        assert isinstance(command, SendMessage)
        assert command.text == "hi"
        assert pilot.app.screen.query_one(Composer).text == "x"


async def test_a_failed_start_is_told_with_its_hint_and_can_be_quit() -> None:
    async def connect() -> Services:
        raise ConfigError("config.toml, line 3: no profile “opnai”.", hint="Did you mean “openai”?")

    async with TickertapeApp(connect).run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "cannot start" in screen_text(pilot))
        assert "no profile “opnai”" in screen_text(pilot)
        assert "Did you mean “openai”?" in screen_text(pilot)
        for key in ("enter", "ctrl+n", "f5", "f8", "f1", "escape", "escape"):
            await pilot.press(key)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_who_asked_for_a_profile_gets_a_new_thread_and_the_last_stays() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "of another profile")
    backend.remembered["thread"] = "t1"
    app = TickertapeApp(backend.connect, begins_anew=True)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "sandbox" in status(pilot))
        await until(pilot, lambda: "Ctrl+G" in screen_text(pilot))
        assert "of another profile" not in screen_text(pilot)
        assert backend.remembered["thread"] == "t1"
        await pilot.press("ctrl+n", *"hi", "enter")
        await until(pilot, lambda: backend.commands)
        assert backend.sent().thread_id != "t1"


async def test_what_is_written_after_a_failed_start_stays_and_is_asked_about_once() -> None:
    async def connect() -> Services:
        raise ConfigError("config.toml, line 3: no profile “opnai”.")

    async with TickertapeApp(connect).run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "cannot start" in screen_text(pilot))
        await pilot.press("h", "i", "enter")
        told = "Tickertape could not start; see above. Your text stays here."
        await until(pilot, lambda: told in status(pilot))
        question = "This text cannot be saved: quit and lose it?"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question in screen_text(pilot))
        await pilot.press("ctrl+q", "n")
        await until(pilot, lambda: question not in screen_text(pilot))
        assert pilot.app.screen.query_one(Composer).text == "hi"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: question in screen_text(pilot))
        await pilot.press("y")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_a_store_that_cannot_be_read_is_a_failed_start_too() -> None:
    backend = FakeBackend()
    backend.fail["threads"] = StoreError("The database is damaged.", hint="Restore it.")
    async with TickertapeApp(backend.connect).run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "The database is damaged." in screen_text(pilot))
    assert backend.open_feeds == 0


async def test_the_theme_is_right_from_the_first_frame_when_it_is_known_early() -> None:
    backend = FakeBackend()
    backend.remembered["theme"] = "nord"
    app = TickertapeApp(backend.connect, preferences=backend)
    assert app.theme == "nord"
