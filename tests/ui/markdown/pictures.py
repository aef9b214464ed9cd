"""Renders Markdown to PNG: ``python -m tests.ui.markdown.pictures DIR [FILE] [WIDTH]``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import cairosvg  # type: ignore[import-untyped]  # it ships no types
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from tui.ui.markdown import MarkdownStream, palette_of, render
from tui.ui.themes import THEMES

_REFERENCE = Path(__file__).parent / "reference.md"


class _Page(Widget):
    def __init__(self, stream: MarkdownStream, theme: Theme) -> None:
        super().__init__()
        self._stream = stream
        self._palette = palette_of(theme)

    def render_line(self, y: int) -> Strip:
        return self._stream.lines[y].paint(self._palette)


class _Viewer(App[None]):
    def __init__(self, stream: MarkdownStream, theme: Theme) -> None:
        super().__init__()
        self._stream = stream
        self._shown = theme

    def on_mount(self) -> None:
        self.register_theme(self._shown)
        self.theme = self._shown.name

    def compose(self) -> ComposeResult:
        yield _Page(self._stream, self._shown)


async def _draw(stream: MarkdownStream, theme: Theme) -> str:
    app = _Viewer(stream, theme)
    async with app.run_test(size=(stream.width, len(stream.lines))):
        return app.export_screenshot(title=theme.name)


def main(target: str, source: str = str(_REFERENCE), width: str = "80") -> None:
    """Write one picture a theme."""
    text = Path(source).read_text(encoding="utf-8")
    for theme in THEMES:
        svg = asyncio.run(_draw(render(text, int(width)), theme))
        # The SVG asks for a web font; a picture has to make do with one that is installed.
        svg = svg.replace("Fira Code", "DejaVu Sans Mono")
        path = Path(target) / f"{theme.name}-{width}.png"
        cairosvg.svg2png(svg.encode(), write_to=str(path), scale=1)
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
