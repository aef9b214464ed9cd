"""The list of threads: title, when, and whether it runs, waits or has something unread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.core.models import ThreadId, ThreadSummary, is_private
from tui.ui import wording

MARKS = (
    ("?", "a tool call waits for your decision"),
    ("●", "an answer is being written"),
    ("◑", "another Tickertape writes it"),
    ("!", "the last answer was interrupted"),
    ("•", "something arrived that you have not seen"),
    (wording.PRIVATE_MARK, "private: never written to disk"),
)


class ThreadsPane(Vertical):
    """Takes summaries as they change; posts what the reader wants done with a thread."""

    DEFAULT_CSS = (Path(__file__).parent / "threads.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,d", "delete", "Delete", key_display="d"),
        Binding("r", "rename", "Rename"),
    ]

    class Wanted(Message):
        """The reader wants to ``open``, ``delete`` or ``rename`` a thread."""

        def __init__(self, action: str, thread_id: ThreadId) -> None:
            super().__init__()
            self.action = action
            self.thread_id = thread_id

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(id="threads")
        self._now = now
        self._summaries: dict[ThreadId, ThreadSummary] = {}
        self._order: list[ThreadId] = []
        self._current: ThreadId | None = None
        self._changed: set[ThreadId] = set()
        self._list = OptionList(id="thread-list", compact=True, markup=False)
        self._none = Static("No threads yet.", markup=False, classes="none")

    def compose(self) -> ComposeResult:
        """The list, or a line that says there is nothing to list."""
        self.border_title = "Threads"
        self._list.display = False
        yield self._none
        yield self._list

    # --- data ------------------------------------------------------------------------------

    def waiting(self) -> ThreadSummary | None:
        """The newest thread in which a tool call waits for a decision."""
        return next((each for each in self.summaries() if each.waiting), None)

    def show(self, summaries: Iterable[ThreadSummary]) -> None:
        """Start over with these threads."""
        self._summaries = {summary.id: summary for summary in summaries if not summary.deleted}
        self._rebuild()

    def apply(self, summary: ThreadSummary) -> None:
        """Note a change; ``flush`` shows it."""
        if summary.deleted:
            self._summaries.pop(summary.id, None)
        else:
            self._summaries[summary.id] = summary
        self._changed.add(summary.id)

    def flush(self) -> None:
        """Show what changed since the last frame."""
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        if self._sorted() != self._order:
            self._rebuild()
            return
        for thread_id in changed & self._summaries.keys():
            self._redraw(thread_id)

    def set_current(self, thread_id: ThreadId) -> None:
        """Mark the thread that is on screen."""
        before, self._current = self._current, thread_id
        for each in (before, thread_id):
            if each in self._summaries:
                self._redraw(each)
        if thread_id in self._order:
            self._list.highlighted = self._order.index(thread_id)

    def redraw_times(self) -> None:
        """The clock moved on."""
        for thread_id in self._order:
            self._redraw(thread_id)

    def summaries(self) -> list[ThreadSummary]:
        """All threads, the newest first."""
        return [self._summaries[each] for each in self._sorted()]

    def summary(self, thread_id: ThreadId) -> ThreadSummary | None:
        """What is known about a thread."""
        return self._summaries.get(thread_id)

    def is_elsewhere(self, thread_id: ThreadId) -> bool:
        """Whether another process answers in this thread."""
        summary = self._summaries.get(thread_id)
        return summary is not None and summary.running and summary.elsewhere

    def neighbour(self, step: int) -> ThreadId | None:
        """The thread ``step`` places below the current one; the newest from a thread not listed."""
        if not self._order:
            return None
        if self._current not in self._order:
            return self._order[0]
        place = self._order.index(self._current) + step
        return self._order[place] if 0 <= place < len(self._order) else None

    @property
    def highlighted(self) -> ThreadId | None:
        """The thread under the cursor."""
        option = self._list.highlighted_option
        return None if option is None else option.id

    # --- drawing ---------------------------------------------------------------------------

    def _sorted(self) -> list[ThreadId]:
        newest = sorted(self._summaries.values(), key=lambda s: (-s.updated_at, s.id))
        return [summary.id for summary in newest]

    def _rebuild(self) -> None:
        under_cursor = self.highlighted or self._current
        before, self._order = self._order, self._sorted()
        if self._current in self._order and self._current not in before:
            under_cursor = self._current  # the thread on screen has just got its place
        self._changed.clear()
        self._none.display = not self._order
        self._list.display = bool(self._order)
        self._list.clear_options()
        self._list.add_options(
            Option(self._prompt(self._summaries[each]), id=each) for each in self._order
        )
        if self._order:
            place = dict(zip(self._order, range(len(self._order)), strict=True))
            self._list.highlighted = place.get(under_cursor or "", 0)

    def _redraw(self, thread_id: ThreadId) -> None:
        if thread_id in self._order:
            prompt = self._prompt(self._summaries[thread_id])
            self._list.replace_option_prompt(thread_id, prompt)

    def _prompt(self, summary: ThreadSummary) -> Table:
        is_current = summary.id == self._current
        mark = _mark(summary, is_current=is_current)
        title = Text(wording.thread_title(summary.title, private=is_private(summary.id)))
        if is_current or mark != " ":
            title.stylize("bold")
        row = Table.grid(expand=True, padding=(0, 1, 0, 0))
        row.add_column(width=1)
        row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        row.add_column(justify="right", no_wrap=True)
        row.add_row(mark, title, Text(wording.ago(summary.updated_at, self._now()), style="dim"))
        return row

    # --- wishes ----------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Wanted("open", event.option.id))

    def action_delete(self) -> None:
        """Delete the thread under the cursor."""
        self._want("delete")

    def action_rename(self) -> None:
        """Rename the thread under the cursor."""
        self._want("rename")

    def _want(self, action: str) -> None:
        if (thread_id := self.highlighted) is not None:
            self.post_message(self.Wanted(action, thread_id))


def _mark(summary: ThreadSummary, *, is_current: bool) -> str:
    if summary.waiting:
        return "?"
    if summary.running:
        return "◑" if summary.elsewhere else "●"
    if summary.interrupted:
        return "!"
    return "•" if summary.unread and not is_current else " "
