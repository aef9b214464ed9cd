"""Selecting text of the conversation with the mouse or by keys; what is copied is the source."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from tui.ui.chat.column import Spot
from tui.ui.chat.excerpt import excerpt
from tui.ui.chat.log import ChatLog
from tui.ui.markdown import Ink

_WHOLE_LINE = 1 << 20
# A line's place in the column as one number, in order: what a selection is remembered by.
_LINES = 1 << 24


def _packed(spot: Spot) -> int:
    """The line as a number."""
    return spot.row * _LINES + spot.line


def _unpacked(at: int) -> Spot:
    """The line that ``packed`` made a number."""
    return Spot(*divmod(at, _LINES))


class SelectableLog(ChatLog):
    """The mouse selects characters, keys select whole lines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "select", "Select lines; arrows extend, Esc ends", show=False),
    ]
    _anchor: Spot | None = None  # where the selection by keys began,
    _head = Spot(0, 0)  # and where it is now

    def _with_marks(self, strip: Strip, y: int) -> Strip:
        at = _packed(self._spots[y])
        span = None if self.text_selection is None else self.text_selection.get_span(at)
        if span is not None:
            # The colour of its text may be see-through, which a line of cells cannot be.
            ground = self.screen.get_component_rich_style("screen--selection").bgcolor
            style = Style(color=self._colours().style(Ink()).color, bgcolor=ground)
            strip = highlighted(strip, *span, style)
        return strip.apply_offsets(0, at)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The source of what is selected."""
        return excerpt(self.column, selection, _unpacked), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected now."""
        if selection is None:
            self._anchor = None
        self.restyle()

    # --- by keys ---------------------------------------------------------------------------

    def action_select(self) -> None:
        """Begin to select lines."""
        if (begin := self._first_to_select()) is not None:
            self._anchor = self._head = begin
            self._select(begin)

    def _first_to_select(self) -> Spot | None:
        """Where a selection begins: at the lowest line in view."""
        return next(reversed(self._spots), None)

    def action_scroll_lines(self, lines: int) -> None:
        """Move by lines; while lines are selected, move the end of the selection."""
        if self._anchor is None or self.text_selection is None:
            super().action_scroll_lines(lines)
            return
        self._head = self.column.walked(self._head, lines)
        self.column.reveal(self._head)
        self.moved()
        self._select(self._anchor)

    def _select(self, anchor: Spot) -> None:
        first, last = sorted((anchor, self._head))
        ends = Offset(0, _packed(first)), Offset(_WHOLE_LINE, _packed(last))
        self.screen.selections = {self: Selection(*ends)}

    def key_escape(self, event: events.Key) -> None:
        """Drop the selection; without one the key means something else."""
        if self.text_selection is not None:
            event.stop()  # the screen would drop it too, and then do what else the key means
            self.screen.clear_selection()


def highlighted(strip: Strip, start: int, end: int, style: Style) -> Strip:
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
