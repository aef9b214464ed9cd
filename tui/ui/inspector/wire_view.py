"""The second tab: the raw events of a run in order, a line each, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.core.models import WireEvent
from tui.core.sanitise import escape_invisible
from tui.ui.inspector.lines import LineWidget, ScreenRow, Scroll, Tone, text_rows
from tui.ui.inspector.measure import size
from tui.ui.thumb import thumb_rows
from tui.ui.wording import one_line

_EMPTY = (
    "The raw events of the run appear here, exactly as the server sent them, in order, with the "
    "time since the run began."
)
_COMPACTED = (
    "Raw events are kept for the newest runs only. Those of this run are gone; its messages and "
    "tool calls are not."
)
_ROOM_FOR_SIZE = 48
# What to see at a glance: the ends of names that mean good, bad or your turn.
_TONES: dict[str, Tone] = {
    "delta": "note",
    "completed": "good",
    "done": "good",
    "failed": "bad",
    "error": "bad",
    "expired": "bad",
    "incomplete": "bad",
    "requires_action": "ask",
}


class WireView(LineWidget):
    """A list that lays out only the lines in view. Without a cursor it follows the newest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Earlier event", show=False),
        Binding("down", "step(1)", "Select", key_display="↑↓", tooltip="Later event"),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "jump(0)", "First event", show=False),
        Binding("end,f", "follow", "Newest event", show=False),
        Binding("enter", "open_or_close", "Open/Close", tooltip="Open the event, or close it"),
        Binding("tab", "app.focus_next", "Into the open event", show=False),
        Binding("c", "copy", "Copy event"),
    ]

    class Chosen(Message):
        """Another event is to be shown in full, or (None) none."""

        def __init__(self, event: WireEvent | None) -> None:
            super().__init__()
            self.event = event

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(id=id)
        self._events: list[WireEvent] = []
        self._compacted = False
        self._began = 0.0
        self._cursor: int | None = None
        self._opened = False
        self._scroll = Scroll()

    @property
    def listed(self) -> Sequence[WireEvent]:
        """What is listed."""
        return self._events

    @property
    def cursor(self) -> int | None:
        """The place of the chosen event."""
        return self._cursor

    @property
    def opened(self) -> bool:
        """Whether the chosen event is shown in full."""
        return self._opened

    def show(self, listed: Sequence[WireEvent], began: float) -> None:
        """List another run's events; ``began`` is the run's start on their monotonic clock."""
        self._events, self._began, self._compacted = list(listed), began, False
        self._scroll = Scroll()
        self._choose(None)

    def merge(self, earlier: Sequence[WireEvent], began: float) -> None:
        """The same run's events from the log; what arrived meanwhile stays behind them."""
        known = earlier[-1].index if earlier else -1
        self._events = [*earlier, *(event for event in self._events if event.index > known)]
        self._began = began

    def tell_compacted(self, compacted: bool) -> None:
        """Whether there were events that are not kept any longer."""
        self._compacted = compacted

    def add(self, event: WireEvent) -> None:
        """One more, unless it is listed already."""
        if not self._events or event.index > self._events[-1].index:
            self._events.append(event)

    # --- showing ---------------------------------------------------------------------------

    def lay_out(self, width: int, height: int) -> list[ScreenRow]:
        """The lines in view."""
        total = len(self._events)
        if not total:
            return text_rows(_COMPACTED if self._compacted else _EMPTY, width)
        first = self._scroll.first(total, height)
        marks = thumb_rows(first, total, height)
        return [
            self._row(place, width)._replace(thumb=place - first in marks)
            for place in range(first, min(total, first + height))
        ]

    def _row(self, place: int, width: int) -> ScreenRow:
        event = self._events[place]
        number = f"{event.index:>{len(str(self._events[-1].index)) + 1}} "
        when = f"{event.mono - self._began:>+8.3f} "
        length = f"{size(event.data):>8} " if width >= _ROOM_FOR_SIZE else ""
        room = max(0, width - len(number) - len(when) - len(length) - 1)
        tone = _TONES.get(event.name.rpartition(".")[2], "plain")
        pieces: tuple[tuple[str, Tone], ...] = (
            (number, "note"),
            (when, "number"),
            (_ending(one_line(event.name, 80), room), tone),
            (length, "note"),
        )
        return ScreenRow(pieces, "cursor" if place == self._cursor else "")

    # --- the reader ------------------------------------------------------------------------

    def scroll_rows(self, by: int, y: int) -> None:
        """Move what is in view; at the end it follows again."""
        self._scroll.move(by, len(self._events), max(1, self.size.height))
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Choose the event that was clicked."""
        place = self._scroll.first(len(self._events), self.size.height) + event.y
        if place < len(self._events):
            self._choose(place)

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._reveal()
        super().on_resize()

    def action_step(self, by: int) -> None:
        """Move the cursor; without one, begin at the newest."""
        here = len(self._events) if self._cursor is None else self._cursor
        self._go(here + by)

    def action_page(self, direction: int) -> None:
        """Move the cursor by what is in view."""
        self.action_step(direction * max(1, self.size.height - 1))

    def action_jump(self, place: int) -> None:
        """Move the cursor to a place."""
        self._go(place)

    def action_follow(self) -> None:
        """Drop the cursor and follow the newest."""
        self._scroll = Scroll()
        self._choose(None)

    def action_open_or_close(self) -> None:
        """Open or close the chosen event, or choose the newest; the cursor stays where it is."""
        if self._cursor is None:
            self._go(len(self._events) - 1)
        else:
            self._choose(self._cursor, opened=not self._opened)

    def action_copy(self) -> None:
        """The chosen or newest event as it came, invisible characters as escapes."""
        if self._events:
            place = -1 if self._cursor is None else self._cursor
            self.copy(escape_invisible(self._events[place].data))

    def _go(self, place: int) -> None:
        if self._events:
            self._choose(min(max(0, place), len(self._events) - 1))

    def _choose(self, cursor: int | None, *, opened: bool = True) -> None:
        self._cursor = cursor
        self._opened = opened and cursor is not None
        self._reveal()
        self.repaint()
        event = self._events[cursor] if opened and cursor is not None else None
        self.post_message(self.Chosen(event))

    def _reveal(self) -> None:
        height = self.size.height
        if self._cursor is None or height < 1:
            return
        first = self._scroll.first(len(self._events), height)
        # A view that follows would move away from the cursor with the next event.
        self._scroll = Scroll(min(max(first, self._cursor - height + 1), self._cursor))


def _ending(name: str, room: int) -> str:
    """The name in exactly ``room`` cells; when it is too long its end says more than its start."""
    if cell_len(name) <= room:
        return set_cell_size(name, room)
    while cell_len(name) >= room > 0:
        _, dot, rest = name.partition(".")
        # A name is cut at a dot where it has one.
        name = rest if dot and rest else name[1:]
    return set_cell_size("…" + name, max(0, room))
