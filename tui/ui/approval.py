"""The bar that asks about a tool call: its name, its full arguments, approve or deny."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.core.models import CallId, RunId, ToolOrigin
from tui.core.sanitise import sanitise
from tui.core.thread import ToolCall
from tui.ui import wording
from tui.ui.arguments import PrettyArguments

_GOES_ON = "Interrupted: deciding goes on with the answer."
_SHARE = 0.4
# Characters of arguments in the bar; who has to read more needs more room.
_MOST = 4000
# The border and the question.
_FRAME_ROWS = 3


class ApprovalBar(Vertical):
    """Shows the oldest waiting call; it never takes the focus from someone who types."""

    DEFAULT_CSS = (Path(__file__).parent / "approval.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer(True)", "Approve"),
        Binding("d", "answer(False)", "Deny"),
    ]

    class Answered(Message):
        """The reader decided about the call in the bar."""

        def __init__(self, run_id: RunId, call_id: CallId, *, approved: bool) -> None:
            super().__init__()
            self.run_id = run_id
            self.call_id = call_id
            self.approved = approved

    def __init__(self) -> None:
        super().__init__(id="approval")
        self.display = False
        self._call: ToolCall | None = None
        self._answered: set[tuple[RunId, CallId]] = set()
        self._told = ""
        self._head = Static(markup=False, classes="head")
        self._note = Static(markup=False, classes="note")
        self._arguments = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A line with the question, and the arguments below it."""
        yield self._head
        yield self._note
        with VerticalScroll(id="approval-arguments"):
            yield self._arguments

    @property
    def call(self) -> ToolCall | None:
        """The call that the bar asks about."""
        return self._call

    def show(self, waiting: list[ToolCall], *, interrupted: bool = False) -> None:
        """Ask about the first of these that was not answered a moment ago.

        ``interrupted``: their run was, and goes on with the decision.
        """
        keys = {(call.run_id, call.call_id) for call in waiting}
        self._answered &= keys
        left = [call for call in waiting if (call.run_id, call.call_id) not in self._answered]
        self._show_call(left[0] if left else None, len(left))
        self._show_note(interrupted=interrupted)

    def _show_note(self, *, interrupted: bool) -> None:
        notes = [_place(self._call)] if self._call is not None else []
        notes += [_GOES_ON] if interrupted else []
        told = "\n".join(filter(None, notes))
        if told != self._told:  # an update lays out the whole screen
            self._told = told
            self._note.update(told)
        self._note.display = any(notes)

    def _show_call(self, call: ToolCall | None, waiting: int) -> None:
        self.display = call is not None
        if call is None:
            self._call = None
            return
        more = f", {waiting - 1} more" if waiting > 1 else ""
        self._head.update(
            Content.assemble(
                ("? ", "bold"),
                "Run ",
                (wording.one_line(call.name, 60), "bold"),
                f"?  F8 approve, F9 deny{more}",
            )
        )
        if call is not self._call:
            self._call = call
            self._arguments.update(_arguments_text(call))
            self.query_one("#approval-arguments").scroll_home(animate=False)

    def fit(self, screen_height: int) -> None:
        """Take at most two fifths of the screen; longer arguments scroll inside."""
        rows = max(1, int(screen_height * _SHARE) - _FRAME_ROWS)
        self.query_one("#approval-arguments").styles.max_height = rows

    def ask_again(self, run_id: RunId, call_id: CallId) -> None:
        """The decision could not be recorded."""
        self._answered.discard((run_id, call_id))

    def action_answer(self, approved: bool) -> None:
        """Decide about the call in the bar."""
        if self._call is None:
            return
        call = self._call
        self._answered.add((call.run_id, call.call_id))
        self.post_message(self.Answered(call.run_id, call.call_id, approved=approved))


def _place(call: ToolCall) -> str:
    """Where the call runs, if that is not here."""
    if call.origin is ToolOrigin.CLIENT:
        return ""
    server = f" {wording.one_line(call.server, 60)}" if call.server else ""
    return f"It runs at the provider's server{server}, not on this machine."


def _arguments_text(call: ToolCall) -> Content:
    # Laid out but otherwise as written: parsing and printing again would hide a repeated key.
    text = str(call.arguments)
    lines = PrettyArguments(text[:_MOST]).lines
    shown = "\n".join(sanitise(line.text) for line in lines)
    if len(text) > _MOST or len(shown) > 2 * _MOST:
        more = f"… {len(text):,} characters, more than fit here; the inspector has them (Ctrl+O)."
        shown = f"{shown[: 2 * _MOST]}\n{more}"
    return Content(shown)
