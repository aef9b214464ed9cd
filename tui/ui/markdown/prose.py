"""Paragraphs and headings: however long they are, only their last words are parsed again.

A paragraph is cut where nothing is open, so that both sides mean the same alone. The cuts depend
on the text only, never on how it arrived: a paragraph that came at once is cut at the same places.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from tui.ui.markdown.page import Ink, Piece
from tui.ui.markdown.pen import Pen
from tui.ui.markdown.starts import REACH
from tui.ui.markdown.wrap import Wrapper

# A paragraph is short while it may still turn out to be a heading that is underlined.
SHORT = 128
# At which lengths a cut is tried; at the last one it is made even if markup is open.
_GOALS = (48, 128, 256, 512, 1024)
_UNBROKEN = 1536  # a text without any good place is cut anywhere after that many characters
_WIDE = "\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_SPOT = re.compile(rf"(?<=[^\s\\])[ \n](?=[^\s])|(?<=[{_WIDE}])(?=[{_WIDE}])")


class Prose:
    """A leaf of running text."""

    __slots__ = (
        "_goal",
        "_header",
        "_held",
        "_marks",
        "_text",
        "_tones",
        "_wrapper",
        "kind",
        "length",
    )

    def __init__(self, kind: str, width: int, tones: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.length = 0
        self._tones = tones
        self._wrapper = Wrapper(width)
        self._text = ""
        self._marks: list[tuple[int, int]] = []  # place in _text, place in the source
        self._held = 0  # where in _text the last line begins
        self._header = False  # whether that line can be the header of a table
        self._goal = 0

    def clone(self) -> Prose:
        """The same state, for a look ahead."""
        twin = Prose(self.kind, 0, self._tones)
        twin.length, twin._text, twin._marks = self.length, self._text, self._marks[:]
        twin._wrapper, twin._goal = self._wrapper.clone(), self._goal
        twin._held, twin._header = self._held, self._header
        return twin

    def lead(self, piece: Piece) -> None:
        """Something of ours before the first word."""
        for _ in self._wrapper.feed((piece,)):
            raise AssertionError("one piece fits on a row")

    @property
    def last_line(self) -> tuple[str, int] | None:
        """The line that may be the header of a table, and its place in the source."""
        return (self._text[self._held :], self._marks[-1][1]) if self._header else None

    def become_heading(self, tones: tuple[str, ...]) -> None:
        """It was underlined; it is short, so nothing was written yet."""
        self.kind = "heading"
        self._tones = tones

    def add_line(self, text: str, at: int, pen: Pen) -> None:
        """One more line of the source."""
        if self.length:
            self._text += "\n"
        self._held = len(self._text)
        self._header = "|" in text[:REACH]
        self._add(text, at, pen)

    def more(self, text: str, at: int, pen: Pen) -> None:
        """More of the line that was added last, which is too long to be a header."""
        self._header = False
        self._add(text, at, pen)

    def _add(self, text: str, at: int, pen: Pen) -> None:
        self._marks.append((len(self._text), at))
        self._text += text
        self.length += len(text) + 1
        while self._settle(pen):
            pass

    def drop_last_line(self) -> None:
        """The last line was the header of a table."""
        self.length -= len(self._text) - self._held + 1
        self._text = self._text[: max(0, self._held - 1)]
        self._marks.pop()
        self._header = False

    def close(self, pen: Pen, end: int) -> None:
        """No more will come."""
        self._lay_out(self._text.rstrip(" \n"), pen)
        for row, following in self._wrapper.finish(end):
            pen.put(row, following)
        self._text = ""

    def _settle(self, pen: Pen) -> bool:
        # The last line stays as it is while it could be a table's header.
        limit = max(0, self._held - 1) if self._header else len(self._text)
        goal = _GOALS[self._goal]
        if limit <= goal or self.length <= SHORT + 1:
            return False
        found = _SPOT.search(self._text, goal, limit)
        cut = found.start() if found else 0
        if not cut and limit > _UNBROKEN:
            cut = _UNBROKEN
        if not cut:
            return False
        if self._goal < len(_GOALS) - 1 and pen.inliner.parse(self._text[:cut]).open:
            self._goal += 1
            return True
        self._cut(cut, pen)
        return True

    def _cut(self, cut: int, pen: Pen) -> None:
        self._lay_out(self._text[:cut], pen)
        source = self._source(cut)
        self._text = self._text[cut:]
        self._marks = [(0, source), *((p - cut, at) for p, at in self._marks if p > cut)]
        self._held = max(0, self._held - cut)
        self._goal = 0

    def _lay_out(self, text: str, pen: Pen) -> None:
        pieces = (
            Piece(text, Ink(self._tones + ink.tones, ink.link), self._source(at) if at >= 0 else at)
            for text, ink, at in pen.inliner.parse(text).pieces
        )
        for row, following in self._wrapper.feed(pieces):
            pen.put(row, following)

    def _source(self, place: int) -> int:
        index = max(0, bisect_right(self._marks, (place, 1 << 62)) - 1)
        start, at = self._marks[index]
        return at + place - start
