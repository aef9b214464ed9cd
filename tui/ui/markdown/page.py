"""What the engine hands out: lines of inked pieces, and the blocks that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

if TYPE_CHECKING:
    from tui.ui.markdown.palette import Palette


class Ink(NamedTuple):
    """How a piece looks, by names that a palette knows, and where it leads."""

    tones: tuple[str, ...] = ()
    link: str = ""

    def plus(self, tone: str, link: str = "") -> Ink:
        """The same with one more tone, and perhaps a link."""
        return Ink((*self.tones, tone), link or self.link)


class Piece(NamedTuple):
    """Harmless text of one look; ``at`` is its place in the source, -1 for what we drew."""

    text: str
    ink: Ink = Ink()
    at: int = -1


Row: TypeAlias = tuple[Piece, ...]
NEWLINE = "\n"  # the text of a piece that ends its row


@dataclass(slots=True)
class Line:
    """One line of the screen; it never changes, whatever the colours are."""

    pieces: Row
    start: int
    end: int
    block: int
    _painted: tuple[Palette, Strip] | None = field(default=None, compare=False, repr=False)

    def paint(self, palette: Palette) -> Strip:
        """The line in these colours; painted once."""
        if self._painted is None or self._painted[0] is not palette:
            segments = [Segment(text, palette.style(ink)) for text, ink, _ in self.pieces]
            self._painted = palette, Strip(segments, self.cells)
        return self._painted[1]

    @property
    def cells(self) -> int:
        """How wide it is."""
        return width_of(self.pieces)

    @property
    def plain(self) -> str:
        """What can be read on it."""
        return "".join(piece.text for piece in self.pieces)

    def piece_at(self, column: int) -> Piece | None:
        """What is shown at that cell: for links, copy marks and selections."""
        for piece in self.pieces:
            column -= cell_len(piece.text)
            if column < 0:
                return piece
        return None


@dataclass(slots=True)
class Block:
    """A stretch of the source that is shown as one thing.

    Kinds: paragraph, item (a paragraph that begins a list item), heading, fence, code (indented),
    html, math, table, rule. ``code`` is the range of a fence's code in the source.
    """

    kind: str
    start: int
    end: int
    first_line: int
    level: int = 0
    language: str = ""
    code: tuple[int, int] | None = None


class Page:
    """Lines and blocks, only ever added to; ``first`` blocks and ``above`` lines are elsewhere."""

    __slots__ = ("above", "blocks", "code", "cursor", "first", "limit", "lines")

    def __init__(self, above: int = 0, first: int = 0, cursor: int = 0) -> None:
        self.lines: list[Line] = []
        self.blocks: list[Block] = []
        self.code: dict[int, list[str]] = {}
        self.above = above
        self.first = first
        self.cursor = cursor
        self.limit = cursor  # how much of the source was read

    def sequel(self) -> Page:
        """A page that goes on where this one ends, its open block included."""
        kept = max(0, len(self.blocks) - 1)
        page = Page(self.above + len(self.lines), self.first + kept, self.cursor)
        page.limit = self.limit
        page.blocks = [_copy(block) for block in self.blocks[kept:]]
        return page

    @property
    def length(self) -> int:
        """How many lines there are, those above included."""
        return self.above + len(self.lines)

    def begin(self, block: Block) -> None:
        """From now on lines belong to that block."""
        self.blocks.append(block)
        self.cursor = max(self.cursor, block.start)

    def put(self, pieces: Iterable[Piece], end: int) -> None:
        """One more line, which shows the source from where the last one ended."""
        start = self.cursor
        self.cursor = end = max(start, min(end, self.limit))
        self.lines.append(Line(tuple(pieces), start, end, self.first + len(self.blocks) - 1))
        if self.blocks:
            self.blocks[-1].end = end

    def keep(self, code: str) -> None:
        """More of the block's code, exactly as it is to be copied; lines begin with a feed."""
        self.code.setdefault(self.first + len(self.blocks) - 1, []).append(code)


def _copy(block: Block) -> Block:
    return Block(
        block.kind,
        block.start,
        block.end,
        block.first_line,
        block.level,
        block.language,
        block.code,
    )


def width_of(pieces: Iterable[Piece]) -> int:
    """How many cells these pieces take."""
    return sum(cell_len(piece.text) for piece in pieces)
