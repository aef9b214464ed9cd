"""A scrollable view of one JSON text that may still be arriving."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.core.sanitise import escape_invisible
from tui.ui.inspector.document import MOST, Document
from tui.ui.inspector.lines import (
    WORK_SECONDS,
    LineWidget,
    ScreenRow,
    Scroll,
    text_rows,
)
from tui.ui.thumb import thumb_rows
from tui.ui.wording import one_line


class ArgumentsView(LineWidget):
    """Pretty-prints while text arrives; stays at the end unless the reader scrolls away.

    Call ``show`` for a text, ``feed`` for more of it, and ``repaint`` once a frame.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "A line up", show=False),
        Binding("down", "scroll(1)", "A line down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "Top", show=False),
        Binding("end", "edge(1)", "End", show=False),
        Binding("c", "copy", "Copy", tooltip="Copy the event"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(id=id)
        self._document = Document()
        self._scroll = Scroll(0)
        self._title = ""

    @property
    def raw(self) -> str:
        """The text exactly as it came."""
        return str(self._document.raw)

    def show(
        self, text: str, *, title: str = "", plain: bool = False, growing: bool = False
    ) -> None:
        """Show another text, from its top, or following its end if it is ``growing``.

        ``plain`` text is shown line for line and need not be JSON.
        """
        self._document = Document(text, plain=plain)
        self._title = title
        self._scroll = Scroll(None if growing else 0)

    def feed(self, fragment: str) -> None:
        """The text goes on."""
        self._document.feed(fragment)

    def lay_out(self, width: int, height: int) -> list[ScreenRow]:
        """The title, what is wrong with the text if something is, and the rows in view."""
        rows = self._document.rows(width - 2)
        self._document.work(time.monotonic() + WORK_SECONDS)
        if self._document.behind:
            self.repaint_soon()
        head = self._head(width)[: max(0, height - 1)]
        height -= len(head)
        first = self._scroll.first(len(rows), height)
        marks = thumb_rows(first, len(rows), height)
        body = (
            ScreenRow(((" ", "plain"), *rows[first + y]), thumb=y in marks)
            for y in range(min(height, len(rows) - first))
        )
        return [*head, *body]

    def _head(self, width: int) -> list[ScreenRow]:
        title = one_line(self._title)
        head = [ScreenRow(((f" {title}", "note"),), "head")] if title else []
        if hidden := self._document.hidden:
            told = f"the first {MOST:,} characters; c copies the {hidden:,} more"
            head += text_rows(told, width)
        problem = self._document.problem
        return [*head, *(text_rows(problem, width, "bad") if problem else ())]

    def scroll_rows(self, by: int, y: int) -> None:
        """Move; at the end it follows again."""
        width, height = self.size
        if not width or not height:
            return
        height -= min(len(self._head(width)), height - 1)
        self._scroll.move(by, len(self._document.rows(width - 2)), height)
        self.repaint()

    def action_scroll(self, by: int) -> None:
        """Up or down by rows."""
        self.scroll_rows(by, 0)

    def action_page(self, direction: int) -> None:
        """Up or down by what is in view."""
        self.scroll_rows(direction * max(1, self.size.height - 2), 0)

    def action_edge(self, direction: int) -> None:
        """To the beginning or the end."""
        self.scroll_rows(direction * len(self._document.rows(self.size.width - 2)), 0)

    def action_copy(self) -> None:
        """Put the text as it came on the clipboard, invisible characters as escapes."""
        self.copy(escape_invisible(self.raw))
