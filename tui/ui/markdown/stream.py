"""One message's Markdown as lines: grows by pieces, at a cost that does not depend on its length.

What was read for good writes on one page, which only grows. The open end is read by a sequel of
the reader on a page of its own, which is thrown away when more text comes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui.core.text import GrowingText
from tui.ui.markdown.blocks import Reader
from tui.ui.markdown.inline import Inliner
from tui.ui.markdown.page import Block, Line, Page
from tui.ui.markdown.pen import Pen
from tui.ui.markdown.starts import REACH, is_plain

# Lines that are no running text are read in parts only when it must be.
_LONG = 2048
# The beginning of a line that may become anything is not shown yet: it would flicker.
_UNDECIDED = re.compile(r"[\s>]*(?:[-=*+#_`~:|$<\[\\]|\d{1,9}[.)]?)[-=*+#_`~:|$\s]*")


class MarkdownStream:
    """Takes Markdown in pieces; gives lines at one width.

    The work is done when lines are asked for, once for all that came. ``lines[:frozen]`` stay as
    they are at this width; in practice so do the others, but for a link or the open end, and
    ``take_changed`` says from where on lines are new.
    """

    def __init__(self, width: int) -> None:
        self._source = GrowingText()
        self._inliner = Inliner()
        self._finished = False
        self._changed = 0
        self._begin(width)

    def _begin(self, width: int) -> None:
        self.width = width
        self._inliner.references.missed.clear()
        self._page = Page()
        self._reader = Reader(Pen(self._page, max(1, width), self._inliner))
        self._waiting: list[str] = [str(self._source)]
        self._partial = ""
        self._at = 0
        self._goes_on = False  # the partial line is more of a line whose beginning was read
        self._settled = 0  # lines of the page that are among those handed out
        self._doubtful: int | None = None
        self._lines: list[Line] = []
        self._tail = Page()

    def append(self, text: str) -> None:
        """More of the message."""
        if text:
            self._source.append(text)
            self._waiting.append(text)

    def finish(self) -> None:
        """The message is complete."""
        self._finished = True
        self._waiting.append("")

    def resize(self, width: int) -> None:
        """Lay out again; what was parsed is used again."""
        if width != self.width:
            self._begin(width)
            self._changed = 0

    @property
    def lines(self) -> Sequence[Line]:
        """All lines now; the same list, changed in place."""
        self._catch_up()
        return self._lines

    @property
    def frozen(self) -> int:
        """How many of the first lines never change any more at this width."""
        self._catch_up()
        return len(self._page.lines) if self._doubtful is None else self._doubtful

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks that lines belong to, by ``Line.block``."""
        self._catch_up()
        return (
            [*self._page.blocks[: self._tail.first], *self._tail.blocks]
            if (self._tail.blocks)
            else self._page.blocks
        )

    def code(self, block: int) -> str:
        """The code of a fence or an indented block, as it is to be copied."""
        self._catch_up()
        lines = [*self._page.code.get(block, ()), *self._tail.code.get(block, ())]
        return "".join(lines).removeprefix("\n") + "\n" if lines else ""

    def take_changed(self) -> int:
        """From which line on lines are new since this was asked last; their number: none."""
        self._catch_up()
        changed, self._changed = self._changed, len(self._lines)
        return changed

    def _catch_up(self) -> None:
        if not self._waiting:
            return
        text = self._partial + "".join(self._waiting)
        self._waiting = []
        self._partial = self._read(text)
        if self._finished:
            self._close()
        self._show_tail()

    def _read(self, text: str) -> str:
        """Read all that is settled; the rest is given back."""
        begin = 0
        while True:
            end = text.find("\n", begin)
            limit = self._limit(text, begin)
            if end < 0 and len(text) - begin <= limit:
                return text[begin:]
            if 0 <= end <= begin + limit:
                self._read_part(text[begin:end], ends=True)
                begin = end + 1
                self._at += 1
            else:
                self._read_part(text[begin : begin + limit], ends=False)
                begin += limit

    def _limit(self, text: str, begin: int) -> int:
        if not self._reader.in_prose:
            return _LONG
        if self._goes_on or is_plain(text[begin : begin + REACH]):
            return REACH
        return _LONG

    def _read_part(self, part: str, *, ends: bool) -> None:
        before = self._page.length
        missed = len(self._inliner.references.missed)
        self._read_with(self._reader, part)
        self._at += len(part)
        self._goes_on = not ends
        if self._doubtful is None and len(self._inliner.references.missed) > missed:
            self._doubtful = before

    def _read_with(self, reader: Reader, part: str) -> None:
        if self._goes_on:
            reader.read_on(part.removesuffix("\r"), self._at)
        else:
            reader.read(part.removesuffix("\r"), self._at)

    def _close(self) -> None:
        if self._partial:
            self._read_part(self._partial, ends=True)
            self._partial = ""
        self._reader.close()
        references = self._inliner.references
        if references.missed & references.keys():
            # A link was used before it was defined: once more, with all definitions known.
            old = self._lines
            self._begin(self.width)
            self._lines = old
            self._catch_up()
        self._doubtful = None

    def _show_tail(self) -> None:
        self._tail = Page(self._page.length)
        if not self._finished:
            self._inliner.remember = False
            sequel = self._reader.sequel()
            if self._partial and not self._undecided():
                self._read_with(sequel, self._partial)
            sequel.close()
            self._inliner.remember = True
            self._tail = sequel.pen.page
        fresh = [*self._page.lines[self._settled :], *self._tail.lines]
        same = self._same(fresh)
        self._changed = min(self._changed, same)
        self._lines[same:] = fresh[same - self._settled :]
        self._settled = self._page.length

    def _same(self, fresh: list[Line]) -> int:
        """Where the lines that were handed out and the new ones begin to differ."""
        at = self._settled
        for line in fresh:
            if at >= len(self._lines) or self._lines[at] != line:
                break
            at += 1
        return at

    def _undecided(self) -> bool:
        return (
            not self._goes_on
            and self._reader.in_prose
            and _UNDECIDED.fullmatch(self._partial) is not None
        )


def render(text: str, width: int) -> MarkdownStream:
    """A complete message: the same lines as if it had come in pieces."""
    stream = MarkdownStream(width)
    stream.append(text)
    stream.finish()
    return stream


def estimate_height(text: str, width: int) -> int:
    """About how many lines a message will take; nothing is parsed."""
    width = max(1, width)
    return sum(1 + len(line) // width for line in text.split("\n"))
