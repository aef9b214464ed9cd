"""The conversation pane: a thin seam between a transcript and whatever draws it.

``show`` starts over with a transcript, ``apply`` takes each log item after the transcript has, and
``flush`` draws what changed, once a frame.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui.core import events as e
from tui.core.models import CallId, MessageId, PartId, RunId, WireEvent
from tui.core.services import LogEntry
from tui.core.transcript import Transcript
from tui.ui import wording
from tui.ui.chat.entries import MessageRow, Row, RuleRow, RunRow, rows, same
from tui.ui.chat.log import ChatLog
from tui.ui.chat.message import MessageView, Rule, RunView

# Markdown of Textual is some forty widgets a message: a long thread is mounted from its end.
FIRST_ROWS = 40

_OF_PART = (
    e.TextDelta,
    e.ArgumentsDelta,
    e.PartStarted,
    e.PartFinished,
    e.ToolStatusChanged,
    e.AnnotationAdded,
)
_OF_CALL = (
    e.ApprovalRequested,
    e.ApprovalDecided,
    e.ToolStarted,
    e.ToolOutputDelta,
    e.ToolFinished,
)
_OF_STRUCTURE = (
    e.MessageAdded,
    e.MessageStarted,
    e.LeafSelected,
    e.RunStarted,
    e.ContextTrimmed,
)
_OF_EVERYTHING = (e.RunFinished, e.RunInterrupted, e.RunResumed, e.TurnFinished)


class ChatView(Vertical):
    """Messages, tool lines and run endings of one thread."""

    DEFAULT_CSS = (Path(__file__).parent / "chat.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "toggle_reasoning", "Reasoning"),
    ]

    def __init__(self) -> None:
        super().__init__(id="chat")
        self._transcript = Transcript("")
        self._rows: list[Row] = []
        self._hidden = 0
        self._widgets: dict[Row, Widget] = {}
        self._messages: dict[MessageId, MessageView] = {}
        self._dirty_parts: dict[PartId, None] = {}
        self._dirty_calls: dict[tuple[RunId, CallId], None] = {}
        self._dirty_runs: set[RunId] = set()
        self._tries_at: dict[RunId, float] = {}
        self._restructured = False
        self._unfolded = False
        self._unseen = False
        self._empty: Widget | None = None
        self._older = Static(id="older", markup=False)
        self._log = ChatLog(self._older)
        self._below = Static("↓ New below, End returns", id="below", markup=False)

    def compose(self) -> ComposeResult:
        """The scrolling log, and the mark that there is more below."""
        self._older.display = False
        self._below.display = False
        with self._log:
            yield self._older
        yield self._below

    # --- the seam --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """Whether the view stays at the newest line."""
        return self._log.following

    @property
    def unseen(self) -> bool:
        """Whether something arrived below what the reader looks at."""
        return self._unseen

    def show(self, transcript: Transcript, empty: Widget | None = None) -> None:
        """Start over with this transcript; ``empty`` is shown while it has no messages."""
        self._start_over(transcript, empty, FIRST_ROWS)
        self._log.action_follow()

    def show_again(self, transcript: Transcript, empty: Widget | None = None) -> None:
        """The same for what became of the same thread: the reader stays at their place."""
        place = self._log.place
        before = [] if place is None else [r for r, w in self._widgets.items() if w is place.child]
        above = self._rows.index(before[0]) if before else 0
        self._start_over(transcript, empty, max(FIRST_ROWS, len(self._rows) - above))
        after = [w for r, w in self._widgets.items() if before and same(r, before[0])]
        if place is not None and after:
            self._log.stay(replace(place, child=after[0]))
        else:
            self._log.action_follow()

    def _start_over(self, transcript: Transcript, empty: Widget | None, shown: int) -> None:
        self._transcript = transcript
        self._clear()
        self._rows = rows(transcript)
        self._hidden = max(0, len(self._rows) - shown)
        self._log.mount(*(self._build(row) for row in self._rows[self._hidden :]))
        self._show_older_line()
        if empty is not None and not self._rows:
            self._empty = empty
            self._log.mount(empty)
        self._set_unseen(False)

    def set_title(self, title: str) -> None:
        """Name the thread above its messages; ``title`` is safe text."""
        if str(self.border_title) != title:
            self.border_title = Content(title)

    async def show_notice(self, notice: Widget) -> None:
        """Show this instead of a conversation."""
        await self._log.remove_children()
        await self._log.mount(notice)

    def apply(self, item: LogEntry) -> None:
        """Note what an item changed; the transcript has it already."""
        if isinstance(item, WireEvent):
            return
        event = item.event
        if isinstance(event, _OF_STRUCTURE):
            self._restructured = True
        elif isinstance(event, _OF_PART):
            self._dirty_parts[event.part_id] = None
        elif isinstance(event, _OF_CALL) and item.run is not None:
            self._dirty_calls[item.run, event.call_id] = None
        elif isinstance(event, _OF_EVERYTHING) and item.run is not None:
            self._note_run_calls(item.run)
        if isinstance(event, e.RetryScheduled) and item.run is not None:
            self._tries_at[item.run] = item.at + event.delay
        if isinstance(event, e.RunStarted):  # another one is the newest now
            self._dirty_runs.update(row.run_id for row in self._rows if isinstance(row, RunRow))
        if item.run is not None:
            self._dirty_runs.add(item.run)

    def tick(self, now: float) -> None:
        """The clock moved on; ``now`` is in seconds since the epoch."""
        for run_id, at in list(self._tries_at.items()):
            run, view = self._transcript.runs.get(run_id), self._run_view(run_id)
            if run is None or run.retry is None:
                del self._tries_at[run_id]
            elif view is not None:
                view.count_down(at - now)

    def flush(self) -> None:
        """Draw what changed since the last frame."""
        if not (self._restructured or self._dirty_parts or self._dirty_calls or self._dirty_runs):
            return
        if self._restructured:
            self._restructure()
        for part_id in self._dirty_parts:
            self._sync_part(part_id)
        for key in self._dirty_calls:
            self._sync_call(key)
        for run_id in self._dirty_runs:
            self._sync_run(run_id)
        self._dirty_parts.clear()
        self._dirty_calls.clear()
        self._dirty_runs.clear()
        self._restructured = False
        if not self.following:
            self._set_unseen(True)

    def scroll_pages(self, pages: int) -> None:
        """Scroll for a reader whose focus is elsewhere."""
        self._log.action_scroll_pages(pages)

    def follow(self) -> None:
        """Return to the newest line."""
        self._log.action_follow()

    # --- rows ------------------------------------------------------------------------------

    def _clear(self) -> None:
        self._take_away([child for child in self._log.children if child is not self._older])
        self._widgets.clear()
        self._messages.clear()
        self._dirty_parts.clear()
        self._dirty_calls.clear()
        self._dirty_runs.clear()
        self._restructured = False
        self._empty = None

    def _take_away(self, children: list[Widget]) -> None:
        # Removal takes a moment; what is on its way out must not be seen beside what replaces it.
        for child in children:
            child.display = False
            child.remove()

    def _build(self, row: Row) -> Widget:
        widget: Widget
        if isinstance(row, MessageRow):
            message = self._transcript.messages[row.message_id]
            run = self._transcript.runs.get(message.run_id or "")
            widget = MessageView(message, run, headed=row.headed, branch=row.branch)
            self._messages[row.message_id] = widget
        elif isinstance(row, RuleRow):
            widget = Rule(row.text)
        else:
            widget = RunView(self._transcript, row.run_id, headed=row.headed)
        self._widgets[row] = widget
        return widget

    def _restructure(self) -> None:
        if self._empty is not None:
            self._take_away([self._empty])
            self._empty = None
        fresh = rows(self._transcript)
        same = 0
        while same < min(len(fresh), len(self._rows)) and fresh[same] == self._rows[same]:
            same += 1
        if same < self._hidden:
            self.show_again(self._transcript)
            return
        gone = [self._drop(row) for row in self._rows[same:] if row not in fresh[same:]]
        self._take_away([widget for widget in gone if widget is not None])
        self._rows = fresh
        self._place(fresh[same:])

    def _place(self, tail: list[Row]) -> None:
        for row in tail:
            known = self._widgets.get(row)
            if known is None:
                self._log.mount(self._build(row))
            elif self._log.children[-1] is not known:
                self._log.move_child(known, after=-1)

    def _drop(self, row: Row) -> Widget | None:
        if isinstance(row, MessageRow):
            self._messages.pop(row.message_id, None)
        return self._widgets.pop(row, None)

    # --- older rows ------------------------------------------------------------------------

    @on(ChatLog.ReaderScrolled)
    def _reader_scrolled(self, event: ChatLog.ReaderScrolled) -> None:
        event.stop()
        if self.following:
            self._set_unseen(False)
        elif self._hidden and self._log.scroll_target_y <= 1:
            self._load_older()

    def _load_older(self) -> None:
        begin = max(0, self._hidden - FIRST_ROWS)
        older = self._rows[begin : self._hidden]
        self._hidden = begin
        self._log.mount(*(self._build(row) for row in older), after=self._older)
        self._show_older_line()
        self._log.keep_place()

    def _show_older_line(self) -> None:
        hidden = sum(isinstance(row, MessageRow) for row in self._rows[: self._hidden])
        self._older.display = hidden > 0
        self._older.update(f"↑ {wording.count(hidden, 'earlier message')}, scroll up to load")

    # --- parts -----------------------------------------------------------------------------

    def _sync_part(self, part_id: PartId) -> None:
        part = self._transcript.parts.get(part_id)
        if part is not None and (view := self._messages.get(part.message_id)) is not None:
            view.sync(part)

    def _sync_call(self, key: tuple[RunId, CallId]) -> None:
        call = self._transcript.calls.get(key)
        if call is not None:
            self._sync_part(call.part_id)

    def _sync_run(self, run_id: RunId) -> None:
        if (view := self._run_view(run_id)) is not None:
            view.sync()

    def _run_view(self, run_id: RunId) -> RunView | None:
        """Where the run is told, if it is on screen."""
        for row, widget in self._widgets.items():
            if isinstance(row, RunRow) and row.run_id == run_id and isinstance(widget, RunView):
                return widget if widget.is_mounted else None
        return None

    def _note_run_calls(self, run_id: RunId) -> None:
        for call in self._transcript.calls_of(run_id):
            self._dirty_calls[run_id, call.call_id] = None
        for message in reversed(self._transcript.messages.values()):
            if message.run_id != run_id:
                break
            for part in message.parts:
                self._dirty_parts[part.id] = None

    def _set_unseen(self, unseen: bool) -> None:
        self._unseen = unseen
        self._below.display = unseen

    def action_toggle_reasoning(self) -> None:
        """Unfold all reasoning, or fold it again."""
        self._unfolded = not self._unfolded
        for view in self._messages.values():
            for part in view.reasoning():
                part.unfold(self._unfolded)
