"""The column of lines as a property: whatever happens, the reader sees consecutive lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui.core.models import PartKind
from tui.core.text import GrowingText
from tui.core.thread import Part
from tui.ui.chat.column import Column, Spot
from tui.ui.chat.entries import MessageRow, Row
from tui.ui.chat.row_lines import Shown
from tui.ui.markdown import Line, Piece


@cache
def _part(name: str) -> Part:
    """A row that is made anew shows the same part."""
    text = GrowingText("x")
    return Part(id=name, message_id=name, index=0, kind=PartKind.TEXT, text=text)


class Words:
    """A row of so many characters, which are wrapped to the width; every line says its place."""

    def __init__(self, name: str, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.part = _part(name)
        self.width = 1

    @property
    def height(self) -> int:
        return -(-self.sizes[self.part.id] // self.width)

    def fit(self, width: int) -> None:
        self.width = width

    def sync(self) -> None:
        """It looks up its size each time."""

    def line(self, index: int) -> Shown:
        at = index * self.width
        end = min(at + self.width, self.sizes[self.part.id])
        return Shown(Line((Piece("x", at=at),), at, end, 0), part=self.part)


def name_of(row: Row) -> str:
    assert isinstance(row, MessageRow)
    return row.message_id


class Reading(RuleBasedStateMachine):
    """Random rows with random heights that change; moves, resizes, appends, insertions."""

    @initialize(sizes=st.lists(st.integers(0, 60), max_size=12), height=st.integers(1, 12))
    def open(self, sizes: list[int], height: int) -> None:
        self.sizes: dict[str, int] = {}
        self.count = 0
        self.column = Column(
            lambda row: Words(name_of(row), self.sizes), lambda row, width: len(name_of(row)) % 4
        )
        self.column.resize(10, height)
        self.column.begin([self.new(size) for size in sizes])
        self.followed = True
        self.kept: tuple[tuple[str, int] | None, int] = (None, 0)

    def new(self, size: int) -> MessageRow:
        self.count += 1
        self.sizes[f"m{self.count}"] = size
        return MessageRow(f"m{self.count}", headed=True)

    def top(self) -> tuple[str, int] | None:
        """The row on top and the place in its text that the first line shows."""
        view = self.column.view()
        if not view or self.column.following:
            return None
        return name_of(self.column.rows[view[0].row]), self.column.shown(view[0]).line.start

    def heights(self) -> Iterator[int]:
        return (-(-self.sizes[name_of(row)] // self.column.width) for row in self.column.rows)

    def everything(self) -> list[Spot]:
        return [
            Spot(row, line) for row, height in enumerate(self.heights()) for line in range(height)
        ]

    def read(self) -> None:
        """The reader did something: whether the end is followed is for them to say."""
        self.followed = self.column.following

    @rule(lines=st.integers(-30, 30))
    def move(self, lines: int) -> None:
        before = self.column.view()
        self.column.move(lines)
        everything = self.everything()
        if before:
            first = max(0, everything.index(before[0]) + lines)
            last = max(0, len(everything) - self.column.height)
            assert self.column.view()[0] == everything[min(first, last)]
            assert self.column.following == (first >= last)
        self.read()

    @rule(share=st.floats(0, 1))
    def reveal(self, share: float) -> None:
        everything = self.everything()
        if everything:
            spot = everything[round(share * (len(everything) - 1))]
            self.column.reveal(spot, 2)
            assert spot in self.column.view()
            self.read()

    @rule()
    def follow(self) -> None:
        self.column.follow()
        self.read()

    @rule(size=st.integers(0, 60))
    def append(self, size: int) -> None:
        self.column.change([*self.column.rows, self.new(size)])

    @rule(share=st.floats(0, 1), size=st.integers(0, 60))
    def insert(self, share: float, size: int) -> None:
        top = self.top()
        rows = list(self.column.rows)
        rows.insert(round(share * len(rows)), self.new(size))
        self.column.change(rows)
        if top is not None:
            assert self.top() == top

    @precondition(lambda self: self.column.rows)
    @rule(share=st.floats(0, 1), more=st.integers(0, 40))
    def grow(self, share: float, more: int) -> None:
        """A message that streams; above, below, or the one that is read."""
        top = self.top()
        row = self.column.rows[round(share * (len(self.column.rows) - 1))]
        self.sizes[name_of(row)] += more
        self.column.changed(row)
        if top is not None:
            assert self.top() == top

    @rule(width=st.integers(1, 30), height=st.integers(1, 12))
    def resize(self, width: int, height: int) -> None:
        top = self.top()
        # Of several widths in a row all show what the first one did.
        at = self.kept[1] if self.kept[0] == top else (top or ("", 0))[1]
        self.column.resize(width, height)
        view = self.column.view()
        if top is None or not view:
            return
        line = self.column.shown(view[0]).line
        stays = name_of(self.column.rows[view[0].row]) == top[0] and line.start <= at < line.end
        assert stays or view[-1:] == self.everything()[-1:]  # or the end has come nearer
        self.kept = (self.top(), at) if stays else (None, 0)

    @invariant()
    def consecutive_lines_are_shown(self) -> None:
        everything = self.everything()
        view = self.column.view()
        assert len(view) == min(len(everything), self.column.height)
        places = [everything.index(spot) for spot in view]
        assert all(after == before + 1 for before, after in pairwise(places))
        if self.column.following:
            assert view == everything[len(everything) - len(view) :]

    @invariant()
    def only_the_reader_begins_or_ends_following(self) -> None:
        assert self.column.following is self.followed


Reading.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestReading = Reading.TestCase
