"""The conversation on screen: one widget for a whole thread, which paints whole lines only."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tui.core.models import CallId, RunId
from tui.core.sanitise import safe_link
from tui.core.thread import Part
from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import Row
from tui.ui.chat.excerpt import excerpt
from tui.ui.chat.palette import chat_palette
from tui.ui.chat.row_lines import RowLines, Shown
from tui.ui.chat.sections import CALL, COPY, FOLD, Answer
from tui.ui.copied import Copied
from tui.ui.markdown import Ink, Palette
from tui.ui.thumb import thumb_rows

_LEFT = 1  # cells between the border and the text
_WHEEL_ROWS = 3
_THUMB = "▐"


class ChatLog(Widget, can_focus=True):
    """``following`` is state: only the reader's wheel, keys or thumb change it."""

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

    class CallSelected(Message):
        """The reader wants to see this call in the inspector."""

        def __init__(self, run_id: RunId, call_id: CallId) -> None:
            super().__init__()
            self.run_id = run_id
            self.call_id = call_id

    class FoldAsked(Message):
        """The reader wants to see a part's text, or no longer."""

        def __init__(self, part: Part) -> None:
            super().__init__()
            self.part = part

    def __init__(self, make: Callable[[Row], RowLines], guess: Callable[[Row, int], int]) -> None:
        super().__init__(id="lines")
        self.column = Column(make, guess)
        self._spots: list[Spot] = []
        self._shown: list[Shown] = []
        self._thumb = range(0)
        self._strips: dict[int, Strip] = {}
        self._palette: Palette | None = None
        self._dragging = False

    # --- painting --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the newest line."""
        return self.column.following

    def repaint(self) -> None:
        """Lay out what is in view and refresh the lines that differ."""
        width, height = self.size
        if width <= _LEFT + 1 or not height:
            return
        self.column.resize(width - _LEFT - 1, height)
        before, thumb = self._shown, self._thumb
        self._spots = self.column.view()
        self._shown = [self.column.shown(spot) for spot in self._spots]
        self._thumb = self._thumb_now()
        changed = [
            y
            for y in range(height)
            if _at(before, y) != _at(self._shown, y) or (y in thumb) != (y in self._thumb)
        ]
        for y in changed:
            self._strips.pop(y, None)
        # Lines next to each other make one region.
        for _, run in groupby(enumerate(changed), key=lambda pair: pair[1] - pair[0]):
            rows = [y for _, y in run]
            self.refresh(Region(0, rows[0], width, len(rows)))

    def _thumb_now(self) -> range:
        first, total = self.column.extent()
        return thumb_rows(first, total, self.size.height)

    def on_resize(self) -> None:
        """Other line breaks, same place."""
        self._shown = []
        self._strips.clear()
        self.repaint()
        self.refresh()

    def notify_style_update(self) -> None:
        """Theme or styles changed."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """One row as Textual wants it."""
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != self.size.width:
            strip = self._strips[y] = self._paint(y)
        return strip

    def _paint(self, y: int) -> Strip:
        palette, width = self._colours(), self.size.width
        plain = palette.style(Ink())
        line, indent, _, _ = _at(self._shown, y)
        strip = line.paint(palette)
        if y < len(self._spots):
            strip = self._selectable(strip, y)
        room = width - _LEFT - indent - 1
        edge = Segment(_THUMB, palette.style(Ink(("thumb",)))) if y in self._thumb else None
        body = strip.adjust_cell_length(room, plain)
        segments = [Segment(" " * (_LEFT + indent), plain), *body, edge or Segment(" ", plain)]
        return Strip(segments, width)

    def _selectable(self, strip: Strip, y: int) -> Strip:
        at = _packed(self._spots[y])
        span = None if self.text_selection is None else self.text_selection.get_span(at)
        if span is not None:
            style = self.screen.get_component_rich_style("screen--selection")
            strip = _highlighted(strip, *span, style)
        return strip.apply_offsets(0, at)

    def _colours(self) -> Palette:
        if self._palette is None:
            self._palette = chat_palette(self.app.current_theme)
        return self._palette

    # --- selecting -------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The source of what is selected."""
        return excerpt(self.column, selection, _unpacked), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected now."""
        self._strips.clear()
        self.refresh()

    # --- the reader moves ------------------------------------------------------------------

    def action_scroll_lines(self, lines: int) -> None:
        """Move by single lines."""
        self.column.move(lines)
        self._moved()

    def action_scroll_pages(self, pages: int) -> None:
        """Move by the height of the view, keeping one line in common."""
        self.action_scroll_lines(pages * max(1, self.size.height - 1))

    def action_scroll_start(self) -> None:
        """Go to the oldest line."""
        self.column.go(Spot(0, 0))
        self._moved()

    def action_follow(self) -> None:
        """Go to the newest line and stay there."""
        self.column.follow()
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll_lines(-_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll_lines(_WHEEL_ROWS)

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
        _, total = self.column.extent()
        room = max(0, total - self.size.height)
        if y >= height:
            self.column.follow()
        else:
            self.column.go_to_line(round(room * max(0, y) / height))
        self._moved()

    def _moved(self) -> None:
        self.repaint()
        self.post_message(self.ReaderScrolled())

    # --- clicking --------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Open a link or a call, fold or unfold, copy code: what the text under it is for."""
        shown = _at(self._shown, event.y)
        piece = shown.line.piece_at(event.x - _LEFT - shown.indent)
        part = shown.part
        if piece is None:
            return
        tones = piece.ink.tones
        if CALL in tones and part is not None and part.tool is not None:
            self.post_message(self.CallSelected(part.tool.run_id, part.tool.call_id))
        elif FOLD in tones and part is not None:
            self.post_message(self.FoldAsked(part))
        elif COPY in tones and isinstance(shown.section, Answer):
            self._copy(shown.section.code(shown.line.block))
        elif piece.ink.link and (link := safe_link(piece.ink.link)):
            self.app.open_url(link)

    def _copy(self, text: str) -> None:
        if text:
            self.app.copy_to_clipboard(text)
            self.post_message(Copied(len(text)))


def _at(shown: list[Shown], y: int) -> Shown:
    return shown[y] if 0 <= y < len(shown) else Shown()


# A line's place in the column as one number, in order: what a selection is remembered by.
_LINES = 1 << 24


def _packed(spot: Spot) -> int:
    return spot.row * _LINES + spot.line


def _unpacked(at: int) -> Spot:
    return Spot(*divmod(at, _LINES))


def _highlighted(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """The strip with these characters selected; ``end`` -1 is its end."""
    segments: list[Segment] = []
    at = 0
    for segment in strip:
        text = segment.text
        first, last = max(0, start - at), len(text) if end < 0 else max(0, min(len(text), end - at))
        at += len(text)
        if first >= last:
            segments.append(segment)
            continue
        before, within, after = text[:first], text[first:last], text[last:]
        base = segment.style
        marked = style if base is None else base + style
        pieces = ((before, base), (within, marked), (after, base))
        segments += [Segment(piece, look) for piece, look in pieces if piece]
    return Strip(segments, strip.cell_length)
