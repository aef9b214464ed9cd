"""Wraps growing lines into rows of a terminal: only the end is laid out again when they grow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from rich.cells import split_graphemes

from tui.core.sanitise import split_invisible
from tui.ui.arguments import Kind, Line, PrettyArguments

Row: TypeAlias = list[tuple[str, Kind]]
# Where a row begins: number of the line, piece of the line, character of the piece.
_Place: TypeAlias = tuple[int, int, int]
# What is never torn apart: how many source characters, what is shown, how many cells.
_Cluster: TypeAlias = tuple[int, str, int]

_TAB = 4
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,4}|[ -~])?")
_LONGEST_ESCAPE = 6
_TAKEN_BACK = 2  # rows that an update lays out again, at least
_LINE_FEED = "\\n"
_UNITS = re.compile(r"(\t)")
_UNITS_AND_ESCAPES = re.compile(rf"(\t|{_ESCAPE.pattern})")
_ESCAPED_KINDS = frozenset({Kind.STRING, Kind.KEY})
# Stands for what is wider than a whole row.
_TOO_WIDE = "\ufffd"


class Rows:
    """The lines of a ``PrettyArguments`` as sanitised rows of ``width`` cells at most.

    (One space more may hang over the end.) Rows break after spaces where possible, after an
    escaped line feed inside a string, and never inside an escape or a grapheme. What continues a
    line is indented a little more than its beginning. The rows do not depend on how often
    ``update`` was called on the way.
    """

    def __init__(self, source: PrettyArguments, width: int) -> None:
        self.width = max(1, width)
        self._source = source
        self._rows: list[Row] = []
        self._starts: list[_Place] = []
        self.update()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def update(self) -> int:
        """Take in what the source has got since; returns the first row that may have changed."""
        place = self._take_back()
        first = len(self._rows)
        lines = self._source.lines
        self._lay(place, lines[place[0]])
        for number in range(place[0] + 1, len(lines)):
            self._lay((number, 0, 0), lines[number])
        return first

    def _take_back(self) -> _Place:
        """Drop the end of the last line; returns where the dropped rows began.

        Two rows, because a character at the end of one may have waited for its neighbour, and in
        a very narrow view as many more as an escape may be spread over.
        """
        place: _Place = self._starts[-1] if self._starts else (0, 0, 0)
        rows = seen = 0
        while self._starts and self._starts[-1][0] == place[0]:
            if rows >= _TAKEN_BACK and seen >= _LONGEST_ESCAPE:
                break
            place = self._starts.pop()
            seen += len("".join(text for text, _ in self._rows.pop()).strip())
            rows += 1
        return place

    def _lay(self, place: _Place, line: Line) -> None:
        number, piece, offset = place
        while True:
            indent = self._indent(line, begins=piece == offset == 0)
            row: Row = [(" " * indent, Kind.PLAIN)] if indent else []
            runs = _ahead(line, piece, offset, 2 * self.width + 64)
            taken = _fit(runs, row, self.width, indent)
            self._rows.append(row)
            self._starts.append((number, piece, offset))
            piece, offset = _advance(line, piece, offset, taken)
            if piece == len(line.pieces):
                return

    def _indent(self, line: Line, *, begins: bool) -> int:
        if not line.depth and line.pieces and line.pieces[0][1] in (Kind.PLAIN, Kind.INVALID):
            return 0
        return min(2 * line.depth + (0 if begins else 2), self.width // 2)


def _ahead(line: Line, piece: int, offset: int, enough: int) -> Row:
    """At least ``enough`` characters from there on, or all there are; one run for each kind."""
    runs: Row = []
    for text, kind in line.pieces[piece : piece + enough]:
        if enough <= 0:
            break
        part = text[offset:]
        offset = 0
        enough -= len(part)
        if runs and runs[-1][1] is kind:
            runs[-1] = (runs[-1][0] + part, kind)
        else:
            runs.append((part, kind))
    return runs


def _advance(line: Line, piece: int, offset: int, count: int) -> tuple[int, int]:
    offset += count
    while piece < len(line.pieces) and offset >= len(line.pieces[piece][0]):
        offset -= len(line.pieces[piece][0])
        piece += 1
    return piece, offset


class _Fitted(NamedTuple):
    """The part of a run that goes into a row; ``full``: nothing may follow it there."""

    taken: int
    shown: str
    cells: int
    full: bool


def _fit(runs: Row, row: Row, width: int, indent: int) -> int:
    """Fill the row; returns how many characters it took: always some, if there are any."""
    taken, column, most = 0, indent, width - indent
    for text, kind in runs:
        fit = _fit_ascii if text.isascii() and text.isprintable() else _fit_clusters
        part = fit(text, width, column, most, kind in _ESCAPED_KINDS)
        if part.shown:
            row.append((part.shown, kind))
        taken += part.taken
        column += part.cells
        if part.full:
            break
    return taken


def _fit_ascii(text: str, width: int, column: int, most: int, escapes: bool) -> _Fitted:
    """As ``_fit_clusters``, for the common text in which a character is a cell."""
    room = width - column
    end = min(len(text), room)
    if escapes and "\\" in text[:end]:
        end, forced = _heed_escapes(text, end, most)
        if forced:
            return _Fitted(end, text[:end], end, True)
    if end == len(text):
        return _Fitted(end, text, end, False)
    if text[end] == " " and end == room:
        return _Fitted(end + 1, text[: end + 1], end, True)
    space = text.rfind(" ", 0, end) + 1
    if column + space > width // 2 and not text[:space].isspace():
        end = space
    return _Fitted(end, text[:end], end, True)


def _heed_escapes(text: str, end: int, most: int) -> tuple[int, bool]:
    """An end that tears no escape, and whether it is an escaped line feed."""
    for escape in _ESCAPE.finditer(text, 0, end + _LONGEST_ESCAPE):
        if escape.start() >= end:
            break
        if escape.end() > end:
            return (escape.start() if len(escape.group()) <= most else end), False
        if escape.group() == _LINE_FEED and text[escape.end() : escape.end() + 1] not in ("", '"'):
            return escape.end(), True
    return end, False


def _fit_clusters(text: str, width: int, column: int, most: int, escapes: bool) -> _Fitted:
    """What of ``text`` fits from ``column`` on; an empty row has ``most`` cells for it."""
    taken, shown, start = 0, "", column
    after_space: _Fitted | None = None
    for count, symbol, cells in _clusters(text, escapes and most >= _LONGEST_ESCAPE):
        if symbol == "\t":
            cells = max(1, min(_TAB - column % _TAB, width - column))
            symbol = " " * cells
        if cells > most:
            symbol, cells = _TOO_WIDE, 1
        if column + cells > width:
            if symbol == " ":
                return _Fitted(taken + 1, shown + " ", column - start, True)
            return after_space or _Fitted(taken, shown, column - start, True)
        taken, shown, column = taken + count, shown + symbol, column + cells
        if symbol == _LINE_FEED and escapes and text[taken : taken + 1] not in ("", '"'):
            return _Fitted(taken, shown, column - start, True)
        if symbol == " " and column > width // 2 and not shown.isspace():
            after_space = _Fitted(taken, shown, column - start, True)
    return _Fitted(taken, shown, column - start, False)


def _clusters(text: str, escapes: bool) -> Iterator[_Cluster]:
    units = _UNITS_AND_ESCAPES if escapes else _UNITS
    for source, shown in split_invisible(text):
        if source != shown:
            yield 1, shown, len(shown)
            continue
        for unit in units.split(source):
            if unit == "\t" or (escapes and unit.startswith("\\")):
                yield len(unit), unit, len(unit)
            else:
                for start, end, cells in split_graphemes(unit)[0]:
                    yield end - start, unit[start:end], cells
