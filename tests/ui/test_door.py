"""A widget that forgets to make remote text harmless: the last door before the terminal does."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import MagicMock

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from tests.ui.driving import running, settle
from tests.ui.fakes import FakeBackend
from tui.core.sanitise import sanitise
from tui.ui.chat.entries import RuleRow
from tui.ui.chat.log import ChatLog
from tui.ui.chat.row_lines import RuleLines
from tui.ui.dialogs import ConfirmScreen, LineScreen
from tui.ui.door import LineDoor
from tui.ui.leaving import Leaving

EVIL = (
    "Tag\x1b]0;owned\x07\x1b[2J\x9b31m\x90q\x9c\x00\x08\x0e\x7f\x85\u200b\u202e\u2066\ufeff\u2028"
    "\U000e0041\ud800\u3164end"
)
_BLACK = Color(0, 0, 0)


def _lines(pilot: Pilot[Leaving]) -> list[list[Segment]]:
    return [list(strip) for strip in pilot.app.screen._compositor.render_strips()]


def _check(pilot: Pilot[Leaving]) -> None:
    rows = ["".join(segment.text for segment in line) for line in _lines(pilot)]
    assert any("Tag" in row for row in rows), "the forgetful widget is not on screen"
    for row in rows:
        assert sanitise(row) == row
        assert "\n" not in row
        assert cell_len(row) == pilot.app.size.width


def _titled() -> Widget:
    titled = Static("titled")
    titled.border_title = Content(EVIL)
    titled.styles.border = ("round", "white")
    return titled


def _conversation() -> Widget:
    """It paints its lines past Textual's own way to the door."""
    log = ChatLog(lambda _: RuleLines(EVIL), lambda _row, _width: 1)
    log.column.begin([RuleRow("m", EVIL)])
    return log


_FORGETFUL: dict[str, Callable[[], Widget]] = {
    "text": lambda: Static(Content(EVIL)),
    "label": lambda: Label(EVIL, markup=False),
    "list": lambda: OptionList(Option(Content(EVIL))),
    "input": lambda: Input(EVIL),
    "text area": lambda: TextArea(EVIL),
    "title": _titled,
    "conversation": _conversation,
}


@pytest.mark.parametrize("kind", _FORGETFUL)
async def test_no_widget_gets_a_control_character_out(kind: str) -> None:
    async with running(FakeBackend()) as pilot:
        widget = _FORGETFUL[kind]()
        widget.styles.height = 8
        await pilot.app.screen.query_one("#chat").mount(widget)
        await settle(pilot)
        _check(pilot)


async def test_no_toast_and_no_dialog_does() -> None:
    async with running(FakeBackend()) as pilot:
        pilot.app.notify(EVIL, title=EVIL, markup=False)
        await settle(pilot)
        _check(pilot)
        for screen in (ConfirmScreen(EVIL), LineScreen(EVIL, EVIL)):
            pilot.app.push_screen(screen)
            await settle(pilot)
            _check(pilot)
            await pilot.press("escape")


async def test_a_copy_is_harmless_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(FakeBackend()) as pilot:
        written = MagicMock()
        monkeypatch.setattr(pilot.app._driver, "write", written)
        pilot.app.copy_to_clipboard(EVIL)
        assert pilot.app.clipboard == sanitise(EVIL)
        (sequence,) = written.call_args.args
        assert sequence.startswith("\x1b]52;c;")


def test_a_link_that_may_not_be_followed_is_none() -> None:
    good, bad = Style(link="https://example.org/"), Style(link="file:///etc/passwd")
    line = [Segment("good", good), Segment("bad", bad), Segment("plain")]
    links = [each.style.link if each.style else "" for each in LineDoor().apply(line, _BLACK)]
    assert links == ["https://example.org/", None, ""]


def test_a_clean_line_is_handed_through_as_it_is() -> None:
    line = [Segment("Grüße, "), Segment("👩\u200d💻")]
    assert LineDoor().apply(line, _BLACK) is line


def test_a_character_with_a_width_leaves_its_width() -> None:
    line = [Segment("a\u3164b\x1b\n\tc")]
    (shown,) = LineDoor().apply(line, _BLACK)
    assert cell_len(shown.text) == cell_len(line[0].text)
    assert shown.text.replace("\ufffd", "") == "abc"
