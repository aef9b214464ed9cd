"""The inspector: the tool calls of a run and the raw events behind them, side by side in tabs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import Static

from tui.core.models import CallId, RunId, WireEvent
from tui.core.ports import LogItem
from tui.core.transcript import Transcript
from tui.ui.sanitise import sanitise


class InspectorPane(Static, can_focus=True):
    """The calls of the selected run, one line each with their raw arguments."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__("Tool calls appear here.", id=id, markup=False)
        self._transcript = Transcript("")
        self._run_id: RunId | None = None
        self._changed = False

    def show(self, transcript: Transcript, run_id: RunId | None, wire: Sequence[WireEvent]) -> None:
        """Show a run of this thread (None: its newest) with its raw events so far."""
        self._transcript, self._run_id, self._changed = transcript, run_id, True

    def apply(self, item: LogItem) -> None:
        """Take notice of an item that the transcript holds already."""
        self._changed = True

    def select_call(self, call_id: CallId) -> None:
        """Bring one call into view."""
        self._changed = True

    def flush(self) -> None:
        """Paint what changed since the last frame."""
        if self._changed:
            self._changed = False
            self.update(self._text())

    def _text(self) -> str:
        run_id = self._run_id or next(reversed(self._transcript.runs), "")
        calls = self._transcript.calls_of(run_id)
        lines = (f"{call.name} {call.state}\n{call.arguments}" for call in calls)
        return sanitise("\n".join(lines)) or "Tool calls appear here."
