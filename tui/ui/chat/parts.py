"""The parts of a message as widgets: text, reasoning, tool calls; each updates only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import MountError
from textual.widgets import Static

from tui.core.models import CallId, PartKind, RunId, ToolState
from tui.core.sanitise import sanitise
from tui.core.thread import Part, Run, ToolCall
from tui.ui import wording
from tui.ui.chat.sources import sources_text

if TYPE_CHECKING:
    from tui.ui.chat.markdown import SafeMarkdown


class PlainPart(Static):
    """Text shown as it is: what the reader wrote, refusals, things that cannot be drawn."""

    def __init__(self, part: Part) -> None:
        super().__init__(_plain_text(part), markup=False, classes=f"part {part.kind.value}")
        self._part = part

    def sync(self) -> None:
        """Show the part as it is now."""
        self.update(_plain_text(self._part))


def _plain_text(part: Part) -> Content:
    text = sanitise(str(part.text))
    if part.kind in (PartKind.IMAGE, PartKind.FILE):
        return Content(f"[{part.kind.value}] {text}")
    if part.kind is PartKind.REFUSAL:
        return Content.assemble(("Refused: ", "bold"), text)
    return Content(text)


class AnswerPart(Vertical):
    """The model's markdown, and below it what it cites.

    Deltas are only ever appended; a correction starts over.
    """

    def __init__(self, part: Part) -> None:
        super().__init__(classes="part text")
        self._part = part
        self._sources: Static | None = None
        self._cited = 0
        self._shown = ""
        self._markdown: SafeMarkdown | None = None
        self._writing = False

    def on_mount(self) -> None:
        """Show what is there."""
        self.sync()

    def sync(self) -> None:
        """Bring the screen up to the part; batches while an earlier batch is being laid out."""
        if not self._writing and self._has_news():
            self._writing = True
            self.run_worker(self._write(), group="markdown")
        if len(self._part.annotations) != self._cited:
            self._cite()

    def _cite(self) -> None:
        self._cited = len(self._part.annotations)
        text = sources_text(self._part.annotations)
        if self._sources is not None:
            self._sources.update(text)
        elif text:
            self._sources = Static(text, markup=False, classes="sources")
            self.mount(self._sources)

    def _has_news(self) -> bool:
        return str(self._part.text) != self._shown

    async def _write(self) -> None:
        try:
            while self._has_news() and await self._write_once():
                pass
        except MountError:
            return  # another thread was opened, or the app is left, while this was laid out
        finally:
            self._writing = False

    async def _write_once(self) -> bool:
        text = str(self._part.text)
        if self._markdown is None or not text.startswith(self._shown):
            await self._start_over()
            self._shown = ""
        return await self._grow()

    async def _grow(self) -> bool:
        from tui.ui.chat.markdown import safe_growth

        text, start = str(self._part.text), len(self._shown)
        fresh, end = safe_growth(text, start, finished=self._part.finished)
        if self._markdown is None or end == start:
            return False
        self._shown = text[:end]
        await self._markdown.append(fresh)
        return True

    async def _start_over(self) -> None:
        from tui.ui.chat.markdown import SafeMarkdown

        # Markdown.update() followed by append() misparses an open fence: only ever append.
        old, self._markdown = self._markdown, SafeMarkdown()
        await self.mount(self._markdown, before=0 if self.children else None)
        if old is not None:
            await old.remove()


class ReasoningPart(Vertical):
    """What the model thought: one line, folded until the reader opens it."""

    def __init__(self, part: Part) -> None:
        super().__init__(classes="part reasoning")
        self._part = part
        self._open = False
        self._head = Static(markup=False, classes="fold")
        self._body = Static(markup=False, classes="thought")

    def compose(self) -> ComposeResult:
        """A line that folds, and the text below it."""
        self._body.display = False
        yield self._head
        yield self._body

    def on_mount(self) -> None:
        """Show what is there."""
        self.sync()

    def on_click(self, event: events.Click) -> None:
        """Fold or unfold."""
        event.stop()
        self.unfold(not self._open)

    def unfold(self, is_open: bool) -> None:
        """Show or hide the text."""
        self._open = is_open
        self._body.display = is_open
        self.sync()

    @property
    def is_open(self) -> bool:
        """Whether the text is shown."""
        return self._open

    def sync(self) -> None:
        """Show the part as it is now."""
        mark = "▾" if self._open else "▸"
        size = wording.count(len(self._part.text), "character")
        self._head.update(Content(f"{mark} Reasoning, {size}"))
        if self._open:
            self._body.update(Content(sanitise(str(self._part.text))))


class ToolLine(Static):
    """One line for a tool call: state, name, what it does, arguments as far as they fit."""

    class Selected(Message):
        """The reader wants to see this call in the inspector."""

        def __init__(self, run_id: RunId, call_id: CallId) -> None:
            super().__init__()
            self.run_id = run_id
            self.call_id = call_id

    def __init__(self, call: ToolCall, run: Run | None) -> None:
        super().__init__(markup=False, classes="part tool")
        self._call = call
        self._run = run
        self._shown_state = ""

    @property
    def call(self) -> ToolCall:
        """The call this line is about."""
        return self._call

    def on_mount(self) -> None:
        """Show what is there."""
        self.sync()

    def on_click(self, event: events.Click) -> None:
        """Ask for the inspector."""
        event.stop()
        self.post_message(self.Selected(self._call.run_id, self._call.call_id))

    def sync(self) -> None:
        """Show the call as it is now."""
        call = self._call
        live = self._run is not None and self._run.active
        cut_off = call.state is ToolState.STREAMING and not live
        state = ToolState.CANCELLED.value if cut_off else call.state.value
        if state != self._shown_state:
            self.set_classes(f"part tool -{state}")
            self._shown_state = state
        self.update(
            Content.assemble(
                (f"{wording.tool_symbol(call, live=live)} ", "bold"),
                (wording.tool_name(call), "bold"),
                f"  {wording.one_line(wording.tool_state(call, live=live))}",
                (f"  {wording.tool_preview(call)}", "dim"),
            )
        )


PartWidget = PlainPart | AnswerPart | ReasoningPart | ToolLine


def part_widget(part: Part, run: Run | None, *, markdown: bool) -> PartWidget:
    """The widget for a part of a run's message; ``markdown`` when its text is the model's."""
    if part.tool is not None:
        return ToolLine(part.tool, run)
    if part.kind is PartKind.REASONING:
        return ReasoningPart(part)
    if part.kind is PartKind.TEXT and markdown:
        return AnswerPart(part)
    return PlainPart(part)
