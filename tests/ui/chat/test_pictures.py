"""Pictures of the conversation: a document that uses every construct, and what a reader does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.ui.driving import make_app, running, screen_text, settle, text_of
from tests.ui.fakes import FakeBackend
from tui.core.models import PartKind, Role
from tui.core.text import GrowingText
from tui.core.thread import Message, Part
from tui.ui import themes
from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import MessageRow
from tui.ui.chat.log import ChatLog
from tui.ui.chat.row_lines import MessageLines
from tui.ui.leaving import Leaving

# Those on paper: ``pytest -m slow tests/ui/chat/test_pictures.py``.
_THEMES = (themes.DARK, pytest.param(themes.LIGHT, marks=pytest.mark.slow))
_REFERENCE = (Path(__file__).parents[1] / "markdown" / "reference.md").read_text(encoding="utf-8")


def reference(theme: str = themes.DARK) -> FakeBackend:
    """Everything that Markdown has, between two short messages."""
    backend = FakeBackend()
    backend.add_thread("t1", "Everything")
    backend.say("t1", "Show me all of it.")
    run = backend.begin("t1", "r1")
    run.text("Where is a fence?", kind=PartKind.REASONING)
    run.output(run.call("look_up", '{"what": "fence"}'), "found")
    run.text(_REFERENCE)
    run.finish()
    backend.say("t1", "Thank you.")
    backend.remembered.update({"thread": "t1", "theme": theme})
    return backend


async def arrive(pilot: Pilot[Leaving]) -> None:
    while "Thank you" not in screen_text(pilot):
        await pilot.pause(0.01)
    await settle(pilot)


@pytest.mark.parametrize("theme", _THEMES)
@pytest.mark.parametrize("size", [(40, 190), (80, 150), (140, 150)], ids=str)
def test_every_construct(
    size: tuple[int, int], theme: str, snap_compare: Callable[..., Any]
) -> None:
    async def run_before(pilot: Pilot[Leaving]) -> None:
        await arrive(pilot)
        assert "with a second paragraph." in screen_text(pilot)

    app = make_app(reference(theme))
    assert snap_compare(app, terminal_size=size, run_before=run_before)


KEYS = {
    "marked": ("shift+f6", "{", "left_square_bracket"),
    "code": ("shift+f6", "{", "left_square_bracket", *"bbb"),
    "selected": ("shift+f6", "pageup", "v", *["up"] * 6),
    "found": ("ctrl+f", *"fence"),
    "links": ("shift+f6", "left_square_bracket", "left_square_bracket", "o"),
}


@pytest.mark.parametrize("theme", _THEMES)
@pytest.mark.parametrize("doing", KEYS)
def test_a_reader(doing: str, theme: str, snap_compare: Callable[..., Any]) -> None:
    async def run_before(pilot: Pilot[Leaving]) -> None:
        await arrive(pilot)
        await pilot.press(*KEYS[doing])
        await settle(pilot)

    app = make_app(reference(theme))
    assert snap_compare(app, terminal_size=(80, 24), run_before=run_before)


def painted(pilot: Pilot[Leaving]) -> list[Any]:
    """What is on the lines and how it looks."""
    log = pilot.app.screen.query_one(ChatLog)
    return [
        (each.text, each.style and (each.style.color, each.style.bgcolor))
        for y in range(log.size.height)
        for each in log.render_line(y)
    ]


async def test_another_theme_keeps_the_place_and_paints_all_anew() -> None:
    looks = []
    for theme in (themes.DARK, themes.LIGHT):
        async with running(reference(theme), (80, 24)) as pilot:
            await pilot.press("shift+f6", "pageup", "pageup")
            before = text_of(pilot, "#lines")
            looks.append(painted(pilot))
            await pilot.press("f12")
            await settle(pilot)
            assert text_of(pilot, "#lines") == before
            looks.append(painted(pilot))
    dark, then_light, light, then_dark = looks
    assert dark != light
    assert then_light == light
    assert then_dark == dark


@settings(max_examples=40)
@given(st.lists(st.integers(8, 140), min_size=1, max_size=4), st.floats(0, 1))
def test_the_text_on_top_stays_at_every_width(widths: list[int], share: float) -> None:
    part = Part(id="p", message_id="m", index=0, kind=PartKind.TEXT, text=GrowingText(_REFERENCE))
    part.finished = True
    message = Message(id="m", parent_id=None, role=Role.ASSISTANT, parts=[part])
    column = Column(
        lambda _: MessageLines(message, None, headed=True, branch=None, is_open=lambda _: False),
        lambda *_: 1,
    )
    column.resize(80, 3)
    column.begin([MessageRow("m", headed=True)])
    column.go(Spot(0, round(share * (column.height_of(0) - 10))))
    shown = column.shown(column.view()[0])
    for width in (*widths, 80):
        column.resize(width, 3)
        top = column.shown(column.view()[0])
        assert all(column.shown(spot).line.cells <= width for spot in column.view())
        if shown.part is not None and shown.line.end > shown.line.start:
            assert top.line.start <= shown.line.start < top.line.end
    if shown.part is not None and shown.line.end > shown.line.start:
        assert top == shown
