"""Wraps pieces as they come: a row is done once the next word no longer fits on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.cells import cell_len, split_graphemes

from tui.ui.markdown.page import NEWLINE, Piece, Row

_RUN = re.compile(r" +|[^ ]+")
# Signs that must not begin a row in scripts without blanks.
_CLOSING = frozenset(
    "、。，．・：；？！）］｝〉》」』】〕’”ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"  # noqa: RUF001  # they are meant
)


class Wrapper:
    """Greedy wrapping with a small state: the row that is open and the word after it."""

    __slots__ = ("_gap", "_row", "_used", "_was_wide", "_word", "_word_used", "width")

    def __init__(self, width: int) -> None:
        self.width = max(1, width)
        self._row: list[Piece] = []
        self._used = 0
        self._gap: list[Piece] = []
        self._word: list[Piece] = []
        self._word_used = 0
        self._was_wide = False

    def clone(self) -> Wrapper:
        """The same state, for a look ahead."""
        twin = Wrapper(self.width)
        twin._row, twin._used, twin._gap = self._row[:], self._used, self._gap[:]
        twin._word, twin._word_used = self._word[:], self._word_used
        twin._was_wide = self._was_wide
        return twin

    def feed(self, pieces: Iterable[Piece]) -> Iterator[tuple[Row, int]]:
        """Take pieces in; the rows that are done, each with where the next one begins."""
        for piece in pieces:
            if piece.text == NEWLINE:
                yield from self._end_word()
                yield self._end_row(piece.at)
                continue
            for run in _RUN.finditer(piece.text):
                part = _part(piece, run.start(), run.end())
                if part.text[0] == " ":
                    yield from self._end_word()
                    if self._row:
                        self._gap.append(part)
                elif part.text.isascii() or cell_len(part.text) == len(part.text):
                    yield from self._add_narrow(part)
                else:
                    yield from self._add_mixed(part)

    def finish(self, end: int) -> Iterator[tuple[Row, int]]:
        """No more will come: the last rows."""
        yield from self._end_word()
        if self._row:
            yield self._end_row(end)

    def _add_narrow(self, part: Piece) -> Iterator[tuple[Row, int]]:
        if self._was_wide:
            yield from self._end_word()
        self._add(part, cell_len(part.text))
        # A word without an end must not be kept until it ends.
        if self._word_used > self.width:
            yield from self._end_word()

    def _add_mixed(self, part: Piece) -> Iterator[tuple[Row, int]]:
        # Between two wide characters a row may end, so each is a word of its own.
        for start, end, cells in split_graphemes(part.text)[0]:
            cluster = _part(part, start, end)
            wide = cells > 1
            if (wide or self._was_wide) and cluster.text not in _CLOSING:
                yield from self._end_word()
            self._add(cluster, cell_len(cluster.text))
            self._was_wide = wide
            if self._word_used > self.width:
                yield from self._end_word()

    def _add(self, part: Piece, cells: int) -> None:
        self._word.append(part)
        self._word_used += cells

    def _end_word(self) -> Iterator[tuple[Row, int]]:
        word, used = self._word, self._word_used
        if not word:
            return
        self._word, self._word_used, self._was_wide = [], 0, False
        gap = sum(len(piece.text) for piece in self._gap)
        if self._row and self._used + gap + used > self.width:
            yield self._end_row(word[0].at)
            gap = 0
        if used > self.width:
            yield from self._break(word)
            return
        for piece in (*self._gap, *word):
            _join(self._row, piece)
        self._used += gap + used
        self._gap = []

    def _break(self, word: list[Piece]) -> Iterator[tuple[Row, int]]:
        for piece in word:
            begin = 0
            for start, end, _ in split_graphemes(piece.text)[0]:
                cells = cell_len(piece.text[start:end])
                if self._used + cells > self.width and self._used:
                    _join(self._row, _part(piece, begin, start))
                    begin = start
                    yield self._end_row(piece.at + start if piece.at >= 0 else -1)
                self._used += cells
            _join(self._row, _part(piece, begin, len(piece.text)))

    def _end_row(self, following: int) -> tuple[Row, int]:
        row = tuple(self._row)
        self._row, self._used, self._gap = [], 0, []
        return row, following


def _part(piece: Piece, start: int, end: int) -> Piece:
    return Piece(piece.text[start:end], piece.ink, piece.at + start if piece.at >= 0 else piece.at)


def _join(row: list[Piece], piece: Piece) -> None:
    """Add a piece, to the last one if they look the same: a row has many words and few looks."""
    if row:
        text, ink, at = row[-1]
        follows = piece.at == at + len(text) if at >= 0 else piece.at < 0
        if follows and ink == piece.ink:
            row[-1] = Piece(text + piece.text, ink, at)
            return
    if piece.text:
        row.append(piece)
