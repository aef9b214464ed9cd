"""The lines below everything: where messages go, what the run does, what cannot be saved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widgets import Static

from tui.core.errors import StoreError
from tui.core.models import Problem
from tui.ui import wording

# What was damaged before the start is over by then; in mid-session nothing is written any more.
_DAMAGED = "damaged"
_BETWEEN = "  │  "
# A remark may be cut to this; for more, the run's figures give way while it is there.
_REMARK_CELLS = 24


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
        self._shown = ("", "", "", 0)

    def on_resize(self) -> None:
        """What fits is another matter now."""
        self._draw()

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
        shown = (remark, self._run, self._target, self.content_size.width)
        if shown == self._shown:
            return
        self._shown = shown
        pieces = fitted(*shown)
        styles = ("bold $text-accent", "$foreground", "")
        told = [Content.styled(*piece) for piece in zip(pieces, styles, strict=True) if piece[0]]
        self.update(Content(_BETWEEN).join(told))


def fitted(remark: str, run: str, target: str, width: int) -> tuple[str, str, str]:
    """The three as they fit side by side: what is cut is the remark.

    When hardly any of it would be left the last of the run's figures go, never how it ended.
    """
    if not remark:
        return remark, run, target
    needed = min(cell_len(remark), _REMARK_CELLS)
    while (room := _room(run, target, width)) < needed and " · " in run:
        run = run.rpartition(" · ")[0]
    if cell_len(remark) > room:
        remark = set_cell_size(remark, room - 1) + "…" if room > 1 else ""
    return remark, run, target


def _room(run: str, target: str, width: int) -> int:
    return width - sum(cell_len(_BETWEEN + each) for each in (run, target) if each)


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
