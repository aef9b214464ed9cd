"""The lines below everything: where messages go, what the run does, what cannot be saved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from textual.content import Content
from textual.widgets import Static

from tui.core.errors import StoreError
from tui.core.models import Problem
from tui.ui import wording

# What was damaged before the start is over by then; in mid-session nothing is written any more.
_DAMAGED = "damaged"


class StatusLine(Static):
    """Where messages go on the right, the run's state before it, a remark in front.

    All texts are safe already.
    """

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        padding: 0 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__("Starting…", id="status", markup=False)
        self._target = "Starting…"
        self._run = ""
        self._remark = ""
        self._standing = ""
        self._shown = ("", "", "")

    def show(self, *, target: str, run: str) -> None:
        """Where messages go, and what the run does."""
        self._target, self._run = target, run
        self._draw()

    def say(self, remark: str) -> None:
        """A passing remark; it covers a standing one."""
        self._remark = remark
        self._draw()

    def keep_saying(self, standing: str) -> None:
        """A remark that stays until another is given."""
        self._standing = standing
        self._draw()

    def _draw(self) -> None:
        remark = self._remark or self._standing
        shown = (remark, self._run, self._target)
        if shown == self._shown:
            return
        self._shown = shown
        styles = ("bold $text-accent", "$foreground", "")
        told = [Content.styled(*piece) for piece in zip(shown, styles, strict=True) if piece[0]]
        self.update(Content("  │  ").join(told))


class StorageLine(Static):
    """Why nothing can be written just now; not there while all is well."""

    DEFAULT_CSS = """
    StorageLine {
        height: auto;
        max-height: 3;
        padding: 0 1;
        color: $text-warning;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="storage", markup=False)
        self.display = False
        self._problem: Problem | None = None

    @property
    def keeps_in_memory(self) -> bool:
        """Whether something waits to be written, and would be lost now."""
        return self._problem is not None and self._problem.code in (StoreError.code, _DAMAGED)

    def take(self, states: Sequence[Problem | None]) -> list[Problem]:
        """Show the last of these; returns problems that are over, which nobody has seen."""
        if not states:
            return []
        self._problem = states[-1]
        self.display = self._problem is not None
        if self._problem is not None:
            self.update(Content(f"! {wording.problem_text(self._problem)}"))
        return [each for each, after in pairwise(states) if each is not None and after is None]
