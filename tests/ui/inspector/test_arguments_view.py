"""The view of one JSON text: it follows what arrives, and gives way to the reader."""

from __future__ import annotations

import json

from textual.app import App, ComposeResult

from tests.ui.inspector.host import shown
from tui.ui.inspector.arguments_view import ArgumentsView


class Host(App[None]):
    """Nothing but the view."""

    def __init__(self) -> None:
        super().__init__()
        self.view = ArgumentsView()

    def compose(self) -> ComposeResult:
        """The view."""
        yield self.view

    def text(self) -> str:
        """What it shows, without the scroll mark."""
        return "\n".join(row.rstrip(" ▐") for row in shown(self.view))


async def test_a_growing_text_is_followed() -> None:
    host = Host()
    async with host.run_test(size=(30, 8)) as pilot:
        host.view.show("[", growing=True)
        for number in range(50):
            host.view.feed(f"{number}, ")
            host.view.repaint()
        assert "49" in host.text()
        await pilot.press("tab", "home")
        assert host.text().splitlines()[:2] == [" [", "   0,"]
        host.view.feed("50, ")
        host.view.repaint()
        assert "50" not in host.text()
        await pilot.press("end")
        host.view.feed("51, ")
        host.view.repaint()
        assert "51" in host.text()


async def test_a_whole_text_is_read_from_its_top() -> None:
    host = Host()
    async with host.run_test(size=(30, 8)) as pilot:
        host.view.show(json.dumps(list(range(50))), title="Numbers")
        host.view.repaint()
        assert host.text().splitlines()[:3] == [" Numbers", " [", "   0,"]
        await pilot.press("tab", "pagedown", "down", "up", "pageup")
        assert host.text().splitlines()[1] == " ["
        await pilot.press("c")
        assert json.loads(host.clipboard) == list(range(50))


async def test_it_wraps_anew_when_the_width_changes() -> None:
    host = Host()
    async with host.run_test(size=(60, 12)) as pilot:
        host.view.show(json.dumps({"text": "word " * 12}))
        host.view.repaint()
        wide = host.text()
        await pilot.resize_terminal(24, 12)
        assert "word word" in host.text()
        assert all(len(row) <= 24 for row in host.text().splitlines())
        await pilot.resize_terminal(60, 12)
        assert host.text() == wide


async def test_the_colours_follow_the_theme() -> None:
    host = Host()
    async with host.run_test(size=(30, 8)) as pilot:
        host.view.show('{"key": "value"}')
        host.view.repaint()
        before = [segment.style for segment in host.view.render_line(1)]
        host.theme = "textual-light"
        await pilot.pause()
        after = [segment.style for segment in host.view.render_line(1)]
        assert len(set(map(str, before))) > 2
        assert before != after
