"""The messages that wait for the answer before them, above the box they were written in."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui.core.thread import QueuedMessage
from tui.ui import wording

_MOST = 3


class QueueView(Static):
    """What becomes of them, then the first few, a line each; not there while nothing waits."""

    DEFAULT_CSS = """
    QueueView {
        height: auto;
        padding: 0 2;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="queue", markup=False)
        self.display = False
        self._shown: tuple[tuple[str, ...], bool] = ((), False)

    def show(self, queue: Sequence[QueuedMessage], *, answering: bool) -> None:
        """Show these; while ``answering`` they go out by themselves, one after each answer."""
        lines = tuple(wording.one_line(message.text) for message in queue)
        if (lines, answering) == self._shown:
            return
        self._shown = (lines, answering)
        self.display = bool(lines)
        self.update(Content("\n").join(_rows(lines, answering)))


def _rows(lines: Sequence[str], answering: bool) -> list[Content]:
    head = "Next, after this answer (↑ takes the last back):"
    if not answering:
        head = "Waiting: Enter sends the first, ↑ takes one back."
    rows = [Content(head)]
    shown = lines if len(lines) <= _MOST else lines[: _MOST - 1]
    rows += [Content.styled(f"{place}  {line}", "dim") for place, line in enumerate(shown, 1)]
    if len(shown) < len(lines):
        rows.append(Content.styled(f"… and {len(lines) - len(shown)} more", "dim"))
    return rows
