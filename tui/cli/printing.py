"""How ``ask`` prints: the answer as it streams, or every envelope as a line of JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from tui.cli.door import json_line
from tui.core import events as e
from tui.core.codec import encode_envelope
from tui.core.models import Outcome, PartId, PartKind, RunState, ToolOrigin, ToolState
from tui.core.sanitise import sanitise
from tui.core.text import GrowingText
from tui.core.thread import Run, ToolCall
from tui.core.transcript import Transcript

_SHOWN = (PartKind.TEXT, PartKind.REFUSAL)
_NOTE_LENGTH = 100
_APPROVED_BY = {"flag": "--yes was given", "policy": "the policy allows it", "user": "allowed"}
_ENDED = {
    Outcome.CANCELLED: "Cancelled.",
    Outcome.INCOMPLETE: "The answer is incomplete.",
    Outcome.EXPIRED: "The run expired before it was complete.",
    Outcome.FAILED: "The run failed.",
    Outcome.DISCONNECTED: "The connection was lost.",
    Outcome.TRUNCATED: "The stream ended before the answer was complete.",
}


class Printer(Protocol):
    """Shows a run as it goes on."""

    def show(self, transcript: Transcript, envelope: e.Envelope) -> None:
        """Print what this envelope changed; it is applied already. May raise BrokenPipeError."""
        ...

    def finish(self, run: Run) -> None:
        """Say how it ended."""
        ...


def ending(run: Run) -> list[str]:
    """How a run ended, in lines for a person; nothing for one that completed or goes on."""
    if run.state is RunState.INTERRUPTED:
        return ["The run was interrupted: its process ended before it did."]
    if run.outcome in (None, Outcome.COMPLETED):
        return []
    reason = f" ({run.reason})" if run.reason else ""
    lines = [f"{_ENDED[run.outcome].rstrip('.')}{reason}."]
    if run.error is not None:
        lines += [line for line in (run.error.message, run.error.hint) if line]
    return [sanitise(line) for line in lines]


@dataclass(slots=True)
class JsonPrinter:
    """One envelope a line (docs/json.md); ASCII only, so nothing can steer a terminal."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    def show(self, transcript: Transcript, envelope: e.Envelope) -> None:
        self.out.write(json_line(encode_envelope(envelope)) + "\n")
        self.out.flush()

    def finish(self, run: Run) -> None:
        """The last line said it."""


@dataclass(slots=True)
class TextPrinter:
    """The answer to standard output, calls and problems to standard error.

    A terminal never gets control characters; a pipe or a file gets the text as it is.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    _printed: dict[PartId, GrowingText] = field(default_factory=dict)
    _fresh_line: bool = True

    def show(self, transcript: Transcript, envelope: e.Envelope) -> None:
        event = envelope.event
        match event:
            case e.TextDelta():
                self._print_delta(transcript, event)
            case e.PartFinished():
                self._print_rest(transcript, event.part_id)
            case e.ApprovalDecided() | e.ToolStarted() | e.ToolFinished():
                call = transcript.calls.get((envelope.run or "", event.call_id))
                if call is not None and call.origin is not ToolOrigin.CLIENT:
                    self._note_remote(call, event)
                elif call is not None and not isinstance(event, e.ApprovalDecided):
                    self._note_call(call)
            case e.NoticeAdded():
                self._note(sanitise(event.text))
            case e.RetryScheduled():
                self._note(f"{sanitise(event.reason)} Trying again in {event.delay:.1f} s.")

    def finish(self, run: Run) -> None:
        self._end_line()
        for line in ending(run):
            self._note(line)

    def _print_delta(self, transcript: Transcript, event: e.TextDelta) -> None:
        part = transcript.parts.get(event.part_id)
        done = len(self._printed.get(event.part_id, ""))
        # Not the whole text, which takes longer the longer it is.
        if part is not None and part.kind in _SHOWN and done + len(event.text) == len(part.text):
            self._print(event.part_id, event.text)
        else:
            self._print_rest(transcript, event.part_id)

    def _print_rest(self, transcript: Transcript, part_id: PartId) -> None:
        part = transcript.parts.get(part_id)
        if part is None or part.kind not in _SHOWN:
            return
        text, printed = str(part.text), str(self._printed.get(part_id, ""))
        if not text.startswith(printed):
            self._note("The provider corrected this text; here is the whole of it:")
            self._printed[part_id].replace("")
            printed = ""
        self._print(part_id, text.removeprefix(printed))

    def _print(self, part_id: PartId, text: str) -> None:
        if not text:
            return
        if part_id not in self._printed and self._printed:
            self._end_line()
            self.out.write("\n")
        self._printed.setdefault(part_id, GrowingText()).append(text)
        self.out.write(sanitise(text) if self.out.isatty() else text)
        self.out.flush()
        self._fresh_line = text.endswith("\n")

    def _note_call(self, call: ToolCall) -> None:
        name = sanitise(call.name)
        if call.state is ToolState.RUNNING:
            self._note(f"→ {name} {_short(str(call.arguments))}")
        elif call.state is ToolState.DENIED:
            reason = call.decision.reason if call.decision else ""
            self._note(f"✗ {name} was not run: {sanitise(reason) or 'denied'}")
        else:
            mark = "✗" if call.is_error else "✓"
            self._note(f"{mark} {name} {_short(str(call.output))}")

    def _note_remote(self, call: ToolCall, event: e.Event) -> None:
        """A call that somebody else's server runs, if it is allowed: only that is decided here."""
        if not isinstance(event, e.ApprovalDecided):
            return
        name, server = sanitise(call.name), sanitise(call.server or "the provider")
        self._note(f"→ {name} of {server} {_short(str(call.arguments))}")
        decision = event.decision
        if decision.approved:
            self._note(f"✓ {name} may run at {server}: {_APPROVED_BY.get(decision.by, 'approved')}")
        else:
            self._note(f"✗ {name} may not run at {server}: {sanitise(decision.reason) or 'denied'}")

    def _note(self, text: str) -> None:
        self._end_line()
        self.err.write(text + "\n")
        self.err.flush()

    def _end_line(self) -> None:
        """Start notes and new parts on a line of their own."""
        if not self._fresh_line:
            self.out.write("\n")
            self.out.flush()
            self._fresh_line = True


def _short(text: str) -> str:
    line = " ".join(sanitise(text).split())
    return line if len(line) <= _NOTE_LENGTH else line[: _NOTE_LENGTH - 1] + "…"
