"""The bar about an answer that was interrupted: go on, try again, or leave it as it is."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.core.models import RunId, ToolState
from tui.core.thread import Run, ToolCall
from tui.ui import wording

_GO_ON = "F8 go on, "
_ELSE = "F5 try again, F9 leave it"


class InterruptedBar(Static):
    """Says what can be done about the run; the screen has the keys."""

    DEFAULT_CSS = """
    InterruptedBar {
        height: auto;
        border: round $warning;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="interrupted", markup=False)
        self.display = False
        self._run_id: RunId | None = None
        self._answered: RunId | None = None
        self._shown: tuple[str, list[str]] | None = None

    @property
    def run_id(self) -> RunId | None:
        """The run that the bar is about, while it is there."""
        return self._run_id

    def show(self, run: Run | None, calls: list[ToolCall], *, can_go_on: bool) -> None:
        """Ask what to do with ``run``, unless the reader said so a moment ago; None asks nothing.

        ``calls`` are those of the run.
        """
        if run is None or run.id != self._answered:
            self._answered = None
        asks = run is not None and run.id != self._answered
        self._run_id = run.id if run is not None and asks else None
        self.display = asks
        if asks:
            self._draw(_GO_ON + _ELSE if can_go_on else _ELSE, _started(calls))

    def _draw(self, keys: str, notes: list[str]) -> None:
        if (keys, notes) == self._shown:
            return
        self._shown = (keys, notes)
        self.update(
            Content.assemble(
                ("! Interrupted", "bold $text-warning"),
                f"  {keys}",
                *(Content.styled(f"\n{note}", "dim") for note in notes),
            )
        )

    def answered(self) -> None:
        """The reader chose; the bar waits for what comes of it."""
        self._answered = self._run_id

    def ask_again(self) -> None:
        """What the reader chose could not be done."""
        self._answered = None


def _started(calls: list[ToolCall]) -> list[str]:
    names = [each.name for each in calls if each.state is ToolState.INTERRUPTED]
    if not names:
        return []
    return [f"Already started, so not run again: {wording.one_line(', '.join(names), 200)}."]
