"""What a selection in the conversation means: the source of the text it covers, not its looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textual.selection import Selection

from tui.core.thread import Part
from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import MessageRow
from tui.ui.chat.row_lines import Shown
from tui.ui.markdown import Line


def excerpt(column: Column, selection: Selection, spot_at: Callable[[int], Spot]) -> str:
    """The source of everything from the start of the selection to its end.

    Messages are parted by a blank line. Lines that we drew ourselves (names, states, rules) are
    no source and are left out; where nothing else is selected they are given as they are read.
    """
    first = Spot(0, 0) if selection.start is None else spot_at(selection.start.y)
    last_row = len(column.rows) - 1
    last = Spot(last_row, 1 << 23) if selection.end is None else spot_at(selection.end.y)
    start_x = 0 if selection.start is None else selection.start.x
    end_x = None if selection.end is None else selection.end.x
    pieces = []
    for place in range(first.row, min(last.row, last_row) + 1):
        begins, ends = place == first.row, place == last.row
        if isinstance(column.rows[place], MessageRow):
            lines = _lines(column, place, first if begins else None, last if ends else None)
            text = _source(list(lines), start_x if begins else 0, end_x if ends else None)
            pieces += [text] if text else []
    return "\n\n".join(pieces) or _as_read(column, first, last, start_x, end_x)


def _lines(column: Column, place: int, first: Spot | None, last: Spot | None) -> Iterator[Shown]:
    height = column.height_of(place)
    begin = 0 if first is None else first.line
    end = height if last is None else min(height, last.line + 1)
    return (column.shown(Spot(place, line)) for line in range(begin, end))


def _source(lines: list[Shown], start_x: int, end_x: int | None) -> str:
    """The source of these lines of one message; both ends may be within a line."""
    ranges: dict[str, tuple[Part, int, int]] = {}
    for number, (line, _, part, _) in enumerate(lines):
        if part is None or part.tool is not None or line.end <= line.start:
            continue
        start, end = line.start, line.end
        if number == 0:
            start = max(start, _place(line, start_x, start))
        if number == len(lines) - 1 and end_x is not None:
            end = min(end, _place(line, end_x, end))
        _, known_start, known_end = ranges.get(part.id, (part, start, end))
        ranges[part.id] = part, min(known_start, start), max(known_end, end)
    texts = [str(part.text)[start:end] for part, start, end in ranges.values()]
    return "\n\n".join(text.strip("\n") for text in texts if text.strip())


def _place(line: Line, x: int, otherwise: int) -> int:
    """Where in the source the character at ``x`` of a line is."""
    for text, _, at in line.pieces:
        if x < len(text):
            return at + x if at >= 0 else otherwise
        x -= len(text)
    return otherwise


def _as_read(column: Column, first: Spot, last: Spot, start_x: int, end_x: int | None) -> str:
    if first.row != last.row:
        return ""
    lines = [shown.line.plain for shown in _lines(column, first.row, first, last)]
    if not lines:
        return ""
    if end_x is not None:
        lines[-1] = lines[-1][:end_x]
    lines[0] = lines[0][start_x:]
    return "\n".join(line.rstrip() for line in lines)
