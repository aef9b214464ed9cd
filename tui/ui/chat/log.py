"""The conversation on screen: one widget for a whole thread, which paints whole lines only."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import Row
from tui.ui.chat.palette import chat_palette
from tui.ui.chat.row_lines import RowLines, Shown
from tui.ui.markdown import Ink, Palette
from tui.ui.thumb import thumb_rows

LEFT = 1  # cells between the border and the text
_WHEEL_ROWS = 3
_THUMB = "▐"


class _Place(NamedTuple):
    """What a row of the screen shows."""

    spot: Spot | None
    has_thumb: bool
    shown: Shown


class ChatLog(Widget, can_focus=True):
    """``following`` is state: only the reader's wheel, keys or thumb change it.

    This is how the conversation is painted and moved; what else one does there is ``ReadableLog``.
    """

    DEFAULT_CSS = "ChatLog { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False),
        Binding("down", "scroll_lines(1)", "Down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up"),
        Binding("pagedown", "scroll_pages(1)", "Page down"),
        Binding("home", "scroll_start", "Oldest", show=False),
        Binding("end", "follow", "Newest"),
    ]

    class ReaderScrolled(Message):
        """The reader moved the view."""

    def __init__(self, make: Callable[[Row], RowLines], guess: Callable[[Row, int], int]) -> None:
        super().__init__(id="lines")
        self.column = Column(make, guess)
        self._spots: list[Spot] = []
        self._shown: list[Shown] = []
        self._thumb = range(0)
        self._strips: dict[int, Strip] = {}
        self._palette: Palette | None = None
        self._ground: Color | None = None
        self._dragging = False

    # --- painting --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the newest line."""
        return self.column.following

    def repaint(self) -> None:
        """Lay out what is in view and refresh the lines that differ."""
        width, height = self.size
        if width <= LEFT + 1 or not height:
            self._spots, self._shown = [], []  # there is no room for any line
            return
        self.column.resize(width - LEFT - 1, height)
        before = [self._place(y) for y in range(height)]
        self._spots = self.column.view()
        self._shown = [self.column.shown(spot) for spot in self._spots]
        self._thumb = self._thumb_now()
        now = [self._place(y) for y in range(height)]
        self._move_strips(before, now)
        changed = [y for y in range(height) if before[y] != now[y]]
        # Lines next to each other make one region.
        for _, run in groupby(enumerate(changed), key=lambda pair: pair[1] - pair[0]):
            rows = [y for _, y in run]
            self.refresh(Region(0, rows[0], width, len(rows)))

    def _place(self, y: int) -> _Place:
        """What is to be seen there.

        The same words elsewhere are another line: what is selected and marked goes by its spot.
        """
        spot = self._spots[y] if y < len(self._spots) else None
        return _Place(spot, y in self._thumb, _at(self._shown, y))

    def _move_strips(self, before: list[_Place], now: list[_Place]) -> None:
        """A line that only moved keeps the strip that it has."""
        known = {
            (place.spot, place.has_thumb): (place, self._strips[y])
            for y, place in enumerate(before)
            if y in self._strips
        }
        found = ((y, place, known.get(place[:2])) for y, place in enumerate(now))
        self._strips = {y: old[1] for y, place, old in found if old and old[0] == place}

    def restyle(self) -> None:
        """Paint the same lines anew."""
        self._strips.clear()
        self.refresh()

    def _thumb_now(self) -> range:
        first, total = self.column.extent(self._spots)
        return thumb_rows(first, total, self.size.height)

    def on_resize(self) -> None:
        """Other line breaks, same place."""
        self._spots, self._shown = [], []
        self._strips.clear()
        self.repaint()
        self.refresh()

    def notify_style_update(self) -> None:
        """Theme or styles changed."""
        super().notify_style_update()
        self._palette = self._ground = None
        self._strips.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """These lines for the screen. Textual has nothing to add: no border, no padding."""
        strips = [self.render_line(y) for y in crop.line_range]
        left, right = crop.column_span
        if (left, right) != (0, self.size.width):
            strips = [strip.crop(left, right) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """One line; Textual asks for it to learn what is under the mouse."""
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != self.size.width:
            strip = self._strips[y] = self._filtered(self._paint(y))
        return strip

    def _filtered(self, strip: Strip) -> Strip:
        """On the background, and through the filters that every painted line passes."""
        if self._ground is None:
            self._ground = self.background_colors[1]
        strip = strip.apply_style(Style.from_color(bgcolor=self._ground.rich_color))
        for each in self.get_line_filters():
            strip = strip.apply_filter(each, self._ground)
        return strip

    def _paint(self, y: int) -> Strip:
        palette, width = self._colours(), self.size.width
        plain = palette.style(Ink())
        line, indent, _, _ = _at(self._shown, y)
        strip = line.paint(palette)
        left = [Segment(" " * (LEFT + indent), plain)]
        if y < len(self._spots):
            strip = self._with_marks(strip, y)
            if bar := self._bar(y):
                left = [Segment(bar, palette.style(Ink(("mark",)))), Segment(" " * indent, plain)]
        room = width - LEFT - indent - 1
        edge = Segment(_THUMB, palette.style(Ink(("thumb",)))) if y in self._thumb else None
        body = strip.adjust_cell_length(room, plain)
        return Strip([*left, *body, edge or Segment(" ", plain)], width)

    def _with_marks(self, strip: Strip, y: int) -> Strip:
        """The line with what is selected or found on it."""
        return strip

    def _bar(self, y: int) -> str:
        """What is to the left of a line: one cell, or nothing."""
        return ""

    def _colours(self) -> Palette:
        if self._palette is None:
            self._palette = chat_palette(self.app.current_theme)
        return self._palette

    # --- the reader moves ------------------------------------------------------------------

    def action_scroll_lines(self, lines: int) -> None:
        """Move by single lines."""
        self.scroll_by(lines)

    def scroll_by(self, lines: int) -> None:
        """Move the view."""
        self.column.move(lines)
        self.moved()

    def action_scroll_pages(self, pages: int) -> None:
        """Move by the height of the view, keeping one line in common."""
        self.action_scroll_lines(pages * max(1, self.size.height - 1))

    def action_scroll_start(self) -> None:
        """Go to the oldest line."""
        self.column.go(Spot(0, 0))
        self.moved()

    def action_follow(self) -> None:
        """Go to the newest line and stay there."""
        self.column.follow()
        self.moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.scroll_by(-_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.scroll_by(_WHEEL_ROWS)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the scroll mark."""
        if event.x == self.size.width - 1:
            event.stop()
            self.capture_mouse()
            self._dragging = True
            self._drag_to(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the scroll mark."""
        if self._dragging:
            event.stop()
            self._drag_to(event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of it."""
        if self._dragging:
            event.stop()
            self._dragging = False
            self.release_mouse()

    def _drag_to(self, y: int) -> None:
        height = max(1, self.size.height - 1)
        _, total = self.column.extent(self._spots)
        room = max(0, total - self.size.height)
        if y >= height:
            self.column.follow()
        else:
            self.column.go_to_line(round(room * max(0, y) / height))
        self.moved()

    def moved(self) -> None:
        """The reader moved the view."""
        self.repaint()
        self.post_message(self.ReaderScrolled())


def _at(shown: list[Shown], y: int) -> Shown:
    return shown[y] if 0 <= y < len(shown) else Shown()
