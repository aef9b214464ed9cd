"""The conversation pane: a thin seam between a transcript and whatever draws it.

``show`` starts over with a transcript, ``apply`` takes each log item after the transcript has, and
``flush`` draws what changed, once a frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui.core import events as e
from tui.core.models import MessageId, PartId, RunId, WireEvent
from tui.core.services import LogEntry
from tui.core.thread import Message, Part
from tui.core.transcript import Transcript
from tui.ui.chat.changes import OF_CALL, OF_EVERYTHING, OF_PART, OF_STRUCTURE
from tui.ui.chat.entries import MessageRow, Row, RuleRow, RunRow, rows
from tui.ui.chat.find_bar import FindBar
from tui.ui.chat.reading import ReadableLog
from tui.ui.chat.row_lines import MessageLines, OutcomeLines, RowLines, RuleLines


class ChatView(Vertical):
    """Messages, tool lines and run endings of one thread."""

    DEFAULT_CSS = (Path(__file__).parent / "chat.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "toggle_reasoning", "Reasoning"),
        Binding("n", "find_next(1)", "Next match", show=False),
        Binding("N", "find_next(-1)", "Match before", show=False),
        Binding("escape", "end_finding", "End finding", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="chat")
        self._transcript = Transcript("")
        self._rows_of_runs: dict[RunId, RunRow] = {}
        self._rows_of_messages: dict[MessageId, MessageRow] = {}
        self._dirty: dict[Row, None] = {}
        self._tries_at: dict[RunId, float] = {}
        self._restructured = False
        self._unfolded = False
        self._turned: set[PartId] = set()  # folded or not, other than all the rest
        self._notice: Widget | None = None
        self._unseen = False
        self._log = ReadableLog(self._make, self._guess)
        self._find = FindBar(self._log, self._message, self._unfold)
        self._below = Static("↓ New below, End returns", id="below", markup=False)

    def compose(self) -> ComposeResult:
        """The conversation, and the mark that there is more below."""
        self._below.display = False
        with Vertical(id="log"):
            yield self._log
        yield self._below
        yield self._find

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
        self._log.column.begin(self._start_over(transcript))
        self._find.close()
        self._put_notice(None if self._log.column.rows else empty)
        self._log.repaint()
        self._set_unseen(False)

    def show_again(self, transcript: Transcript, empty: Widget) -> None:
        """The same for another transcript of the same thread: the reader stays at their place."""
        self._log.column.restart(self._start_over(transcript))
        self._put_notice(None if self._log.column.rows else empty)
        self._log.repaint()

    def _start_over(self, transcript: Transcript) -> list[Row]:
        self._transcript = transcript
        self._dirty.clear()
        self._tries_at.clear()
        self._turned.clear()
        self._restructured = False
        return self._list()

    def set_title(self, title: str) -> None:
        """Name the thread above its messages; ``title`` is safe text."""
        if str(self.border_title) != title:
            self.border_title = Content(title)

    async def show_notice(self, notice: Widget) -> None:
        """Show this instead of a conversation."""
        self._put_notice(notice)

    def apply(self, item: LogEntry) -> None:
        """Note what an item changed; the transcript has it already."""
        if isinstance(item, WireEvent):
            return
        event = item.event
        if isinstance(event, OF_STRUCTURE):
            self._restructured = True
        elif isinstance(event, OF_PART):
            self._note_part(event.part_id)
        elif isinstance(event, OF_CALL) and item.run is not None:
            call = self._transcript.calls.get((item.run, event.call_id))
            self._note_part("" if call is None else call.part_id)
        elif isinstance(event, OF_EVERYTHING) and item.run is not None:
            self._note_messages(item.run)
        if isinstance(event, e.RetryScheduled) and item.run is not None:
            self._tries_at[item.run] = item.at + event.delay
        if isinstance(event, e.RunStarted):  # another one is the newest now
            self._dirty.update(dict.fromkeys(self._rows_of_runs.values()))
        if item.run in self._rows_of_runs:
            self._dirty[self._rows_of_runs[item.run]] = None

    def tick(self, now: float) -> None:
        """The clock moved on; ``now`` is in seconds since the epoch."""
        for run_id, at in list(self._tries_at.items()):
            run, row = self._transcript.runs.get(run_id), self._rows_of_runs.get(run_id)
            if run is None or run.retry is None:
                del self._tries_at[run_id]
                continue
            lines = None if row is None else self._log.column.lines_of(row)
            if row is not None and isinstance(lines, OutcomeLines):
                lines.wait = max(0.0, at - now)
                self._log.column.changed(row)
                self._log.repaint()

    def flush(self) -> None:
        """Draw what changed since the last frame."""
        if not (self._restructured or self._dirty):
            return
        if self._restructured:
            self._log.column.change(self._list())
            if self._log.column.rows:
                self._put_notice(None)
        for row in self._dirty:
            self._log.column.changed(row)
        self._dirty.clear()
        self._restructured = False
        self._log.repaint()
        if not self.following:
            self._set_unseen(True)

    def scroll_pages(self, pages: int) -> None:
        """Scroll for a reader whose focus is elsewhere."""
        self._log.action_scroll_pages(pages)

    def follow(self) -> None:
        """Return to the newest line."""
        self._log.action_follow()

    # --- rows ------------------------------------------------------------------------------

    def _list(self) -> list[Row]:
        found = rows(self._transcript)
        self._rows_of_runs = {row.run_id: row for row in found if isinstance(row, RunRow)}
        self._rows_of_messages = {
            row.message_id: row for row in found if isinstance(row, MessageRow)
        }
        return found

    def _make(self, row: Row) -> RowLines:
        transcript = self._transcript
        if isinstance(row, RuleRow):
            return RuleLines(row.text)
        if isinstance(row, RunRow):
            return OutcomeLines(transcript, transcript.runs[row.run_id], headed=row.headed)
        message = self._message(row)
        return MessageLines(
            message,
            transcript.runs.get(message.run_id or ""),
            headed=row.headed,
            branch=row.branch,
            is_open=self._is_open,
        )

    def _message(self, row: MessageRow) -> Message:
        return self._transcript.messages[row.message_id]

    def _guess(self, row: Row, width: int) -> int:
        """About how tall a row is that nobody has seen; a glance only, there may be thousands."""
        if not isinstance(row, MessageRow):
            return 2
        height = 1 + row.headed
        for part in self._transcript.messages[row.message_id].parts:
            height += 1 + len(part.text) // width
        return height

    def _put_notice(self, notice: Widget | None) -> None:
        """Show something instead of the conversation, or the conversation again."""
        if self._notice is not None:
            self._notice.remove()
        self._notice = notice
        self._log.display = notice is None
        if notice is not None:
            self.query_one("#log").mount(notice)

    # --- what changed ----------------------------------------------------------------------

    def _note_part(self, part_id: PartId) -> None:
        part = self._transcript.parts.get(part_id)
        row = None if part is None else self._rows_of_messages.get(part.message_id)
        if row is not None:
            self._dirty[row] = None

    def _note_messages(self, run_id: RunId) -> None:
        for message in reversed(self._transcript.messages.values()):
            if message.run_id != run_id:
                break
            if (row := self._rows_of_messages.get(message.id)) is not None:
                self._dirty[row] = None

    def _set_unseen(self, unseen: bool) -> None:
        self._unseen = unseen
        self._below.display = unseen

    @on(ReadableLog.ReaderScrolled)
    def _reader_scrolled(self, event: ReadableLog.ReaderScrolled) -> None:
        event.stop()
        if self.following:
            self._set_unseen(False)

    # --- reasoning -------------------------------------------------------------------------

    def _is_open(self, part: Part) -> bool:
        return self._unfolded != (part.id in self._turned)

    @on(ReadableLog.FoldAsked)
    def _fold_asked(self, event: ReadableLog.FoldAsked) -> None:
        event.stop()
        self._unfold(event.part, not self._is_open(event.part))

    def _unfold(self, part: Part, is_open: bool) -> bool:
        """Show a part's reasoning or fold it; whether that is another state than before."""
        if self._is_open(part) is is_open:
            return False
        self._turned ^= {part.id}
        self._note_part(part.id)
        self.flush()
        return True

    def action_toggle_reasoning(self) -> None:
        """Unfold the reasoning of the marked message or all of it, or fold it again."""
        marked = self._log.marked
        thoughts = [] if marked is None else marked.thoughts
        if thoughts:
            is_open = not self._is_open(thoughts[0])
            for part in thoughts:
                self._unfold(part, is_open)
            return
        self._unfolded = not self._unfolded
        self._turned.clear()
        for row in self._rows_of_messages.values():
            self._log.column.changed(row)
        self._log.repaint()

    # --- finding ---------------------------------------------------------------------------

    def find(self) -> None:
        """Ask what is to be found in the conversation."""
        if self._notice is None:
            self._find.open()

    def action_find_next(self, step: int) -> None:
        """The next match (1) or the one before (-1)."""
        if self._find.display:
            self._find.action_step(step)

    def action_end_finding(self) -> None:
        """Nothing is shown as found any more; the reader stays."""
        if not self._find.display:
            raise SkipAction
        self._find.close()
