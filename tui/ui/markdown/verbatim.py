"""Blocks that are shown as they are: fences, indented code, HTML and displayed math."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len, split_graphemes

from tui.core.sanitise import split_invisible
from tui.ui.markdown.code import Highlighter, Token
from tui.ui.markdown.page import Ink, Piece, Row, width_of
from tui.ui.markdown.pen import Pen

COPY = "copy"
_RAISED = "block"
_TAB = 4
_TABS = re.compile(r"\t|[^\t]+")


class Verbatim:
    """A leaf whose lines are not Markdown. ``close_at`` says which line ends it."""

    __slots__ = ("_blanks", "_highlighter", "_raised", "_tone", "close_at", "indent", "kind")

    def __init__(self, kind: str, close_at: re.Pattern[str] | None, indent: int = 0) -> None:
        self.kind = kind
        self.close_at = close_at
        self.indent = indent
        self._raised = kind in ("fence", "code")
        self._tone = "" if self._raised else kind
        self._highlighter = Highlighter("")
        self._blanks: list[tuple[str, int]] = []

    def clone(self) -> Verbatim:
        """The same state, for a look ahead."""
        twin = Verbatim(self.kind, self.close_at, self.indent)
        twin._highlighter = self._highlighter.clone()
        twin._blanks = self._blanks[:]
        return twin

    def head(self, language: str, pen: Pen, end: int) -> None:
        """The line above a fence: its language and the mark that copies it."""
        self._highlighter = Highlighter(language.lower())
        room = pen.room
        label = [Piece(f" {language}", Ink((_RAISED, "label")))] if language else []
        free = room - width_of(label) - len(COPY) - 1
        if free < 1:
            label, free = [], room - len(COPY) - 1
        mark = (Piece(COPY, Ink((_RAISED, "copy"))),) if free >= 0 else ()
        pen.put(_padded([*label, *_blank(max(0, free)), *mark], room), end)

    def add(self, line: str, at: int, pen: Pen) -> None:
        """One more line, without what the containers around it are indented by."""
        if self.kind == "code" and not line.strip():
            self._blanks.append((line, at))  # at the end they are no part of it
            return
        for blank, place in self._blanks:
            self._write(blank, place, pen)
        self._blanks = []
        self._write(line, at, pen)

    def more(self, text: str, at: int, pen: Pen) -> None:
        """More of the line that was added last; it goes on in a row of its own."""
        if text:
            self._write(text, at, pen, joint="")

    def close(self, pen: Pen, end: int) -> None:
        """No more will come."""

    def _write(self, line: str, at: int, pen: Pen, joint: str = "\n") -> None:
        pen.page.keep(joint + line)
        end = at + len(line)
        room = pen.room
        margin = 1 if self._raised and room > 2 else 0
        tokens = self._lexed(line, at, pen) if self._raised else [(self._tone, line)]
        for row, following in _folded(self._pieces(tokens, at), max(1, room - 2 * margin), end):
            if self._raised:
                row = _padded([*_blank(margin), *row], room)
            pen.put(row, following)

    def _lexed(self, line: str, at: int, pen: Pen) -> list[Token]:
        known = pen.inliner.lexed.get(at)
        if known is not None:
            tokens, self._highlighter.state = known
            return tokens
        tokens = self._highlighter.read(line)
        if pen.inliner.remember:
            pen.inliner.lexed[at] = tokens, self._highlighter.state
        return tokens

    def _pieces(self, tokens: Iterable[tuple[str, str]], at: int) -> list[Piece]:
        pieces, column = [], 0
        for tone, text in tokens:
            tones = (*((_RAISED,) if self._raised else ()), *((tone,) if tone else ()))
            for raw, shown in split_invisible(text):
                for part in _TABS.findall(shown):
                    visible = " " * (_TAB - column % _TAB) if part == "\t" else part
                    pieces.append(Piece(visible, Ink(tones), at))
                    at += len(part) if raw == shown else 0
                    column += cell_len(visible)
                at += 0 if raw == shown else len(raw)
        return pieces


def _folded(pieces: list[Piece], width: int, end: int) -> list[tuple[Row, int]]:
    """Rows of at most that width, broken anywhere: blanks count in code."""
    rows: list[tuple[Row, int]] = []
    row: list[Piece] = []
    used = 0
    for piece in pieces:
        cells = cell_len(piece.text)
        if used + cells <= width:
            row.append(piece)
            used += cells
            continue
        begin = 0
        for start, stop, _ in split_graphemes(piece.text)[0]:
            cells = cell_len(piece.text[start:stop])
            if used and used + cells > width:
                row.append(Piece(piece.text[begin:start], piece.ink, piece.at + begin))
                rows.append((tuple(row), piece.at + start))
                row, used, begin = [], 0, start
            used += cells
        row.append(Piece(piece.text[begin:], piece.ink, piece.at + begin))
    return [*rows, (tuple(row), end)]


def _padded(row: list[Piece], room: int) -> Row:
    return (*row, *_blank(max(0, room - width_of(row))))


def _blank(width: int) -> Row:
    return (Piece(" " * width, Ink((_RAISED,))),) if width else ()
