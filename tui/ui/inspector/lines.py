"""A widget made of whole rows: paints only those that changed, and never more than fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui.ui.arguments import Kind
from tui.ui.copied import Copied
from tui.ui.inspector.document import Document

# The colour of a piece: a kind of JSON, or one of the names in lines.tcss.
Tone: TypeAlias = Kind | str
_NAMES = (
    *("key", "string", "number", "literal", "punctuation", "plain", "invalid"),
    *("note", "gutter", "name", "active", "good", "bad", "ask", "thumb"),
    *("head", "cursor", "tab", "tab-active"),
)
_THUMB = "▐"
_WHEEL_ROWS = 3
# How long a frame may lay out what is still to be laid out, and when the next one does.
WORK_SECONDS = 0.02
_SOON_SECONDS = 1 / 30


class ScreenRow(NamedTuple):
    """One row: pieces of sanitised text, the tone below all of them, and the scroll mark."""

    pieces: tuple[tuple[str, Tone], ...] = ()
    base: str = ""
    thumb: bool = False


@dataclass(slots=True)
class Scroll:
    """A place in rows that may grow: ``top`` is the first row shown, None follows the end."""

    top: int | None = None

    def first(self, total: int, height: int) -> int:
        """The first row shown when there are ``total`` and ``height`` fit."""
        end = max(0, total - height)
        return end if self.top is None else min(self.top, end)

    def move(self, by: int, total: int, height: int) -> None:
        """Go up or down; who comes to the end follows it again."""
        end = max(0, total - height)
        top = max(0, self.first(total, height) + by)
        self.top = None if top >= end else top


class LineWidget(Widget, can_focus=True):
    """Subclasses say in ``lay_out`` what each row holds; ``repaint`` shows what changed."""

    ALLOW_SELECT = False
    DEFAULT_CSS = (Path(__file__).parent / "lines.tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in _NAMES}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(id=id)
        self._screen_rows: list[ScreenRow] = []
        self._strips: dict[int, Strip] = {}
        self._styles: dict[tuple[str, Tone], Style] = {}
        self._soon: Timer | None = None

    def copy(self, text: str) -> None:
        """Put harmless text on the clipboard, and let it be said."""
        if text:
            self.app.copy_to_clipboard(text)
        self.post_message(Copied(len(text)))

    def lay_out(self, width: int, height: int) -> Sequence[ScreenRow]:
        """At most ``height`` rows of at most ``width`` cells, both at least 1."""
        raise NotImplementedError

    def scroll_rows(self, by: int, y: int) -> None:
        """The wheel turned over row ``y``; nothing to scroll unless a subclass says so."""

    def repaint(self) -> None:
        """Lay out again and refresh the rows that differ."""
        width, height = self.size
        if not width or not height:
            return
        old, new = self._screen_rows, list(self.lay_out(width, height))[:height]
        self._screen_rows = new
        blank = ScreenRow()
        changed = [
            y
            for y in range(max(len(old), len(new)))
            if (old[y] if y < len(old) else blank) != (new[y] if y < len(new) else blank)
        ]
        for y in changed:
            self._strips.pop(y, None)
        # Rows next to each other make one region.
        for _, run in groupby(enumerate(changed), key=lambda pair: pair[1] - pair[0]):
            rows = [y for _, y in run]
            self.refresh(Region(0, rows[0], width, len(rows)))

    def repaint_soon(self) -> None:
        """Not all could be laid out in this frame; another one comes by itself."""
        if self._soon is None and self.is_attached:
            self._soon = self.set_timer(_SOON_SECONDS, self._repaint_more)

    def _repaint_more(self) -> None:
        self._soon = None
        self.repaint()

    def on_resize(self) -> None:
        """Everything is wrapped anew."""
        self._strips.clear()
        self._screen_rows = []
        self.repaint()
        self.refresh()

    def notify_style_update(self) -> None:
        """Theme, focus or styles changed."""
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll what is below the pointer."""
        event.stop()
        self.scroll_rows(_WHEEL_ROWS, event.y)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll what is below the pointer."""
        event.stop()
        self.scroll_rows(-_WHEEL_ROWS, event.y)

    def render_line(self, y: int) -> Strip:
        """One row as Textual wants it."""
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != self.size.width:
            row = self._screen_rows[y] if y < len(self._screen_rows) else ScreenRow()
            strip = self._strips[y] = self._paint(row, self.size.width)
        return strip

    def _paint(self, row: ScreenRow, width: int) -> Strip:
        room = width - 1 if row.thumb else width
        segments = [Segment(text, self._style(row.base, tone)) for text, tone in row.pieces]
        strip = Strip(segments).adjust_cell_length(room, self._style(row.base, Kind.PLAIN))
        if not row.thumb:
            return strip
        return Strip([*strip, Segment(_THUMB, self._style(row.base, "thumb"))], width)

    def _style(self, base: str, tone: Tone) -> Style:
        style = self._styles.get((base, tone))
        if style is None:
            name = tone.name.lower() if isinstance(tone, Kind) else tone
            names = (f"lines--{each}" for each in (base, name) if each)
            style = self._styles[base, tone] = self.get_visual_style(*names).rich_style
        return style


def text_rows(text: str, width: int, tone: Tone = "note") -> list[ScreenRow]:
    """A sentence of ours, wrapped between blanks at both sides."""
    rows = Document(text, plain=True).rows(width - 2)
    return [
        ScreenRow(((" ", tone), *((piece, tone) for piece, _ in rows[index])))
        for index in range(len(rows))
    ]
