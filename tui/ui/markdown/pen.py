"""Writes lines inside of quotes and list items: draws bars, bullets, indents and gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rich.cells import set_cell_size

from tui.ui.markdown.inline import Inliner
from tui.ui.markdown.page import Block, Ink, Page, Piece, Row, width_of


@dataclass(slots=True)
class Container:
    """A block quote, list item or footnote that is open.

    ``first`` is drawn before its first line and ``rest``, as wide, before all others. ``indent``
    is how far its content is indented in the source; ``mark`` and ``number`` are a list item's.
    """

    kind: str
    first: Row
    rest: Row
    indent: int = 0
    mark: str = ""
    number: int = 0
    started: bool = False
    empty: bool = False


class Pen:
    """Knows the page, the width and the containers; leaves write with it."""

    __slots__ = ("inliner", "page", "parted", "stack", "width")

    def __init__(self, page: Page, width: int, inliner: Inliner) -> None:
        self.page = page
        self.width = width
        self.inliner = inliner
        self.stack: list[Container] = []
        self.parted = False  # a blank line came after what was written last

    def sequel(self) -> Pen:
        """A pen that goes on writing here on a page of its own."""
        twin = Pen(self.page.sequel(), self.width, self.inliner)
        twin.stack = [replace(container) for container in self.stack]
        twin.parted = self.parted
        return twin

    @property
    def room(self) -> int:
        """How many cells are left beside the prefix."""
        return max(1, self.width - self._prefix_width())

    @property
    def tones(self) -> tuple[str, ...]:
        """What text looks like here."""
        return ("quote",) if any(each.kind == "quote" for each in self.stack) else ()

    def begin(self, kind: str, start: int, level: int = 0, language: str = "") -> None:
        """A new block; after a gap where one belongs."""
        item = any(container.kind != "quote" for container in self.stack)
        if self.page.length and (self.parted or not item):
            rest = [p for each in self.stack if each.started for p in each.rest]
            self.page.put(_stripped(self._fitting(rest)), self.page.cursor)
        self.parted = False
        if kind == "paragraph" and self.stack and not self.stack[-1].started and item:
            kind = "item"
        self.page.begin(Block(kind, start, start, self.page.length, level, language))

    def put(self, row: Iterable[Piece], end: int) -> None:
        """One line behind the prefix."""
        prefix: list[Piece] = []
        for container in self.stack:
            prefix += container.rest if container.started else container.first
            container.started = True
        self.page.put(_stripped([*self._fitting(prefix), *row]), end)

    def _prefix_width(self) -> int:
        return min(self.width // 2, sum(width_of(each.rest) for each in self.stack))

    def _fitting(self, prefix: list[Piece]) -> list[Piece]:
        # However deep it is nested, half of the width is for the text.
        room, kept = self.width // 2, []
        for piece in prefix:
            width = width_of((piece,))
            if width > room:
                kept.append(Piece(set_cell_size(piece.text, room), piece.ink))
                break
            kept.append(piece)
            room -= width
        return kept


def quote() -> Container:
    """A block quote."""
    bar = (Piece("▎ ", Ink(("bar",))),)
    return Container("quote", bar, bar)


def footnote(label: str) -> Container:
    """The definition of a footnote."""
    first = Piece(f"[{label}] ", Ink(("marker",)))
    return Container("note", (first,), blank(width_of((first,))), indent=4)


def item(mark: str, number: int, indent: int, depth: int, *, empty: bool) -> Container:
    """A list item; ``mark`` is the sign that its siblings share."""
    bullet = f"{number}{mark} " if mark in ".)" else "•◦▪"[depth % 3] + " "
    first = Piece(bullet, Ink(("marker",)))
    return Container(
        "item", (first,), blank(len(bullet)), indent, mark=mark, number=number, empty=empty
    )


def blank(width: int) -> Row:
    """That many blank cells."""
    return (Piece(" " * width),)


def _stripped(row: list[Piece]) -> list[Piece]:
    """Without blanks at the end that nobody could see."""
    while row and not row[-1].ink.tones and not row[-1].text.strip():
        row.pop()
    return row
