"""The inspector: the tool calls of a run, and the raw events behind them, in two tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from tui.core.events import Envelope, RunStarted
from tui.core.models import CallId, RunId, WireEvent
from tui.core.services import LogEntry
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.ui.inspector.arguments_view import ArgumentsView
from tui.ui.inspector.calls_view import CallsView
from tui.ui.inspector.heading import InspectorHeading
from tui.ui.inspector.measure import size
from tui.ui.inspector.wire_view import WireView

_CALLS, _WIRE = 0, 1
# The one event that is not JSON, by the protocols' own rule.
_END_OF_STREAM = "[DONE]"


def _costs_nothing(_: Run) -> str:
    return ""


class InspectorPane(Vertical):
    """Give it a run with ``show``, every later item with ``apply``, and ``flush`` once a frame.

    It follows the newest run while it shows the newest. When the reader goes to another run it
    shows what the transcript has, and asks for the rest with ``RunSelected``.
    """

    BORDER_TITLE = "Inspector"
    DEFAULT_CSS = (Path(__file__).parent / "inspector.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,left", "show_calls", "Calls", key_display="1", tooltip="Tool calls"),
        Binding("2,right", "show_wire", "Wire", key_display="2", tooltip="Raw events"),
        Binding("left_square_bracket", "step_run(-1)", "Earlier run", key_display="[", show=False),
        Binding("right_square_bracket", "step_run(1)", "Later run", key_display="]", show=False),
    ]

    class RunSelected(Message):
        """The reader chose another run; its raw events are wanted: ``show(..., run_id, wire)``."""

        def __init__(self, run_id: RunId) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own name
        super().__init__(id=id)
        self._transcript = Transcript("")
        self._run_id: RunId | None = None
        self._cost_of: Callable[[Run], str] = _costs_nothing
        self._tab = _CALLS
        self._heading = InspectorHeading()
        self._calls = CallsView(id="calls")
        self._wire = WireView(id="wire")
        self._event = ArgumentsView(id="wire-event")

    def compose(self) -> ComposeResult:
        """The heading, and all views; only those of the tab are displayed."""
        yield self._heading
        yield self._calls
        yield self._wire
        yield self._event

    def on_mount(self) -> None:
        """Begin with the calls."""
        self._show_tab(_CALLS)

    # --- data ------------------------------------------------------------------------------

    @property
    def run_id(self) -> RunId | None:
        """The run that is shown."""
        return self._run_id

    def tell_costs(self, cost_of: Callable[[Run], str]) -> None:
        """What to say about the cost of a run, if anything."""
        self._cost_of = cost_of

    def show(
        self,
        transcript: Transcript,
        run_id: RunId | None,
        wire: Sequence[WireEvent] | None,
    ) -> None:
        """Show a run of this thread (None: its newest) with its raw events so far.

        ``wire`` None means that they were not read yet. Calling it again for the same run keeps
        the reader's place and what came since.
        """
        run_id = run_id or next(reversed(transcript.runs), None)
        same = transcript is self._transcript and run_id == self._run_id
        self._transcript, self._run_id = transcript, run_id
        run = self._run
        began = run.started_mono if run else 0.0
        if same:
            self._wire.merge(wire or (), began)
        else:
            self._wire.show(wire or (), began)
        if wire is not None and run is not None:
            # An answer that began came over the wire.
            self._wire.tell_compacted(run.tail_id != run.parent_id and not run.active)
        self._calls.show(transcript, run_id)

    def apply(self, item: LogEntry) -> None:
        """Take notice of an item; the transcript holds its envelopes already."""
        if isinstance(item, WireEvent):
            if item.run_id == self._run_id:
                self._wire.add(item)
            return
        if isinstance(item.event, RunStarted):
            self._follow_run(item)
        if item.run == self._run_id:
            self._calls.apply(item.event)

    def flush(self) -> None:
        """Paint what changed since the last frame; call it once at the end of one."""
        runs = list(self._transcript.runs)
        place = ""
        if self._run_id in runs:
            place = f"Run {runs.index(self._run_id) + 1} of {len(runs)}"
        counts = self._calls.count, len(self._wire.listed)
        cost = self._cost_of(self._run) if self._run else ""
        self._heading.show(self._tab, counts, self._run, place, cost)
        if self._tab == _CALLS:
            self._calls.repaint()
        else:
            self._wire.repaint()
            self._event.repaint()

    def select_call(self, call_id: CallId) -> None:
        """Open a call, in whichever run it is, and show its tab."""
        if not self._calls.select_call(call_id):
            run_id = self._run_of(call_id)
            if run_id is None:
                return
            self._go_to_run(run_id)
            self._calls.select_call(call_id)
        self.action_show_calls()

    @property
    def _run(self) -> Run | None:
        return self._transcript.runs.get(self._run_id or "")

    def _run_of(self, call_id: CallId) -> RunId | None:
        calls = reversed(self._transcript.calls)
        return next((run for run, each in calls if each == call_id), None)

    def _follow_run(self, envelope: Envelope) -> None:
        """A run began; go there if the reader was at the end of the runs."""
        runs = list(self._transcript.runs)
        if self._run_id is None or self._run_id in runs[-2:]:
            self.show(self._transcript, envelope.run, None)

    def _go_to_run(self, run_id: RunId) -> None:
        self.show(self._transcript, run_id, None)
        self.post_message(self.RunSelected(run_id))

    # --- the reader ------------------------------------------------------------------------

    def show_calls(self) -> None:
        """Go to the tab with the tool calls."""
        self._show_tab(_CALLS)

    def show_wire(self) -> None:
        """Go to the tab with the raw events."""
        self._show_tab(_WIRE)

    def copy_arguments(self) -> None:
        """Put the arguments of the selected or newest call on the clipboard."""
        self._calls.action_copy_arguments()

    def copy_output(self) -> None:
        """Put the output of the selected or newest call on the clipboard."""
        self._calls.action_copy_output()

    def copy_event(self) -> None:
        """Put the chosen or newest raw event on the clipboard."""
        self._wire.action_copy()

    def action_show_calls(self) -> None:
        """Go to the tab with the tool calls."""
        self.show_calls()

    def action_show_wire(self) -> None:
        """Go to the tab with the raw events."""
        self.show_wire()

    def action_step_run(self, by: int) -> None:
        """Go to the run before or after."""
        runs = list(self._transcript.runs)
        if self._run_id not in runs:
            return
        place = runs.index(self._run_id) + by
        if 0 <= place < len(runs):
            self._go_to_run(runs[place])
            self.flush()

    def _show_tab(self, tab: int) -> None:
        had_focus = self.has_focus_within
        self._tab = tab
        self._calls.display = tab == _CALLS
        self._wire.display = tab == _WIRE
        self._event.display = tab == _WIRE and self._wire.opened
        if had_focus:
            (self._calls if tab == _CALLS else self._wire).focus()
        self.flush()

    @on(InspectorHeading.TabClicked)
    def _tab_clicked(self, event: InspectorHeading.TabClicked) -> None:
        event.stop()
        self._show_tab(event.tab)

    @on(WireView.Chosen)
    def _event_chosen(self, message: WireView.Chosen) -> None:
        message.stop()
        event = message.event
        if event is None:
            if self._event.has_focus:
                self._wire.focus()
            self._event.display = False
            return
        title = f"{event.index} · {event.name} · {size(event.data)}"
        self._event.show(event.data, title=title, plain=event.data == _END_OF_STREAM)
        self._event.display = self._tab == _WIRE
        self._event.repaint()
