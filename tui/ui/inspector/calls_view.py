"""The first tab: the tool calls of one run, the ones that matter open, growing as they stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from tui.core import events as e
from tui.core.models import CallId, PartId, RunId
from tui.core.sanitise import escape_invisible, sanitise
from tui.core.thread import ToolCall
from tui.core.transcript import Transcript
from tui.ui.inspector.card import Card
from tui.ui.inspector.lines import WORK_SECONDS, LineWidget, ScreenRow, text_rows
from tui.ui.inspector.stack import Slot, arrange

_NOTHING_YET = (
    "No run yet. When the model calls a tool, its arguments appear here letter by letter, then "
    "its output and the times."
)
_WAITING = "No tool calls so far. They appear here the moment the model begins to write one."
_NONE = "This run called no tools."


class CallsView(LineWidget):
    """A heading for each call. Open are the calls of the newest round, or of the selected call.

    They share the room; a selected call is served first. Nothing selected means: follow the
    newest.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Earlier call", show=False),
        Binding("down", "step(1)", "Select", key_display="↑↓", tooltip="Later call"),
        Binding("pageup", "scroll(-1)", "Page up", show=False),
        Binding("pagedown", "scroll(1)", "Page down", key_display="pgup/dn", show=False),
        Binding("home", "jump(0)", "First call", show=False),
        Binding("end,f", "follow", "Newest call", show=False),
        Binding("c", "copy_arguments", "Copy arguments"),
        Binding("o", "copy_output", "Copy output"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(id=id)
        self._transcript = Transcript("")
        self._run_id: RunId | None = None
        self._cards: list[Card] = []
        self._by_part: dict[PartId, Card] = {}
        self._by_call: dict[CallId, Card] = {}
        self._selected: Card | None = None
        self._slots: list[Slot] = []

    @property
    def count(self) -> int:
        """How many calls there are."""
        return len(self._cards)

    @property
    def selected(self) -> ToolCall | None:
        """The call the reader chose, or None while the newest is followed."""
        return self._selected.call if self._selected else None

    def show(self, transcript: Transcript, run_id: RunId | None) -> None:
        """Show the calls of a run; what the reader chose there stays if it is the same run."""
        if (transcript, run_id) == (self._transcript, self._run_id):
            self._find_calls()
            return
        self._transcript, self._run_id = transcript, run_id
        self._cards, self._by_part, self._by_call = [], {}, {}
        self._selected = None
        self._find_calls()

    def apply(self, event: e.Event) -> None:
        """Take notice of an event of this run that the transcript holds already."""
        if isinstance(event, e.ArgumentsDelta):
            if card := self._by_part.get(event.part_id):
                card.more_arguments(event.fragment)
        elif isinstance(event, e.ToolOutputDelta):
            if card := self._by_call.get(event.call_id):
                card.more_printed(event.text)
        elif isinstance(event, e.PartStarted):
            part = self._transcript.parts.get(event.part_id)
            if part is not None and part.tool is not None:
                self._add_call(part.tool)
        else:
            for card in self._settled_by(event):
                card.check()

    def _settled_by(self, event: e.Event) -> Iterator[Card]:
        """The calls of which this event tells the whole arguments or the whole output."""
        found: list[Card | None] = []
        if isinstance(event, e.PartFinished):
            found = [self._by_part.get(event.part_id)]
        elif isinstance(event, e.ToolFinished):
            found = [self._by_call.get(event.call_id)]
        elif isinstance(event, e.TurnFinished):
            found = [self._by_call.get(need.call_id) for need in event.needs]
        return filter(None, found)

    def select_call(self, call_id: CallId) -> bool:
        """Open one call of this run; false if it is not here."""
        card = self._by_call.get(call_id)
        if card is not None:
            self._selected = card
        return card is not None

    def _find_calls(self) -> None:
        if self._run_id is None:
            return
        for call in self._transcript.calls_of(self._run_id):
            self._add_call(call)

    def _add_call(self, call: ToolCall) -> None:
        if call.part_id not in self._by_part:
            run = self._transcript.runs.get(call.run_id)
            card = Card(call, run, self._transcript.parts[call.part_id].message_id)
            self._cards.append(card)
            self._by_part[call.part_id] = self._by_call[call.call_id] = card

    # --- showing ---------------------------------------------------------------------------

    def lay_out(self, width: int, height: int) -> list[ScreenRow]:
        """Headings, and the bodies of the open calls."""
        if not self._cards:
            self._slots = []
            return text_rows(self._empty(), width)
        focus = self._selected or self._cards[-1]
        until = time.monotonic() + WORK_SECONDS
        batch = [place for place, card in enumerate(self._cards) if card.batch == focus.batch]
        if len(batch) > height:
            batch = [self._cards.index(focus)]  # the others have no room
        if any(self._cards[place].work(until) for place in batch):
            self.repaint_soon()
        needs = {
            place: self._cards[place].need(width, selected=self._cards[place] is self._selected)
            for place in batch
        }
        chosen = self._cards.index(focus) if self._selected else None
        self._slots = arrange(len(self._cards), needs, height, chosen=chosen)
        return [row for slot in self._slots for row in self._rows(slot, width)]

    def _rows(self, slot: Slot, width: int) -> list[ScreenRow]:
        if slot.hidden:
            return [ScreenRow(((f"   … {slot.hidden} more", "note"),))]
        card = self._cards[slot.call]
        selected = card is self._selected
        rows = [card.heading(width, selected=selected)]
        if slot.rows:
            rows += card.body(width, slot.rows, selected=selected)
        return rows

    def _empty(self) -> str:
        run = self._transcript.runs.get(self._run_id or "")
        if run is None:
            return _NOTHING_YET
        return _WAITING if run.active else _NONE

    def _slot_at(self, y: int) -> Slot | None:
        for slot in self._slots:
            if y <= slot.rows:
                return slot
            y -= 1 + slot.rows
        return None

    # --- the reader ------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked; again to let it go."""
        slot = self._slot_at(event.y)
        if slot is None or slot.hidden:
            return
        card = self._cards[slot.call]
        self._selected = None if card is self._selected else card
        self.repaint()

    def scroll_rows(self, by: int, y: int) -> None:
        """Scroll the call at that row."""
        slot = self._slot_at(y)
        if slot is None or not slot.rows:
            return
        card = self._cards[slot.call]
        selected = card is self._selected
        card.scroll(by, slot.rows, self.size.width, selected=selected)
        self.repaint()

    def action_step(self, by: int) -> None:
        """Select the call before or after."""
        if not self._cards:
            return
        here = self._cards.index(self._selected) if self._selected else len(self._cards)
        self._select(here + by)

    def action_jump(self, place: int) -> None:
        """Select a call by its place."""
        self._select(place)

    def _select(self, place: int) -> None:
        if self._cards:
            self._selected = self._cards[min(max(0, place), len(self._cards) - 1)]
            self.repaint()

    def action_follow(self) -> None:
        """Let go of the selection and follow the newest calls."""
        self._selected = None
        self.repaint()

    def action_scroll(self, direction: int) -> None:
        """Page through the selected call, or the newest."""
        focus = self._selected or (self._cards[-1] if self._cards else None)
        y = 0
        for slot in self._slots:
            if not slot.hidden and self._cards[slot.call] is focus:
                self.scroll_rows(direction * max(1, slot.rows - 2), y)
                return
            y += 1 + slot.rows

    def action_copy_arguments(self) -> None:
        """The raw arguments of the selected or newest call, invisible characters as escapes."""
        if self._cards:
            call = (self._selected or self._cards[-1]).call
            self.copy(escape_invisible(str(call.arguments)))

    def action_copy_output(self) -> None:
        """The output of the selected or newest call, made safe."""
        if self._cards:
            call = (self._selected or self._cards[-1]).call
            self.copy(sanitise(str(call.output)))
