"""A conversation of any length as a column of lines: which of them are in view, and why.

Only rows that come into view are laid out. The heights of all others are estimates, which serve
the scroll mark alone: where the reader is, is a row and a line in it, so nothing that happens above
moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.core.thread import Part
from tui.ui.chat.entries import Row, same
from tui.ui.chat.heights import Heights
from tui.ui.chat.row_lines import RowLines, Shown, line_of


class Spot(NamedTuple):
    """A line of the column: the row's position, and which of its lines."""

    row: int
    line: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is at the top of the view, so that it is found again at another width."""

    part: Part | None
    at: int
    share: float


class Column:
    """Rows, and the view on them. ``make`` builds what a row shows, ``guess`` its height.

    ``following``: the view stays at the end, whatever comes.
    """

    def __init__(self, make: Callable[[Row], RowLines], guess: Callable[[Row, int], int]) -> None:
        self._make = make
        self._guess = guess
        self._rows: list[Row] = []
        self._made: dict[Row, RowLines] = {}
        self._fitted: set[Row] = set()
        self._heights = Heights()
        self._top = Spot(0, 0)
        self._kept: tuple[Spot, _Mark | None] = (self._top, None)
        self.width = 0
        self.height = 0
        self.following = True

    # --- what there is ---------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, the oldest first."""
        return self._rows

    def begin(self, rows: list[Row]) -> None:
        """Show these rows instead, from their end."""
        self._rows = rows
        self._made.clear()
        self._fitted.clear()
        self.following = True
        self._measure(0)

    def change(self, rows: list[Row]) -> None:
        """The same conversation with other rows; the reader stays where they are."""
        begin = 0
        both = min(len(rows), len(self._rows))
        while begin < both and rows[begin] == self._rows[begin]:
            begin += 1
        for row in self._rows[begin:]:
            self._forget(row)
        place, line = self._top
        reading = self._rows[place] if place < len(self._rows) else None
        self._rows = rows
        self._measure(begin)
        if reading is not None and place >= begin:
            places = (each for each, row in enumerate(rows) if same(row, reading))
            spot, mark = self._kept
            is_kept = spot == self._top
            self._top = Spot(next(places, min(place, max(0, len(rows) - 1))), line)
            self._kept = self._top, mark if is_kept else None

    def restart(self, rows: list[Row]) -> None:
        """Rows of another copy of the same conversation: nothing that was laid out is kept."""
        place, line = self._top
        reading = self._rows[place] if place < len(self._rows) else None
        following = self.following
        self.begin(rows)
        if following or reading is None:
            return
        found = next((each for each, row in enumerate(rows) if same(row, reading)), None)
        if found is not None:
            self.following = False
            self._top = Spot(found, line)

    def lines_of(self, row: Row) -> RowLines | None:
        """What a row shows, if it was in view."""
        return self._made.get(row)

    def changed(self, row: Row) -> None:
        """What a row shows has changed."""
        made = self._made.get(row)
        if made is not None:
            made.sync()

    def _forget(self, row: Row) -> None:
        self._made.pop(row, None)
        self._fitted.discard(row)

    def _measure(self, begin: int) -> None:
        """Take the heights of the rows from there on."""
        if begin == 0:
            self._heights = Heights(map(self._height_now, self._rows))
            return
        self._heights.truncate(begin)
        for row in self._rows[begin:]:
            self._heights.append(self._height_now(row))

    def _height_now(self, row: Row) -> int:
        if row in self._fitted:
            return self._made[row].height
        return self._guess(row, max(1, self.width))

    def _laid_out(self, place: int) -> RowLines:
        """The row as it is now, its height known."""
        row = self._rows[place]
        lines = self._made.get(row)
        if lines is None:
            lines = self._made[row] = self._make(row)
        if row not in self._fitted:
            lines.fit(max(1, self.width))
            self._fitted.add(row)
        self._heights[place] = lines.height
        return lines

    # --- the view --------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """The view has another size."""
        if width != self.width:
            # Of several widths in a row all show the same place, however often lines break anew.
            spot, mark = self._kept
            if spot != self._top or mark is None or self.following:
                mark = self._mark()
            self.width = width
            self._fitted.clear()
            self._measure(0)
            self._return_to(mark)
            self._kept = self._top, mark
        self.height = height

    def view(self) -> list[Spot]:
        """The lines in view, from the top; fewer than the height when there are no more."""
        if not self._rows or self.height < 1:
            return []
        if self.following:
            return self._up_from_end()
        spots = self._down_from(self._top)
        if len(spots) < self.height:
            # The end came nearer: there is nothing to show below it.
            spots = self._up_from_end()
        # What is seen on top is the reader's place, also where the end or an empty row moved it.
        self._top = next(iter(spots), self._top)
        return spots

    def at_end(self) -> bool:
        """Whether the newest line is in view."""
        spots = self.view()
        return not spots or spots[-1] == self._last_spot()

    def shown(self, spot: Spot) -> Shown:
        """A line of a row that was laid out."""
        return self._laid_out(spot.row).line(spot.line)

    def height_of(self, place: int) -> int:
        """How many lines the row at that position has."""
        return self._laid_out(place).height

    def _up_from_end(self) -> list[Spot]:
        found: list[Spot] = []
        for place in range(len(self._rows) - 1, -1, -1):
            height = self._laid_out(place).height
            take = min(height, self.height - len(found))
            found += [Spot(place, line) for line in range(height - 1, height - take - 1, -1)]
            if len(found) == self.height:
                break
        return found[::-1]

    def _down_from(self, top: Spot) -> list[Spot]:
        found: list[Spot] = []
        begin = min(top.line, max(0, self._laid_out(top.row).height - 1))
        for place in range(top.row, len(self._rows)):
            height = self._laid_out(place).height
            end = min(height, begin + self.height - len(found))
            found += [Spot(place, line) for line in range(begin, end)]
            begin = 0
            if len(found) == self.height:
                break
        return found

    def _last_spot(self) -> Spot:
        for place in range(len(self._rows) - 1, -1, -1):
            if height := self._laid_out(place).height:
                return Spot(place, height - 1)
        return Spot(0, 0)

    # --- the reader moves ------------------------------------------------------------------

    def move(self, by: int) -> None:
        """Scroll by lines; who comes to the end follows it again."""
        spots = self.view()
        if not spots:
            return
        self._top = self.walked(spots[0], by)
        self.following = False
        self.following = self.at_end()

    def go(self, spot: Spot) -> None:
        """Put that line on top, or the end in view if that is nearer."""
        self._top, self.following = spot, False
        self.following = self.at_end()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True

    def go_to_line(self, line: int) -> None:
        """Go about there: lines count from the top, as far as heights are known."""
        if self._rows:
            self.go(Spot(*self._heights.find(line)))

    def reveal(self, spot: Spot, margin: int = 0) -> None:
        """Bring a line into view, that many lines away from its edge; else nothing moves."""
        spots = self.view()
        if spot in spots or not spots:
            return
        margin = min(margin, self.height // 2)
        above = margin if spot < spots[0] else self.height - 1 - margin
        self.go(self.walked(spot, -above))

    def walked(self, spot: Spot, by: int) -> Spot:
        """The line so many lines below; above when negative; the last one if there are no more."""
        place, line = spot.row, spot.line + by
        while line < 0 and place > 0:
            place -= 1
            line += self._laid_out(place).height
        while place < len(self._rows) - 1 and line >= (height := self._laid_out(place).height):
            line -= height
            place += 1
        return Spot(place, max(0, min(line, self._laid_out(place).height - 1)))

    # --- the scroll mark -------------------------------------------------------------------

    def extent(self, spots: Sequence[Spot]) -> tuple[int, int]:
        """The first of these lines in view and how many there are, as far as heights are known."""
        first = self._heights.top(spots[0].row) + spots[0].line if spots else 0
        return first, self._heights.total

    # --- another width ---------------------------------------------------------------------

    def _mark(self) -> _Mark | None:
        if self.following or not self._rows:
            return None
        lines = self._laid_out(self._top.row)
        shown = lines.line(self._top.line)
        return _Mark(shown.part, shown.line.start, self._top.line / max(1, lines.height))

    def _return_to(self, mark: _Mark | None) -> None:
        if mark is None:
            return
        lines = self._laid_out(self._top.row)
        line = round(mark.share * lines.height)
        if mark.part is not None:
            line = line_of(lines, mark.part, mark.at, line)
        self._top = Spot(self._top.row, line)
