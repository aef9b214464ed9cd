"""A text that grows and is shown at some width: the lines and their rows kept in step."""

from __future__ import annotations

from tui.core.text import GrowingText
from tui.ui.arguments import PrettyArguments
from tui.ui.inspector.rows import Rows


class Document:
    """Takes text in pieces; gives rows. Nothing is wrapped before someone asks for rows."""

    def __init__(self, text: str = "", *, plain: bool = False, lenient: bool = False) -> None:
        self._plain = plain
        self._lenient = lenient
        self._rows: Rows | None = None
        self._behind = False
        self._source = PrettyArguments(text, plain=plain, lenient=lenient)

    @property
    def raw(self) -> GrowingText:
        """The text exactly as it came."""
        return self._source.raw

    @property
    def problem(self) -> str:
        """Why it is not the JSON it should be, or nothing."""
        return self._source.problem

    def feed(self, fragment: str) -> None:
        """Take in more text."""
        self._source.feed(fragment)
        self._behind = True

    def replace(self, text: str) -> None:
        """Hold ``text`` instead; cheap when it is what is held already."""
        if len(text) == len(self.raw) and text == str(self.raw):
            return
        self._source = PrettyArguments(text, plain=self._plain, lenient=self._lenient)
        self._rows = None

    def rows(self, width: int) -> Rows:
        """All of it, wrapped."""
        if self._rows is None or self._rows.width != max(1, width):
            self._rows = Rows(self._source, width)
        elif self._behind:
            self._rows.update()
        self._behind = False
        return self._rows


def output_document(text: str, *, finished: bool) -> Document:
    """What a tool gave back: laid out if it is a JSON object or array, else as it is."""
    if finished and text[:1] in ("{", "["):
        pretty = PrettyArguments(text)
        if pretty.complete:
            return Document(text)
    return Document(text, plain=True)
