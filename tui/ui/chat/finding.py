"""Finds words in a conversation: in the sources of its messages, so nothing need be laid out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tui.core.thread import Message, Part
from tui.ui import wording
from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import MessageRow, Row
from tui.ui.chat.row_lines import Shown, line_of


class Match(NamedTuple):
    """Where words were found: the row's position, and the place in a part's words."""

    row: int
    part: Part
    at: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Matches in order have these in order."""
        return self.row, self.part.index, self.at


def pattern_of(words: str) -> re.Pattern[str] | None:
    """What finds the words, in capitals or not; None when there is nothing to find."""
    return re.compile(re.escape(words), re.IGNORECASE) if words.strip() else None


def matches(
    rows: Iterable[Row], message_of: Callable[[MessageRow], Message], pattern: re.Pattern[str]
) -> list[Match]:
    """All matches in the messages among the rows, in order."""
    return [
        Match(place, part, found.start())
        for place, row in enumerate(rows)
        if isinstance(row, MessageRow)
        for part in sorted(message_of(row).parts, key=_index)
        for found in pattern.finditer(_words(part))
    ]


def spans(shown: Shown, pattern: re.Pattern[str] | None) -> Iterator[tuple[int, int, int]]:
    """The characters of a line that match, from where to where, and the place in the words."""
    if pattern is None or shown.part is None:
        return
    pieces = [piece for piece in shown.line.pieces if piece.at >= 0]
    if not pieces:
        return
    # A match may have begun on the line before, and may end on the one after.
    reach = len(pattern.pattern)
    first = min(piece.at for piece in pieces) - reach
    last = max(piece.at + len(piece.text) for piece in pieces) + reach
    for found in pattern.finditer(_words(shown.part), max(0, first), last):
        column = 0
        for text, _, at in shown.line.pieces:
            start, end = max(0, found.start() - at), min(len(text), found.end() - at)
            if at >= 0 and start < end:
                yield column + start, column + end, found.start()
            column += len(text)


def spot_of(column: Column, match: Match) -> Spot:
    """The line on which a match begins, as near as it is shown; its row is laid out."""
    height = column.height_of(match.row)
    lines = column.lines_of(column.rows[match.row])
    if lines is None:
        return Spot(match.row, 0)
    part = (index for index in range(height) if lines.line(index).part is match.part)
    return Spot(match.row, line_of(lines, match.part, match.at, next(part, 0)))


def is_on(match: Match, shown: Shown) -> bool:
    """Whether a match begins on this line."""
    if shown.part is not match.part:
        return False
    return match.part.tool is not None or shown.line.start <= match.at < shown.line.end


def _index(part: Part) -> int:
    return part.index


def _words(part: Part) -> str:
    if part.tool is None:
        return str(part.text)
    return f"{wording.tool_name(part.tool)}  {wording.tool_preview(part.tool)}"
