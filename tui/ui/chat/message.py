"""One message, and the lines about one run, as widgets built from their parts."""

from __future__ import annotations

from collections.abc import Iterator

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.core.models import PartId, Role, RunId
from tui.core.thread import Message, Part, Run
from tui.core.transcript import Transcript
from tui.ui import wording
from tui.ui.chat.parts import AnswerPart, PartWidget, ReasoningPart, part_widget
from tui.ui.session import is_partial

# So many tool calls of one message have a line of their own here.
MOST_TOOLS = 50

_LABELS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}


class MessageView(Vertical):
    """A message with its author's name above it, unless the row before said so already.

    ``branch``: which of how many answers it begins, if there are several.
    """

    def __init__(
        self,
        message: Message,
        run: Run | None,
        *,
        headed: bool,
        branch: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(classes=f"message -{message.role.value}")
        self._message = message
        self._run = run
        self._widgets: dict[PartId, PartWidget] = {}
        self._headed = headed
        self._branch = branch
        self._ready = False
        self._tools = 0
        self._more = Static(markup=False, classes="part more")
        self._left_out: set[PartId] = set()

    def compose(self) -> Iterator[Static | PartWidget]:
        """The author, then the parts in their order."""
        if self._headed:
            label = wording.one_line(self._message.author, 40) or _LABELS[self._message.role]
            yield Static(label + _place(self._branch), markup=False, classes="author")
        self._more.display = False
        yield from (self._widget(part) for part in self._message.parts if self._has_room(part))
        yield self._more

    def on_mount(self) -> None:
        """Parts may have come between composing and now."""
        self._ready = True
        self.sync_all()

    def _has_room(self, part: Part) -> bool:
        """Whether it is shown here; a message may hold more calls than a screen can."""
        if part.tool is None:
            return True
        if self._tools < MOST_TOOLS:
            self._tools += 1
            return True
        self._left_out.add(part.id)
        return False

    def _widget(self, part: Part) -> PartWidget:
        widget = part_widget(part, self._run, markdown=self._message.role is Role.ASSISTANT)
        if isinstance(widget, AnswerPart) and part is not self._message.parts[0]:
            widget.add_class("-apart")
        self._widgets[part.id] = widget
        return widget

    def sync(self, part: Part) -> None:
        """Show a part as it is now; a part that is new gets its place among the others."""
        if (known := self._widgets.get(part.id)) is not None:
            if known.is_mounted:
                known.sync()
            return
        if not self._ready or part.id in self._left_out:
            return
        if not self._has_room(part):
            self._say_more()
            return
        order = [each.id for each in self._message.parts]
        later = (self._widgets.get(key) for key in order[order.index(part.id) + 1 :])
        before = next((widget for widget in later if widget is not None), self._more)
        self.mount(self._widget(part), before=before)

    def _say_more(self) -> None:
        calls = wording.count(len(self._left_out), "more tool call")
        self._more.update(f"… {calls}; the inspector has all of them (Ctrl+O)")
        self._more.display = bool(self._left_out)

    def sync_all(self) -> None:
        """Show every part as it is now."""
        for part in self._message.parts:
            self.sync(part)
        if self._left_out:
            self._say_more()

    def reasoning(self) -> list[ReasoningPart]:
        """The folded lines in it."""
        return [w for w in self._widgets.values() if isinstance(w, ReasoningPart)]


def _place(branch: tuple[int, int] | None) -> str:
    if branch is None:
        return ""
    place, count = branch
    return f" · answer {place} of {count} (Alt+← Alt+→)"


class Rule(Static):
    """A line across the conversation, with words in it."""

    def __init__(self, text: str) -> None:
        super().__init__(f"── {text} ──", markup=False, classes="rule")


class RunView(Vertical):
    """What a reader has to know about a run: waits, notices, and an ending that is not success."""

    def __init__(self, transcript: Transcript, run_id: RunId, *, headed: bool) -> None:
        super().__init__(classes="run")
        self._transcript = transcript
        self._run = transcript.runs[run_id]
        self._headed = headed
        self._lines = Static(markup=False, classes="outcome")
        self._wait: float | None = None
        self._told: list[tuple[str, str]] | None = None

    def compose(self) -> Iterator[Static]:
        """Who failed, for a run without messages, and then what happened."""
        if self._headed:
            yield Static(_LABELS[Role.ASSISTANT], markup=False, classes="author")
        yield self._lines

    def on_mount(self) -> None:
        """Show what is there."""
        self.sync()

    def count_down(self, wait: float) -> None:
        """For so many seconds nothing is sent yet."""
        self._wait = max(0.0, wait)
        self.sync()

    def sync(self) -> None:
        """Show the run as it is now."""
        newest = next(reversed(self._transcript.runs)) == self._run.id
        is_end = self._run.tail_id == self._transcript.leaf_id
        partial = newest and is_end and is_partial(self._transcript, self._run)
        lines = wording.outcome_lines(self._run, newest=newest, partial=partial, wait=self._wait)
        if self._run.retry is None:
            self._wait = None
        if lines == self._told:
            return
        self._told = lines
        self.display = bool(lines)
        styles = {"problem": "$text-error", "notice": ""}
        texts = [Content.styled(text, styles[kind]) for kind, text in lines]
        self._lines.update(Content("\n").join(texts))
