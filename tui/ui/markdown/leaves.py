"""Begins leaves: what a heading, fence, table or paragraph needs when its first line was read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias

from tui.ui.markdown import starts
from tui.ui.markdown.page import Ink, Piece
from tui.ui.markdown.pen import Pen
from tui.ui.markdown.prose import Prose
from tui.ui.markdown.starts import Cursor
from tui.ui.markdown.table import Table
from tui.ui.markdown.verbatim import Verbatim

Leaf: TypeAlias = Prose | Verbatim | Table

_BOX = {" ": Piece("☐ ", Ink(("marker",))), "x": Piece("☑ ", Ink(("done",)))}


def paragraph(pen: Pen, cursor: Cursor) -> Prose:
    """Running text; at the beginning of a list item perhaps with a box to tick."""
    pen.begin("paragraph", _start(pen, cursor))
    text = Prose("paragraph", pen.room, pen.tones)
    task = starts.TASK.match(cursor.rest)
    if task and pen.stack and pen.stack[-1].kind == "item" and not pen.stack[-1].started:
        cursor.place += task.end()
        box = _BOX[task.group(1).lower()]
        if pen.stack[-1].mark in ".)":
            text.lead(box)
        else:
            pen.stack[-1].first = (box,)
    text.add_line(cursor.rest, cursor.source, pen)
    return text


def table(pen: Pen, text: Prose, header: tuple[str, int], aligns: list[str]) -> Table:
    """A table whose header was the last line of a paragraph."""
    if text.length:
        text.close(pen, header[1])
        pen.begin("table", header[1])
    else:
        pen.page.blocks[-1].kind = "table"
    return Table(header, aligns, pen)


def indented(pen: Pen, cursor: Cursor) -> Verbatim:
    """Code that is indented by four."""
    pen.begin("code", _start(pen, cursor))
    code = Verbatim("code", None, starts.TAB)
    cursor.skip(starts.TAB)
    code.add(cursor.rest, cursor.source, pen)
    return code


def underline(pen: Pen, text: Prose, level: int) -> None:
    """The paragraph turned out to be a heading."""
    block = pen.page.blocks[-1]
    block.kind, block.level = "heading", level
    text.become_heading(_heading_tones(level))


def _heading_tones(level: int) -> tuple[str, ...]:
    return ("heading", f"h{min(level, 3)}")


def _heading(pen: Pen, cursor: Cursor) -> Prose:
    found = starts.HEADING.match(cursor.rest)
    level = len(found.group(1)) if found else 1
    pen.begin("heading", _start(pen, cursor), level)
    cursor.place += found.end() if found else 0
    text = Prose("heading", pen.room, _heading_tones(level))
    text.add_line(starts.CLOSING_HASHES.sub("", cursor.rest), cursor.source, pen)
    return text


def _rule(pen: Pen, cursor: Cursor) -> None:
    pen.begin("rule", _start(pen, cursor))
    pen.put((Piece("─" * pen.room, Ink(("rule",))),), cursor.end)


def _fence(pen: Pen, cursor: Cursor) -> Verbatim:
    found = starts.FENCE.match(cursor.rest)
    ticks, info, tildes, other = found.groups() if found else ("```", "", "", "")
    words = (info or other or "").split()
    language = words[0] if words else ""
    pen.begin("fence", _start(pen, cursor), language=language)
    sign = ticks or tildes
    code = Verbatim("fence", _closing(sign[0], len(sign)), cursor.skipped)
    code.head(language, pen, cursor.end)
    return code


def _math(pen: Pen, cursor: Cursor) -> Verbatim:
    return _until(pen, cursor, "math", starts.MATH[cursor.rest.strip()])


def _html(pen: Pen, cursor: Cursor) -> Verbatim | None:
    end = starts.html_end(cursor.rest)
    code = _until(pen, cursor, "html", end)
    return None if end is not None and end.search(cursor.rest) else code


def _until(pen: Pen, cursor: Cursor, kind: str, end: re.Pattern[str] | None) -> Verbatim:
    pen.begin(kind, _start(pen, cursor))
    leaf = Verbatim(kind, end)
    leaf.add(cursor.rest, cursor.source, pen)
    return leaf


BEGIN: Mapping[str, Callable[[Pen, Cursor], Leaf | None]] = {
    "heading": _heading,
    "rule": _rule,
    "fence": _fence,
    "math": _math,
    "html": _html,
}


@cache
def _closing(sign: str, length: int) -> re.Pattern[str]:
    return re.compile(rf"^ {{0,3}}{sign}{{{length},}}[ \t]*$")


def _start(pen: Pen, cursor: Cursor) -> int:
    """A block begins with its line, or where the one before it on the same line ends."""
    return max(pen.page.cursor, cursor.at)
