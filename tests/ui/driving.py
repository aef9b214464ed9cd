"""How UI tests drive the app: start it on a fake backend, wait for what is on screen, read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from textual.widget import Widget

from tests.ui.fakes import FakeBackend
from tui.ui.app import TickertapeApp
from tui.ui.leaving import Leaving

WIDE = (120, 40)
SMALL = (80, 24)
LARGE = (200, 50)

# Each turn lets every message queue run empty; conditions are met within a few of them.
_TURNS = 400


def make_app(backend: FakeBackend) -> TickertapeApp:
    """The app on this backend, with the backend's clock."""
    return TickertapeApp(backend.connect, now=backend.now)


@asynccontextmanager
async def running(
    backend: FakeBackend, size: tuple[int, int] = WIDE
) -> AsyncIterator[Pilot[Leaving]]:
    """The app, connected and with its first thread on screen."""
    app = make_app(backend)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "sandbox" in status(pilot))
        await settle(pilot)
        yield pilot


async def until(pilot: Pilot[Leaving], condition: Callable[[], object]) -> None:
    """Wait until the condition holds; fails with the screen's text when it never does."""
    for _ in range(_TURNS):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"never came true; the screen says:\n{screen_text(pilot)}")


async def settle(pilot: Pilot[Leaving]) -> None:
    """Wait until nothing on screen changes any more."""
    before, same = "", 0
    for _ in range(_TURNS):
        await pilot.pause(0.02)
        now = screen_text(pilot)
        same = same + 1 if now == before else 0
        if same == 3:
            return
        before = now
    raise AssertionError("the screen never came to rest")


async def click_on(pilot: Pilot[Leaving], words: str) -> None:
    """Click on the first place on screen where these words stand."""
    for y, row in enumerate(screen_text(pilot).split("\n")):
        if (x := row.find(words)) >= 0:
            await pilot.click(offset=(x, y))
            return
    raise AssertionError(f"nowhere on screen: {words!r}")


def screen_text(pilot: Pilot[Leaving]) -> str:
    """What a person reads, line by line."""
    app = pilot.app
    height = app.size.height
    lines = app.screen._compositor.render_strips()
    rows = ["".join(segment.text for segment in line) for line in lines[:height]]
    return "\n".join(row.rstrip() for row in rows)


def text_of(pilot: Pilot[Leaving], selector: str) -> str:
    """What a person reads inside one widget's place on screen."""
    region = pilot.app.screen.query_one(selector, Widget).region
    rows = screen_text(pilot).split("\n")[region.y : region.bottom]
    return "\n".join(row[region.x : region.right].rstrip() for row in rows)


def status(pilot: Pilot[Leaving]) -> str:
    """The status line."""
    return text_of(pilot, "#status")


def focused(pilot: Pilot[Leaving]) -> str | None:
    """The id of the widget that has the keys."""
    return None if pilot.app.focused is None else pilot.app.focused.id
