"""The values every room shares: ids, tool calls, usage, outcomes; they hold, they do not act."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

ThreadId: TypeAlias = str
"""Ids that begin with ``PRIVATE`` belong to threads that never touch the disk."""
MessageId: TypeAlias = str
PartId: TypeAlias = str
RunId: TypeAlias = str
CallId: TypeAlias = str


PRIVATE = "private-"


def is_private(thread_id: ThreadId) -> bool:
    """Whether this thread lives in memory only."""
    return thread_id.startswith(PRIVATE)


class Role(StrEnum):
    """Who a message speaks for."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class PartKind(StrEnum):
    """What a part of a message holds."""

    TEXT = "text"
    REFUSAL = "refusal"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    IMAGE = "image"
    FILE = "file"


class ToolOrigin(StrEnum):
    """Who runs a tool call: this client, the provider, or an MCP server the provider talks to."""

    CLIENT = "client"
    HOSTED = "hosted"
    REMOTE_MCP = "remote_mcp"


class ToolState(StrEnum):
    """Where a tool call stands, in the order a person sees it."""

    STREAMING = "streaming"  # arguments are still arriving
    WAITING = "waiting"  # arguments complete, nothing has started
    APPROVAL = "approval"  # a person has to decide
    RUNNING = "running"
    INTERRUPTED = "interrupted"  # its process ended first; whether it took effect is unknown
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a turn or a run ended.

    The last two only a client can know: the transport broke, or the stream ended without a
    terminal event (end of file is never success).
    """

    REQUIRES_ACTION = "requires_action"  # of a turn only
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DISCONNECTED = "disconnected"
    TRUNCATED = "truncated"


class RunState(StrEnum):
    """What a run is doing now, as the screen shows it."""

    RUNNING = "running"
    WAITING = "waiting"  # for an approval
    CANCELLING = "cancelling"
    INTERRUPTED = "interrupted"  # its process ended before the run did
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that went wrong, in words for a person.

    ``code`` is stable and machine-readable (``rate_limit_exceeded``), ``message`` says what
    happened, ``hint`` says what to do about it.
    """

    code: str
    message: str
    hint: str = ""

    @property
    def text(self) -> str:
        """Both, as sentences; what a server said need not have a full stop."""
        if not self.hint or not self.message:
            return self.message or self.hint
        ends = self.message.rstrip().endswith((".", "!", "?", ":", "…", ")"))
        return f"{self.message.rstrip()}{'' if ends else '.'} {self.hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the provider reported them."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRef:
    """Which tool a part calls. ``call_id`` is unique within its run."""

    name: str
    call_id: CallId
    origin: ToolOrigin = ToolOrigin.CLIENT
    server: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A function tool as it is offered to a model; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
    read_only: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool gave back; errors are outputs too, so that the model can react."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One client call that the provider waits for. ``arguments`` is the authoritative raw JSON.

    ``approval``: the provider runs the call itself and only wants to know whether it may.
    """

    call_id: CallId
    name: str
    arguments: str
    approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model that a server offers. ``context_window`` is in tokens, if the server says."""

    id: str
    context_window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a tool call may run. ``by`` is ``policy``, ``user`` or ``flag`` (``ask --yes``)."""

    approved: bool
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInput:
    """One part of a message that is added whole (a user's message, an imported one)."""

    kind: PartKind = PartKind.TEXT
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFinal:
    """The authoritative content of a finished part; None means: as it was streamed."""

    text: str | None = None
    arguments: str | None = None
    output: str | None = None
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCall:
    """A past tool call as a provider needs it to rebuild a conversation.

    ``output`` None: it was never answered. ``approved`` is the decision about it, if there was one.
    """

    call_id: CallId
    name: str
    arguments: str
    output: str | None = None
    is_error: bool = False
    origin: ToolOrigin = ToolOrigin.CLIENT
    approved: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMessage:
    """A past message as a provider needs it: text joined, calls with their outputs.

    ``reasoning`` is what the model thought aloud; most protocols do not want it back.
    """

    id: MessageId
    role: Role
    text: str = ""
    reasoning: str = ""
    calls: tuple[HistoryCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSummary:
    """A thread as one line of the library shows it. Times are seconds since the epoch.

    ``updated_at`` is that of the last message, run start or run end.

    ``running`` is true while any process runs a turn in it and ``elsewhere`` while that is another
    process; ``waiting`` when one of its calls (in this process) needs a decision, ``interrupted``
    when its last run is, ``unread`` when something arrived that no one has looked at, ``deleted``
    tells watchers to drop it.
    """

    id: ThreadId
    title: str
    created_at: float
    updated_at: float
    profile: str = ""
    messages: int = 0
    running: bool = False
    elsewhere: bool = False
    waiting: bool = False
    interrupted: bool = False
    unread: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WireEvent:
    """One raw event of a run's streams, exactly as it was received.

    ``index`` counts from 0 over the whole run, ``at`` is seconds since the epoch, ``mono`` seconds
    on the monotonic clock of the process that received it.
    """

    run_id: RunId
    index: int
    at: float
    mono: float
    name: str
    data: str
