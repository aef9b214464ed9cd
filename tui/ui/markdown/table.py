"""Tables: columns get their widths from the first rows and keep them, so that rows stay put.

A table of more rows than ``_SAMPLE`` is laid out with what those need and a little more; a longer
cell further down is wrapped. Rows that are too wide for columns are shown one below the other, as
names and values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from tui.ui.markdown.page import NEWLINE, Ink, Piece, Row, width_of
from tui.ui.markdown.pen import Pen
from tui.ui.markdown.wrap import Wrapper

_SAMPLE = 16
_BETWEEN = 2  # cells between columns
_SLACK = 6  # cells that a column gets for longer rows to come, if there is room
_LONGEST = 4096  # characters of a line that are one row: what is behind them is the next
_NARROWEST = 8  # a column that has less room than it needs has at least this much
_DELIMITER = re.compile(r"^(?!-(?:\s|$)) {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_CELL = re.compile(r"(?:\\.|[^|\\])*", re.DOTALL)

Cell: TypeAlias = tuple[Piece, ...]


@dataclass(slots=True)
class _Cells:
    """One row of the source, parsed; remembers how it was laid out last."""

    cells: list[Cell]
    end: int
    widths: tuple[int, ...] = ()
    rows: list[Row] = field(default_factory=list)


class _Shape(NamedTuple):
    """How the table is laid out: the widths of its columns, or none for names and values."""

    widths: tuple[int, ...]
    airy: bool  # rows are parted by a blank line, as some take several lines


def delimiters(line: str) -> list[str] | None:
    """The alignments that a line below a header gives, if it is one."""
    if not _DELIMITER.match(line):
        return None
    return [
        "center"
        if cell.startswith(":") and cell.endswith(":")
        else "right"
        if cell.endswith(":")
        else "left"
        for cell, _ in split_cells(line, 0)
    ]


def split_cells(line: str, at: int) -> list[tuple[str, int]]:
    """The cells of a line with their places."""
    start = len(line) - len(line.lstrip())
    start += line[start : start + 1] == "|"
    body = line.rstrip()
    cells: list[tuple[str, int]] = []
    while start < len(body) or not cells:
        found = _CELL.match(body, start)
        end = found.end() if found else len(body)
        text = body[start:end]
        shift = len(text) - len(text.lstrip())
        cells.append((text.strip().replace("\\|", "|"), at + start + shift))
        # A lone backslash at the very end belongs to no pair.
        start = end + 1 if body[end : end + 1] in ("|", "") else end + 2
    return cells


class Table:
    """A leaf that takes the lines of a table."""

    __slots__ = ("_aligns", "_header", "_last", "_parted", "_shape", "_waiting")
    kind = "table"

    def __init__(self, header: tuple[str, int], aligns: list[str], pen: Pen) -> None:
        self._aligns = aligns
        self._shape: _Shape | None = None
        self._waiting: list[_Cells] = []
        self._last: tuple[str, int] | None = None
        self._header = self._parse(header, pen, ("head",))
        self._parted = False  # whether a row was written, from which the next one is parted

    def clone(self) -> Table:
        """The same state, for a look ahead; rows are shared."""
        twin = object.__new__(Table)
        twin._aligns, twin._shape, twin._header = self._aligns, self._shape, self._header
        twin._waiting, twin._last, twin._parted = self._waiting[:], self._last, self._parted
        return twin

    def add(self, line: str, at: int, pen: Pen) -> None:
        """One more line."""
        self._take_last(pen)
        self._last = line, at

    def more(self, text: str, at: int, pen: Pen) -> None:
        """More of the line that was added last."""
        if self._last is not None and len(self._last[0]) < _LONGEST:
            self._last = self._last[0] + text, self._last[1]
        else:
            self.add(text, at, pen)

    def close(self, pen: Pen, end: int) -> None:
        """No more will come."""
        self._take_last(pen)
        if self._shape is None:
            self._settle(pen, more=False)

    def _take_last(self, pen: Pen) -> None:
        if self._last is None:
            return
        row = self._parse(self._last, pen, ())
        self._last = None
        if self._shape is not None:
            self._write(row, self._shape, pen)
            return
        self._waiting.append(row)
        if len(self._waiting) == _SAMPLE:
            self._settle(pen, more=True)

    def _parse(self, line: tuple[str, int], pen: Pen, tones: tuple[str, ...]) -> _Cells:
        tones = pen.tones + tones
        cells: list[Cell] = []
        for text, at in split_cells(*line)[: len(self._aligns)]:
            cells.append(
                tuple(
                    Piece(shown, Ink(tones + ink.tones, ink.link), place + at if place >= 0 else -1)
                    for shown, ink, place in pen.inliner.parse(text).pieces
                )
            )
        cells += [()] * (len(self._aligns) - len(cells))
        return _Cells(cells, line[1] + len(line[0]))

    def _settle(self, pen: Pen, *, more: bool) -> None:
        shape = _shape([self._header, *self._waiting], pen.room)
        self._shape = shape = _with_slack(shape, pen.room) if more else shape
        if shape.widths:
            self._write(self._header, shape, pen)
            rule = " " * _BETWEEN
            pen.put(
                (Piece(rule.join("─" * width for width in shape.widths), Ink(("rule",))),),
                pen.page.cursor,
            )
        for row in self._waiting:
            self._write(row, shape, pen)
        self._waiting = []

    def _write(self, row: _Cells, shape: _Shape, pen: Pen) -> None:
        if shape.widths:
            if row.widths != shape.widths:
                row.widths = shape.widths
                row.rows = self._columns(row, shape.widths)
            rows = row.rows
        else:
            rows = self._record(row, pen.room)
        if shape.airy and self._parted:
            pen.put((), pen.page.cursor)
        self._parted = row is not self._header
        for index, line in enumerate(rows):
            pen.put(line, row.end if index == len(rows) - 1 else pen.page.cursor)

    def _columns(self, row: _Cells, widths: tuple[int, ...]) -> list[Row]:
        columns = [_wrapped(cell, width) for cell, width in zip(row.cells, widths, strict=True)]
        return [
            self._side_by_side(parts, widths) for parts in zip_longest(*columns, fillvalue=())
        ] or [()]

    def _side_by_side(self, parts: tuple[Row, ...], widths: tuple[int, ...]) -> Row:
        pieces: list[Piece] = []
        blanks = 0
        for part, width, align in zip(parts, widths, self._aligns, strict=True):
            free = max(0, width - width_of(part))
            before = {"left": 0, "right": free, "center": free // 2}[align]
            blanks += before
            if part:
                pieces += [Piece(" " * blanks)] if blanks else []
                pieces += part
                blanks = 0
            blanks += free - before + _BETWEEN
        return tuple(pieces)

    def _record(self, row: _Cells, room: int) -> list[Row]:
        rows: list[Row] = []
        for name, cell in zip(self._header.cells, row.cells, strict=True):
            if cell:
                parted = (*name, Piece(": ", Ink(("note",)))) if name else ()
                rows += _wrapped((*parted, *cell), room)
        return rows or [()]


def _wrapped(cell: Cell, width: int) -> list[Row]:
    wrapper = Wrapper(width)
    return [row for row, _ in (*wrapper.feed(cell), *wrapper.finish(-1))]


def _needed(cell: Cell) -> int:
    widest, width = 0, 0
    for piece in cell:
        width = 0 if piece.text == NEWLINE else width + width_of((piece,))
        widest = max(widest, width)
    return widest


def _shape(rows: list[_Cells], room: int) -> _Shape:
    """Every column as wide as it needs; if that is too much, the widest give."""
    needs = [
        max(1, *(_needed(cell) for cell in cells))
        for cells in zip(*(r.cells for r in rows), strict=True)
    ]
    free = room - _BETWEEN * (len(needs) - 1)
    if sum(needs) <= free:
        return _Shape(tuple(needs), airy=False)
    if free < _NARROWEST * len(needs):
        return _Shape((), airy=True)
    widths = [0] * len(needs)
    # The narrow ones first: what they leave is shared by the others.
    for left, index in zip(
        range(len(needs), 0, -1), sorted(range(len(needs)), key=needs.__getitem__), strict=True
    ):
        widths[index] = min(needs[index], free // left)
        free -= widths[index]
    return _Shape(tuple(widths), airy=True)


def _with_slack(shape: _Shape, room: int) -> _Shape:
    count = len(shape.widths)
    spare = room - sum(shape.widths) - _BETWEEN * (count - 1)
    if shape.airy or spare < count:
        return shape
    slack = min(_SLACK, spare // count)
    return shape._replace(widths=tuple(width + slack for width in shape.widths))
