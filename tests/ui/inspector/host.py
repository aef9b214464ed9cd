"""A small app around the inspector, and a script of a run that feeds it as the real app does."""

from __future__ import annotations

import json
from collections.abc import Iterator

from textual.app import App, ComposeResult
from textual.widgets import Footer

from tui.core import events as e
from tui.core.models import (
    Decision,
    Need,
    Outcome,
    PartKind,
    Problem,
    Role,
    ToolOrigin,
    ToolRef,
    WireEvent,
)
from tui.core.services import LogEntry
from tui.core.transcript import Transcript
from tui.ui.inspector.lines import LineWidget
from tui.ui.inspector.pane import InspectorPane
from tui.ui.themes import DARK, THEMES

EPOCH = 1_790_000_000.0


class Host(App[None]):
    """The pane and a footer, nothing else."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, script: Script | None = None, theme: str = DARK) -> None:
        super().__init__()
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        self.script = script or Script()
        self.pane = InspectorPane()
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        """Pane above footer."""
        yield self.pane
        yield Footer()

    def on_mount(self) -> None:
        """What had happened before the app came."""
        self.script.deliver_to(self.pane)

    def on_inspector_pane_run_selected(self, message: InspectorPane.RunSelected) -> None:
        """The app would load the raw events now."""
        self.asked.append(message.run_id)

    def catch_up(self) -> None:
        """Drain, apply and flush: one frame."""
        for item in self.script.fresh():
            self.pane.apply(item)
        self.pane.flush()

    def text(self) -> str:
        """What the pane shows, as plain text."""
        return "\n".join(self.rows())

    def rows(self) -> list[str]:
        """What the displayed widgets of the pane show, row by row."""
        widgets = self.pane.query(LineWidget)
        return [row for each in widgets if each.display for row in shown(each)]


def shown(widget: LineWidget) -> Iterator[str]:
    """The rows of a widget as they are painted."""
    for y in range(widget.size.height):
        yield widget.render_line(y).text.rstrip()


class Script:
    """Makes the envelopes and raw events of runs; ``transcript`` has folded all of them."""

    def __init__(self) -> None:
        self.transcript = Transcript("t1")
        self.wire: dict[str, list[WireEvent]] = {}
        self.mono = 100.0
        self._seq = 0
        self._run = ""
        self._message = ""
        self._waiting: list[LogEntry] = []
        self._parts: dict[str, str] = {}
        self._indexes: dict[str, int] = {}

    def deliver_to(self, pane: InspectorPane) -> None:
        """Show the newest run as after opening its thread."""
        self._waiting.clear()
        pane.show(self.transcript, None, self.wire.get(self._run))
        pane.flush()

    def fresh(self) -> list[LogEntry]:
        """What happened since the last call."""
        items, self._waiting = self._waiting, []
        return items

    def put(self, event: e.Event, after: float = 0.01) -> None:
        """Let an event happen ``after`` seconds."""
        self.mono += after
        self._seq += 1
        envelope = e.Envelope(
            thread="t1",
            seq=self._seq,
            at=EPOCH + self.mono,
            mono=self.mono,
            event=event,
            run=self._run or None,
        )
        self.transcript.apply(envelope)
        self._waiting.append(envelope)

    def raw(self, name: str, data: object, after: float = 0.01) -> None:
        """Let a raw event arrive."""
        self.mono += after
        listed = self.wire.setdefault(self._run, [])
        text = data if isinstance(data, str) else json.dumps(data)
        event = WireEvent(
            run_id=self._run,
            index=len(listed),
            at=EPOCH + self.mono,
            mono=self.mono,
            name=name,
            data=text,
        )
        listed.append(event)
        self._waiting.append(event)

    def begin(self, run: str = "r1") -> None:
        """A message and the run that answers it."""
        self._run = run
        self.put(e.MessageAdded(message_id=f"{run}u", parent_id=None, role=Role.USER))
        self.put(e.RunStarted(parent_id=f"{run}u"))
        self.next_round(1)

    def next_round(self, number: int) -> None:
        """Another turn with a message of its own."""
        self.put(e.TurnStarted(round=number))
        self._message = f"{self._run}m{number}"
        self.put(e.MessageStarted(message_id=self._message))

    def call(
        self, call_id: str, name: str, arguments: str = "", origin: ToolOrigin = ToolOrigin.CLIENT
    ) -> None:
        """A call begins, with the first of its arguments."""
        part = self._parts[call_id] = f"{self._message}-{call_id}"
        self._indexes[call_id] = len(self._indexes)
        tool = ToolRef(name=name, call_id=call_id, origin=origin)
        self.put(
            e.PartStarted(
                message_id=self._message,
                part_id=part,
                index=self._indexes[call_id],
                kind=PartKind.TOOL_CALL,
                tool=tool,
            )
        )
        self.more(call_id, arguments)

    def more(self, call_id: str, fragment: str, after: float = 0.01) -> None:
        """More of a call's arguments."""
        if fragment:
            self.put(e.ArgumentsDelta(part_id=self._parts[call_id], fragment=fragment), after)

    def need(self, *call_ids: str) -> None:
        """The turn ends: the arguments are complete and the model waits for these."""
        needs = []
        for call_id in call_ids:
            self.put(e.PartFinished(part_id=self._parts[call_id]))
            call = self.transcript.calls[self._run, call_id]
            needs.append(Need(call_id=call_id, name=call.name, arguments=str(call.arguments)))
        self.put(e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=tuple(needs)))

    def decide(self, call_id: str, *, approved: bool, by: str = "user", reason: str = "") -> None:
        """Someone decides about a call."""
        decision = Decision(approved=approved, by=by, reason=reason)
        self.put(e.ApprovalDecided(call_id=call_id, decision=decision))

    def run_tool(self, call_id: str, output: str, seconds: float, *, error: bool = False) -> None:
        """A tool runs and is done."""
        self.put(e.ToolStarted(call_id=call_id), 0.002)
        self.put(e.ToolFinished(call_id=call_id, output=output, is_error=error), seconds)

    def finish(self, outcome: Outcome = Outcome.COMPLETED, error: Problem | None = None) -> None:
        """The run is over."""
        self.put(e.RunFinished(outcome=outcome, error=error))
