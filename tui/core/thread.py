"""What a thread is made of once its log is folded: messages, parts, tool calls and runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.core.events import RetryScheduled
from tui.core.models import (
    CallId,
    Decision,
    JsonObject,
    MessageId,
    Outcome,
    PartId,
    PartInput,
    PartKind,
    Problem,
    Role,
    RunId,
    RunState,
    ToolOrigin,
    ToolState,
    Usage,
)
from tui.core.text import GrowingText


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """A tool call with everything that happened to it. The ``*_mono`` stamps are seconds.

    ``printed`` is what the tool wrote while it ran, ``output`` what it gave back to the model.
    """

    call_id: CallId
    run_id: RunId
    part_id: PartId
    name: str
    origin: ToolOrigin = ToolOrigin.CLIENT
    server: str | None = None
    state: ToolState = ToolState.STREAMING
    status: str = ""
    arguments: GrowingText = field(default_factory=GrowingText)
    printed: GrowingText = field(default_factory=GrowingText)
    output: GrowingText = field(default_factory=GrowingText)
    is_error: bool = False
    decision: Decision | None = None
    first_delta_mono: float | None = None
    arguments_done_mono: float | None = None
    started_mono: float | None = None
    finished_mono: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (
            ToolState.DONE,
            ToolState.FAILED,
            ToolState.DENIED,
            ToolState.CANCELLED,
        )


@dataclass(slots=True, kw_only=True)
class Part:
    """A piece of a message: text of some kind, or a tool call."""

    id: PartId
    message_id: MessageId
    index: int
    kind: PartKind
    text: GrowingText = field(default_factory=GrowingText)
    tool: ToolCall | None = None
    annotations: list[JsonObject] = field(default_factory=list)
    finished: bool = False


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in the tree; ``complete`` is None while it is still being written."""

    id: MessageId
    parent_id: MessageId | None
    role: Role
    author: str = ""
    run_id: RunId | None = None
    at: float = 0.0
    parts: list[Part] = field(default_factory=list)
    complete: bool | None = True

    @property
    def text(self) -> str:
        """All its visible text, parts joined by blank lines; no reasoning, no tool calls."""
        kinds = (PartKind.TEXT, PartKind.REFUSAL)
        return "\n\n".join(str(part.text) for part in self.parts if part.kind in kinds)


@dataclass(slots=True, kw_only=True)
class Run:
    """One answer to one message, over all its rounds. ``*_at`` are seconds since the epoch.

    ``settle``: it was interrupted by a reader who wants the next start to ask what became of it.
    ``seen_from``: the first message that the model saw, if older ones were left out.
    """

    id: RunId
    parent_id: MessageId
    tail_id: MessageId
    profile: str = ""
    model: str = ""
    owner: str = ""
    state: RunState = RunState.RUNNING
    status: str = ""
    rounds: int = 0
    started_at: float = 0.0
    finished_at: float | None = None
    started_mono: float = 0.0
    first_delta_mono: float | None = None
    finished_mono: float | None = None
    usage: Usage | None = None
    outcome: Outcome | None = None
    reason: str = ""
    error: Problem | None = None
    continuation: JsonObject | None = None
    notices: list[str] = field(default_factory=list)
    seen_from: MessageId = ""
    retry: RetryScheduled | None = None
    settle: bool = False

    @property
    def active(self) -> bool:
        """Whether it still runs or waits (an interrupted run does neither)."""
        return self.state in (RunState.RUNNING, RunState.WAITING, RunState.CANCELLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A user message that waits for its turn; ``profile`` or ``model`` None: the thread's own."""

    id: MessageId
    run_id: RunId
    author: str = ""
    parts: tuple[PartInput, ...] = ()
    profile: str | None = None
    model: str | None = None
    at: float = 0.0

    @property
    def text(self) -> str:
        """All its text, parts joined by blank lines."""
        return "\n\n".join(part.text for part in self.parts)
