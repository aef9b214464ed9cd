"""What a message has that a key can act on: its code, its links, its tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tui.core.sanitise import safe_link
from tui.core.thread import ToolCall
from tui.ui.chat.row_lines import MessageLines, Shown
from tui.ui.chat.sections import Answer


class Code(NamedTuple):
    """A block of code: the lines of its row on which it begins and ends, and where it is from."""

    first: int
    last: int
    section: Answer
    block: int

    @property
    def text(self) -> str:
        """The code, as it is to be copied."""
        return self.section.code(self.block)

    def shows(self, shown: Shown) -> bool:
        """Whether a line is one of its lines."""
        is_its = shown.section is self.section and shown.line.block == self.block
        return is_its and bool(shown.line.pieces)  # the gap below is no code


class Link(NamedTuple):
    """Where a link leads, and what stands there; both are safe."""

    url: str
    label: str


def codes(message: MessageLines) -> list[Code]:
    """The blocks of code of a message, in order."""
    found: dict[tuple[int, int], Code] = {}
    for index, shown in enumerate(_lines(message)):
        if isinstance(shown.section, Answer) and shown.line.pieces:
            code = Code(index, index, shown.section, shown.line.block)
            known = found.setdefault((id(code.section), code.block), code)
            found[id(code.section), code.block] = known._replace(last=index)
    return [code for code in found.values() if code.section.is_code(code.block)]


def links(message: MessageLines) -> list[Link]:
    """What may be opened, each target once."""
    found: dict[str, str] = {}
    for shown in _lines(message):
        for piece in shown.line.pieces:
            if piece.ink.link and (url := safe_link(piece.ink.link)):
                found.setdefault(url, piece.text.strip())
    return [Link(url, label) for url, label in found.items()]


def calls(message: MessageLines) -> list[ToolCall]:
    """Its tool calls, in order."""
    parts = sorted(message.message.parts, key=lambda part: part.index)
    return [part.tool for part in parts if part.tool is not None]


def _lines(message: MessageLines) -> Iterator[Shown]:
    return (message.line(index) for index in range(message.height))
