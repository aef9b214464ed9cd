"""Find in the conversation: a line below it, in which one types what is looked for."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from tui.core.models import PartKind
from tui.core.thread import Message, Part
from tui.ui.chat.column import Spot
from tui.ui.chat.entries import MessageRow
from tui.ui.chat.finding import Match, matches, pattern_of
from tui.ui.chat.reading import ReadableLog


class FindBar(Horizontal):
    """The nearest match from where one is upwards is shown first; the others are a key away.

    ``unfold(part, True)`` shows folded reasoning, and False folds it again; it says whether that
    changed anything.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "step(1)", "Next", key_display="enter or ↓"),
        Binding("up,shift+enter", "step(-1)", "Before", key_display="↑"),
        Binding("tab", "leave", "Stay there; n and N go on", show=False),
        Binding("escape", "return", "Back to the place"),
    ]

    def __init__(
        self,
        log: ReadableLog,
        message_of: Callable[[MessageRow], Message],
        unfold: Callable[[Part, bool], bool],
    ) -> None:
        super().__init__(id="find")
        self._log = log
        self._message_of = message_of
        self._unfold = unfold
        self._pattern: re.Pattern[str] | None = None
        self._match: Match | None = None
        self._unfolded: Part | None = None
        self._top: Spot | None = None  # where the reader was; None is at the end
        self._from = (0, 0, 0)
        self.display = False

    def compose(self) -> ComposeResult:
        """The words, and how many matches there are."""
        yield Static("Find ", markup=False)
        yield Input(compact=True)
        yield Static("", markup=False, id="found")

    def open(self) -> None:
        """Ask for the words; who has asked already goes on with those."""
        line = self.query_one(Input)
        if not self.display:
            self.display = True
            line.value = ""
            self._begin()
        line.focus()

    def close(self) -> None:
        """Show nothing as found any more; the view stays."""
        self.display = False
        self._pattern = self._match = self._unfolded = None
        self._log.show_found(None, None)

    def _begin(self) -> None:
        column = self._log.column
        view = column.view()
        self._top = None if column.following or not view else view[0]
        shown = ((spot, column.shown(spot)) for spot in reversed(view))
        ends = ((s.row, each.part.index, each.line.end) for s, each in shown if each.part)
        self._from = next(ends, (0, 0, 0))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._pattern = pattern_of(event.value)
        found = self._search()
        place = bisect_right(found, self._from, key=_order)
        self._go(found, max(0, place - 1))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(1)

    def action_step(self, step: int) -> None:
        """The next match (1) or the one before (-1), around the ends."""
        found = self._search()
        if self._match is None or not found:
            self._go(found, 0)
            return
        side = bisect_right if step > 0 else bisect_left
        place = side(found, self._match.order, key=_order) - (step < 0)
        self._go(found, place % len(found))

    def _search(self) -> list[Match]:
        if self._pattern is None:
            return []
        return matches(self._log.column.rows, self._message_of, self._pattern)

    def _go(self, found: list[Match], place: int) -> None:
        self._match = found[place] if found else None
        self._show_reasoning(None if self._match is None else self._match.part)
        self._log.show_found(self._pattern, self._match)
        told = f"{place + 1:,} of {len(found):,}" if found else "not found"
        self.query_one("#found", Static).update("" if self._pattern is None else f" {told}")

    def _show_reasoning(self, part: Part | None) -> None:
        """Unfold what holds the match, and fold what was unfolded for one before."""
        if self._unfolded is not None and self._unfolded is not part:
            self._unfold(self._unfolded, False)
            self._unfolded = None
        is_folded = part is not None and part.kind is PartKind.REASONING
        if part is not None and is_folded and self._unfold(part, True):
            self._unfolded = part

    def action_leave(self) -> None:
        """Read on at the match; what was found stays marked."""
        self._log.focus()

    def action_return(self) -> None:
        """Close, and go back to where the reader was."""
        self._show_reasoning(None)
        self.close()
        if self._top is None:
            self._log.column.follow()
        else:
            self._log.column.go(self._top)
        self._log.moved()
        self._log.focus()


def _order(match: Match) -> tuple[int, int, int]:
    return match.order
