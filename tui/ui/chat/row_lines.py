"""The rows of a conversation as lines: a message with its parts, what is said of a run, a rule."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple, Protocol

from tui.core.models import PartId, PartKind, Role
from tui.core.thread import Message, Part, Run
from tui.core.transcript import Transcript
from tui.ui import wording
from tui.ui.chat.sections import (
    NEW_LINE,
    Answer,
    OneLine,
    Section,
    Words,
    part_section,
    sources_section,
)
from tui.ui.markdown import Ink, Line, Piece
from tui.ui.session import is_partial

# So many tool calls of one message have a line of their own here.
MOST_TOOLS = 50
INDENT = 2

_LABELS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}
_BLANK = Line((), 0, 0, -1)
_AUTHOR = Ink(("note", "strong"))
_READER = Ink(("primary", "strong"))


class Shown(NamedTuple):
    """A line in its place: how far it is indented, what part it belongs to, and what shows it."""

    line: Line = _BLANK
    indent: int = 0
    part: Part | None = None
    section: Section | None = None


class _Stretch(NamedTuple):
    """A section with the gap above it."""

    section: Section
    indent: int
    gap: int = 0
    part: Part | None = None


class RowLines(Protocol):
    """A row. ``fit`` comes before the rest is asked for, once a width."""

    @property
    def height(self) -> int:
        """How many lines it has now."""
        ...

    def fit(self, width: int) -> None:
        """Lay out for so many cells."""
        ...

    def sync(self) -> None:
        """Take in what has changed since."""
        ...

    def line(self, index: int) -> Shown:
        """One of its lines."""
        ...


class _Stretches:
    """Sections below each other; one blank line is above the first."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._ends: list[int] = []  # the line behind each stretch; empty when not known
        self._width = 1

    @property
    def height(self) -> int:
        body = self._measured()[-1] if self._stretches else 0
        return body + 1 if body else 0

    def fit(self, width: int) -> None:
        self._width = width
        self._ends.clear()
        for stretch in self._stretches:
            stretch.section.fit(max(1, width - stretch.indent))

    def sync(self) -> None:
        self._ends.clear()
        for stretch in self._stretches:
            stretch.section.sync()

    def line(self, index: int) -> Shown:
        index -= 1
        ends = self._measured()
        place = bisect_right(ends, index)
        if index < 0 or place == len(ends):
            return Shown()
        stretch = self._stretches[place]
        inside = index - (ends[place] - _height(stretch)) - stretch.gap
        if inside < 0:
            return Shown(part=stretch.part)
        return Shown(stretch.section.lines[inside], stretch.indent, stretch.part, stretch.section)

    def _measured(self) -> list[int]:
        if not self._ends:
            self._ends = list(accumulate(map(_height, self._stretches)))
        return self._ends

    def _put(self, place: int, stretch: _Stretch) -> None:
        stretch.section.fit(max(1, self._width - stretch.indent))
        self._stretches.insert(place, stretch)
        self._ends.clear()


def _height(stretch: _Stretch) -> int:
    lines = len(stretch.section.lines)
    return lines + stretch.gap if lines else 0


class MessageLines(_Stretches):
    """A message with its author's name above it, unless the row before said so already.

    ``branch``: which of how many answers it begins, if there are several. ``is_open`` says whether
    a part's reasoning is unfolded.
    """

    def __init__(
        self,
        message: Message,
        run: Run | None,
        *,
        headed: bool,
        branch: tuple[int, int] | None,
        is_open: Callable[[Part], bool],
    ) -> None:
        super().__init__()
        self.message = message
        self._run = run
        self._is_open = is_open
        self._known: set[PartId] = set()
        self._order: list[Part] = []
        self._tools = 0
        self._left_out = 0
        if headed:
            self._stretches.append(_Stretch(_author(message, branch), 0))
        self._head = len(self._stretches)
        self._more = Words(self._say_more)
        self._stretches.append(_Stretch(self._more, INDENT))
        self._take_parts()

    @property
    def thoughts(self) -> list[Part]:
        """The parts that can be folded."""
        return [part for part in self.message.parts if part.kind is PartKind.REASONING]

    def sync(self) -> None:
        if len(self._known) != len(self.message.parts):
            self._take_parts()
        super().sync()

    def _take_parts(self) -> None:
        for part in self.message.parts:
            if part.id not in self._known:
                self._known.add(part.id)
                self._take(part)
        self._more.sync()

    def _take(self, part: Part) -> None:
        if part.tool is not None:
            self._tools += 1
            if self._tools > MOST_TOOLS:
                self._left_out += 1
                return
        # Parts can start out of order; a reader sees them by index.
        later = (
            place
            for place, stretch in enumerate(self._stretches)
            if stretch.part is not None and stretch.part.index > part.index
        )
        place = next(later, len(self._stretches) - 1)
        markdown = self.message.role is Role.ASSISTANT
        section = part_section(
            part, self._run, markdown=markdown, is_open=lambda: self._is_open(part)
        )
        apart = isinstance(section, Answer) and place > self._head
        self._put(place, _Stretch(section, INDENT, gap=int(apart), part=part))
        if part.kind is PartKind.TEXT and markdown:
            self._put(place + 1, _Stretch(sources_section(part), INDENT, part=part))

    def _say_more(self) -> Iterable[Piece]:
        if self._left_out:
            calls = wording.count(self._left_out, "more tool call")
            yield Piece(f"… {calls}; the inspector has all of them (Ctrl+O)", Ink(("note",)))


class OutcomeLines(_Stretches):
    """What a reader has to know about a run: waits, notices, an ending that is not success.

    ``wait`` is for how many seconds nothing is sent yet, as far as the clock said.
    """

    def __init__(self, transcript: Transcript, run: Run, *, headed: bool) -> None:
        super().__init__()
        self.run = run
        self.wait: float | None = None
        self._transcript = transcript
        self._headed = headed
        self._words = Words(self._say)
        self._stretches = [
            _Stretch(Words(self._say_author), 0),
            _Stretch(self._words, INDENT),
        ]

    def _say_author(self) -> Iterator[Piece]:
        if self._headed and self._told():
            yield Piece(_LABELS[Role.ASSISTANT], _AUTHOR)

    def _say(self) -> Iterator[Piece]:
        for number, (kind, text) in enumerate(self._told()):
            if number:
                yield Piece(NEW_LINE)
            yield Piece(text, Ink(("error" if kind == "problem" else "note",)))

    def _told(self) -> list[tuple[str, str]]:
        run, transcript = self.run, self._transcript
        latest = transcript.latest_run()
        newest = latest is not None and latest.id == run.id
        partial = newest and run.tail_id == transcript.leaf_id and is_partial(transcript, run)
        if run.retry is None:
            self.wait = None
        return wording.outcome_lines(run, newest=newest, partial=partial, wait=self.wait)


class RuleLines(_Stretches):
    """A line across the conversation, with words in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._stretches = [_Stretch(OneLine(lambda: (_rule(text),)), 0)]


def _rule(text: str) -> Piece:
    return Piece(f"── {text} ──", Ink(("note",)))


def _author(message: Message, branch: tuple[int, int] | None) -> Section:
    label = wording.one_line(message.author, 40) or _LABELS[message.role]
    place = "" if branch is None else f" · answer {branch[0]} of {branch[1]} (Alt+← Alt+→)"
    ink = _READER if message.role is Role.USER else _AUTHOR
    return OneLine(lambda: (Piece(label + place, ink),))


def line_of(lines: RowLines, part: Part, at: int, otherwise: int) -> int:
    """The line of a row that shows that place of a part's text."""
    for index in range(lines.height):
        shown = lines.line(index)
        if shown.part is part and shown.line.end > at:
            return index
    return otherwise
