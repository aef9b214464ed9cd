"""The parts of a message as lines: each knows how it looks at a width, and takes in what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from rich.cells import cell_len, set_cell_size

from tui.core.models import PartKind, ToolState
from tui.core.sanitise import sanitise
from tui.core.thread import Part, Run, ToolCall
from tui.ui import wording
from tui.ui.chat.sources import sources
from tui.ui.markdown import Ink, Line, MarkdownStream, Piece, render
from tui.ui.markdown.wrap import Wrapper

_NO_BREAK = "\u00a0"
_TAB = 4


class Section(Protocol):
    """Lines that belong together. ``fit`` comes before ``lines`` are asked for, once a width."""

    @property
    def lines(self) -> Sequence[Line]:
        """What is to be shown now."""
        ...

    def fit(self, width: int) -> None:
        """Lay out for so many cells, at least 1."""
        ...

    def sync(self) -> None:
        """Take in what has changed since."""
        ...


class Words:
    """Words of our own, or text that is shown as it is; ``say`` gives them anew."""

    def __init__(self, say: Callable[[], Iterable[Piece]]) -> None:
        self._say = say
        self._said: tuple[Piece, ...] = ()
        self._width = 0
        self._lines: list[Line] = []

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    def fit(self, width: int) -> None:
        self._width = width
        self._lay_out(tuple(self._say()))

    def sync(self) -> None:
        said = tuple(self._say())
        if said != self._said:
            self._lay_out(said)

    def _lay_out(self, said: tuple[Piece, ...]) -> None:
        self._said = said
        self._lines = wrapped(said, self._width)


class OneLine:
    """The same, never more than a line: what does not fit is cut."""

    def __init__(self, say: Callable[[], Iterable[Piece]]) -> None:
        self._say = say
        self._width = 1
        self._lines: list[Line] = []

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines

    def fit(self, width: int) -> None:
        self._width = width
        self.sync()

    def sync(self) -> None:
        pieces = cut(self._say(), self._width)
        if not self._lines or self._lines[0].pieces != pieces:
            self._lines = [Line(pieces, 0, 0, -1)]


class Answer:
    """The model's Markdown. Deltas are only ever appended; a correction starts over."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._stream: MarkdownStream | None = None
        self._taken = 0
        self._replaced = 0
        self._finished = False

    def code(self, block: int) -> str:
        """The code of a block, as it is to be copied; empty for any other block."""
        return "" if self._stream is None else self._stream.code(block)

    def is_code(self, block: int) -> bool:
        """Whether the block is a fence or indented code."""
        blocks = () if self._stream is None else self._stream.blocks
        return 0 <= block < len(blocks) and blocks[block].kind in ("fence", "code")

    @property
    def lines(self) -> Sequence[Line]:
        return () if self._stream is None else self._stream.lines

    def fit(self, width: int) -> None:
        if self._stream is None:
            self._begin(width)
        else:
            self._stream.resize(width)

    def sync(self) -> None:
        stream, text = self._stream, self._part.text
        if stream is None:
            return
        if text.replaced != self._replaced or (self._finished and len(text) > self._taken):
            self._begin(stream.width)
            return
        if len(text) > self._taken:
            stream.append(text.since(self._taken))
            self._taken = len(text)
        if self._part.finished and not self._finished:
            self._finished = True
            stream.finish()

    def _begin(self, width: int) -> None:
        text = self._part.text
        self._taken, self._replaced = len(text), text.replaced
        self._finished = self._part.finished
        if self._finished:
            self._stream = render(str(text), width)
            return
        self._stream = MarkdownStream(width)
        self._stream.append(str(text))


class Reasoning:
    """What the model thought: one line, folded until the reader opens it."""

    def __init__(self, part: Part, *, is_open: Callable[[], bool]) -> None:
        self._part = part
        self._is_open = is_open
        self._head = Words(self._say_head)
        self._body = Words(self._say_body)
        self._shown_open = False
        self._width = 1

    @property
    def lines(self) -> Sequence[Line]:
        return [*self._head.lines, *self._body.lines] if self._shown_open else self._head.lines

    def fit(self, width: int) -> None:
        self._width = width
        self._head.fit(width)
        self._shown_open = self._is_open()
        if self._shown_open:
            self._body.fit(width)

    def sync(self) -> None:
        if self._is_open() != self._shown_open:
            self.fit(self._width)
            return
        self._head.sync()
        if self._shown_open:
            self._body.sync()

    def _say_head(self) -> Iterable[Piece]:
        mark = "▾" if self._is_open() else "▸"
        size = wording.count(len(self._part.text), "character")
        yield Piece(f"{mark} Reasoning, {size}", Ink(("note", FOLD)))

    def _say_body(self) -> Iterable[Piece]:
        return as_it_is(str(self._part.text), ("note",), indent="  ")


# Tones that only say what a line does when it is clicked.
FOLD = "fold"
CALL = "call"
COPY = "copy"  # drawn above every fence

_TOOL_TONES = {
    ToolState.APPROVAL: "warning",
    ToolState.INTERRUPTED: "warning",
    ToolState.FAILED: "error",
    ToolState.STREAMING: "primary",
    ToolState.RUNNING: "primary",
    ToolState.DENIED: "note",
    ToolState.CANCELLED: "note",
}


def tool_line(call: ToolCall, run: Run | None) -> OneLine:
    """One line for a tool call: state, name, what it does, arguments as far as they fit."""

    def say() -> Iterable[Piece]:
        live = run is not None and run.active
        cut_off = call.state is ToolState.STREAMING and not live
        state = ToolState.CANCELLED if cut_off else call.state
        tone = _TOOL_TONES.get(state, "text")
        yield Piece(f"{wording.tool_symbol(call, live=live)} ", Ink((tone, "strong", CALL)))
        name = wording.tool_name(call)
        yield Piece(name, Ink((tone, "strong", CALL)), 0)
        told = wording.one_line(wording.tool_state(call, live=live))
        yield Piece(f"  {told}", Ink((tone, CALL)))
        # Places are those in the words that can be found (see ``finding``).
        yield Piece(f"  {wording.tool_preview(call)}", Ink((tone, "dim", CALL)), len(name))

    return OneLine(say)


def part_section(
    part: Part, run: Run | None, *, markdown: bool, is_open: Callable[[], bool]
) -> Section:
    """The lines of a part of a run's message; ``markdown`` when its text is the model's."""
    if part.tool is not None:
        return tool_line(part.tool, run)
    if part.kind is PartKind.REASONING:
        return Reasoning(part, is_open=is_open)
    if part.kind is PartKind.TEXT and markdown:
        return Answer(part)
    return Words(lambda: _plain(part))


def sources_section(part: Part) -> Words:
    """What an answer cites, numbered, a line each."""

    def say() -> Iterable[Piece]:
        for number, (label, link) in enumerate(sources(part.annotations), 1):
            yield Piece(f"{NEW_LINE if number > 1 else ''}", Ink())
            yield Piece(f"[{number}] ", Ink(("note",)))
            yield Piece(label, Ink(("note",), link or ""))

    return Words(say)


NEW_LINE = "\n"


def _plain(part: Part) -> Iterable[Piece]:
    if part.kind in (PartKind.IMAGE, PartKind.FILE):
        yield Piece(f"[{part.kind.value}] ", Ink(("note",)))
    if part.kind is PartKind.REFUSAL:
        yield Piece("Refused: ", Ink(("warning", "strong")))
    tones = ("warning",) if part.kind is PartKind.REFUSAL else ()
    yield from as_it_is(str(part.text), tones)


def as_it_is(text: str, tones: tuple[str, ...] = (), *, indent: str = "") -> Iterable[Piece]:
    """Text a line for a line, made harmless, its blanks kept; places are those in ``text``."""
    at = 0
    ink = Ink(tones)
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Piece(NEW_LINE, ink, at - 1)
        shown = sanitise(line.expandtabs(_TAB))
        if exact := shown == line:
            begin = len(line) - len(line.lstrip(" "))
            # A blank that begins a line is no gap between words.
            shown = _NO_BREAK * begin + line[begin:]
        if indent:
            yield Piece(indent.replace(" ", _NO_BREAK), ink)
        yield Piece(shown, ink, at if exact else -1)
        at += len(line) + 1


def cut(pieces: Iterable[Piece], width: int) -> tuple[Piece, ...]:
    """As many of the pieces as fit on one line; a mark at its end says that there is more."""
    kept: list[Piece] = []
    room = width
    for piece in pieces:
        cells = cell_len(piece.text)
        if cells > room:
            text = set_cell_size(piece.text, max(0, room - 1)) + "…" if room > 0 else ""
            return (*kept, piece._replace(text=text))
        kept.append(piece)
        room -= cells
    return tuple(kept)


def wrapped(pieces: Iterable[Piece], width: int) -> list[Line]:
    """The pieces as lines of at most ``width`` cells."""
    wrapper = Wrapper(width)
    rows = [*wrapper.feed(pieces), *wrapper.finish(0)]
    lines = []
    for row, _ in rows:
        places = [piece for piece in row if piece.at >= 0]
        start = places[0].at if places else 0
        end = places[-1].at + len(places[-1].text) if places else 0
        lines.append(Line(row, start, end, -1))
    return lines
