"""The closed union of everything that can happen in a thread, and the envelope that carries it.

Events are past facts. Everything a user can see is a fold of a thread's envelopes (see
``transcript``); if a screen cannot be rebuilt from them, an event is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tui.core.models import (
    CallId,
    Decision,
    JsonObject,
    MessageId,
    Need,
    Outcome,
    PartFinal,
    PartId,
    PartInput,
    PartKind,
    Problem,
    Role,
    RunId,
    ThreadId,
    ToolRef,
    Usage,
)

# --- of the thread -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadCreated:
    """The first event of every thread; an empty ``model`` means the profile's own."""

    title: str = ""
    profile: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadChanged:
    """Title, profile or model changed; None leaves a field as it was."""

    title: str | None = None
    profile: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAdded:
    """A whole message was added below ``parent_id`` (None: a root). It becomes the leaf."""

    message_id: MessageId
    parent_id: MessageId | None
    role: Role
    author: str = ""
    parts: tuple[PartInput, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQueued:
    """A user message that waits for the run before it to end.

    It leaves the queue when ``MessageAdded`` with its id comes, or with ``MessageUnqueued``.
    ``run_id`` is the run that will answer it, ``profile`` or ``model`` None means the thread's own.
    """

    message_id: MessageId
    run_id: RunId
    author: str = ""
    parts: tuple[PartInput, ...] = ()
    profile: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUnqueued:
    """A waiting message was taken back before it was sent."""

    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSelected:
    """The path from the root to ``message_id`` is now the one shown."""

    message_id: MessageId


# --- from a provider -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatusChanged:
    """The provider's own word for what the run does (``queued``, ``in_progress``, ...)."""

    status: str
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStarted:
    """An assistant message (or a step that only calls tools) begins after the run's last one."""

    message_id: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFinished:
    """No more parts follow. ``complete`` is false when the provider cut the message short."""

    message_id: MessageId
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStarted:
    """A part begins. ``part_id`` is unique in the thread; ``tool`` is set for tool calls."""

    message_id: MessageId
    part_id: PartId
    index: int
    kind: PartKind
    tool: ToolRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More text of a text, refusal, reasoning or tool-result part."""

    part_id: PartId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentsDelta:
    """More of a tool call's raw arguments; any split of the JSON is legal."""

    part_id: PartId
    fragment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStatusChanged:
    """A hosted tool's progress in the provider's words."""

    part_id: PartId
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationAdded:
    """A citation or similar on a text part, in the provider's shape."""

    part_id: PartId
    annotation: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFinished:
    """The part is complete. ``final`` is authoritative: it may correct or supply the whole."""

    part_id: PartId
    final: PartFinal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReported:
    """Token counts of the run so far (they replace earlier ones)."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """One stream reached its end.

    ``needs`` lists the client calls that the provider now waits for: these and no others are run.
    """

    outcome: Outcome
    needs: tuple[Need, ...] = ()
    reason: str = ""
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeAdded:
    """Something the reader should know, such as that a remote thread was rebuilt."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent:
    """The provider sent something this version has no name for; shown in the inspector."""

    name: str


# --- from the engine -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run that answers ``parent_id`` begins. ``owner`` names the process that drives it."""

    parent_id: MessageId
    profile: str = ""
    model: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """One request is about to be sent; ``round`` counts from 1 within the run."""

    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationChanged:
    """What the provider needs to go on with this run later; opaque to everyone else."""

    continuation: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """The call waits until someone decides."""

    call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided:
    """The decision on a call. The first one wins; policy decisions are recorded the same way."""

    call_id: CallId
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """The tool's function is about to run; this is on disk before it does."""

    call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutputDelta:
    """Output that a running tool printed before it returned."""

    call_id: CallId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """The call has its output; errors are outputs for the model too."""

    call_id: CallId
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsSubmitted:
    """All outputs of one required action are about to be sent, together."""

    call_ids: tuple[CallId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """The request failed in a way that may pass; it is sent again after ``delay`` seconds."""

    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTrimmed:
    """The oldest ``messages`` messages were left out of the requests of this run.

    ``first_id`` is the first message that the model still sees.
    """

    messages: int
    first_id: MessageId = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Someone asked the run to stop."""

    by: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted:
    """The process that drove the run ended, or let go of it, before the run did.

    It can go on with ``RunResumed``. ``settle``: the reader left it to the next start to ask the
    server what became of it.
    """

    settle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    """An interrupted run goes on; ``owner`` names the process that drives it from now on."""

    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The run is over; the thread is ready for the next message."""

    outcome: Outcome
    reason: str = ""
    error: Problem | None = None


ThreadEvent: TypeAlias = (
    ThreadCreated | ThreadChanged | MessageAdded | MessageQueued | MessageUnqueued | LeafSelected
)
ProviderEvent: TypeAlias = (
    RunStatusChanged
    | MessageStarted
    | MessageFinished
    | PartStarted
    | TextDelta
    | ArgumentsDelta
    | ToolStatusChanged
    | AnnotationAdded
    | PartFinished
    | UsageReported
    | TurnFinished
    | NoticeAdded
    | UnknownEvent
)
EngineEvent: TypeAlias = (
    RunStarted
    | TurnStarted
    | ContinuationChanged
    | ApprovalRequested
    | ApprovalDecided
    | ToolStarted
    | ToolOutputDelta
    | ToolFinished
    | OutputsSubmitted
    | RetryScheduled
    | ContextTrimmed
    | CancelRequested
    | RunInterrupted
    | RunResumed
    | RunFinished
)
Event: TypeAlias = ThreadEvent | ProviderEvent | EngineEvent

ACTIVITY = (ThreadCreated, MessageAdded, RunStarted, RunInterrupted, RunFinished)
"""What moves a thread up in a list by time; a new title or one more delta does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event with its place in a thread's log.

    ``seq`` counts densely per thread from 1 (deltas merged on disk keep the last of their
    numbers), ``at`` is seconds since the epoch, ``mono`` seconds on a monotonic clock, ``turn``
    the round within the run, ``wire`` the index of the raw event this came from.
    """

    thread: ThreadId
    seq: int
    at: float
    mono: float
    event: Event
    run: RunId | None = None
    turn: int | None = None
    wire: int | None = None
