"""The doors between rooms: providers, tools, storage. What a screen sees is in ``services``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from tui.core.events import Envelope, ProviderEvent
from tui.core.models import (
    CallId,
    Decision,
    HistoryMessage,
    JsonObject,
    ModelInfo,
    Outcome,
    Problem,
    RunId,
    ThreadId,
    ThreadSummary,
    ToolOutput,
    ToolSpec,
    WireEvent,
)
from tui.core.thread import ToolCall
from tui.core.transcript import Transcript

# --- providers: a model behind some protocol ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do; the engine and the screen offer no more than this.

    ``server_state``: the server keeps runs, so that one whose stream broke can be asked about
    (``Resume``), and trims long conversations by itself. Without, the whole history goes along
    with each request, and what a broken stream did not bring is nowhere.
    """

    tools: bool = True
    server_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Everything a provider needs to answer.

    ``history`` is the whole selected path, the message to answer last. ``continuation`` is the
    newest one that an earlier run of this path left, if the profile is the same: the provider
    compares it with ``history`` to see what its server already holds. ``options`` are named as
    Chat Completions names them (``temperature``, ``max_completion_tokens``, ``response_format``,
    ``tool_choice``, ...); each protocol translates what it spells otherwise and passes on the rest.
    A ``tool_choice`` that forces a call holds for the first request of a run only.
    """

    thread_id: ThreadId
    run_id: RunId
    history: tuple[HistoryMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    instructions: str | None = None
    additional_instructions: str | None = None
    model: str | None = None
    continuation: JsonObject | None = None
    options: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessages:
    """First turn: answer the last message of the request's history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The output of one call; for a need that is an approval, what was decided."""

    call_id: CallId
    output: ToolOutput
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResults:
    """Later turns: all outputs of the required action, for the one submission.

    ``options`` are those for this and later turns, when they changed.
    """

    results: tuple[ToolResult, ...]
    options: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Find out what became of a run whose stream was lost, fetch what was missed, go on.

    May also be a session's first turn, in another process than the one that started the run. A
    run that the server does not have raises ProviderError with code ``run_not_found``. Only given
    to a provider whose capabilities say ``server_state``.
    """


TurnInput: TypeAlias = NewMessages | ToolResults | Resume


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseOpened:
    """The server answered; its stream follows. Shown in the inspector."""

    url: str
    status: int
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireReceived:
    """One raw event, exactly as it came. ``index`` counts from 0 over the whole run.

    The provider events that a session yields next, up to the next WireReceived, came from it.
    """

    index: int
    at: float
    mono: float
    name: str
    data: str


WireFaultKind: TypeAlias = Literal[
    "disconnect", "truncate", "stall", "malformed", "unknown_event", "error_event"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFault:
    """The sandbox asks whoever serves it to break the stream in this way.

    The server plays it on the wire; without a server in between the engine treats disconnect,
    truncate and stall as if the stream had broken, and ignores the others.
    """

    kind: WireFaultKind
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The session is about to send what must not be sent twice.

    The engine puts everything so far on disk, ``continuation`` included, before it asks for more:
    after a crash a new session can look for what was sent.
    """


Signal: TypeAlias = WireReceived | ResponseOpened | WireFault | Checkpoint | ProviderEvent


class RunSession(Protocol):
    """One run over all its rounds; it owns the remote ids.

    A turn ends with exactly one TurnFinished. A stream that broke or ended early is reported that
    way (``disconnected``, ``truncated``), not raised. ``turn`` raises ProviderError when the
    request itself failed and nothing was streamed; it never retries.
    """

    @property
    def continuation(self) -> JsonObject:
        """What a later session needs to go on; a new object whenever it changed."""
        ...

    def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        """Send one request and yield what comes back, as it comes."""
        ...

    async def cancel(self) -> Outcome:
        """Stop the remote run and say what really became of it.

        Idempotent, safe while ``turn`` is suspended or was abandoned, bounded to 5 s.
        """
        ...


class Provider(Protocol):
    """A model behind one wire protocol. Leaving a session never cancels; ``cancel()`` does."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def open(self, request: RunRequest) -> AbstractAsyncContextManager[RunSession]:
        """A session for one run; nothing is sent before its first turn."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """What its server offers, in the server's order. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Give back connections; idempotent."""
        ...


# --- tools ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A policy's answer when a person has to decide."""


class Toolset(Protocol):
    """The functions that a model may call here."""

    async def specs(self) -> Sequence[ToolSpec]:
        """What is on offer, in a stable order."""
        ...

    def problems(self) -> Sequence[Problem]:
        """Which tools could not be put on offer, and why, as of the last ``specs``."""
        ...

    def validate(self, name: str, arguments: str) -> Problem | None:
        """Why this call cannot be made (unknown tool, bad JSON, against the schema), or None."""
        ...

    async def call(
        self, call_id: CallId, name: str, arguments: str, emit: Callable[[str], None]
    ) -> ToolOutput:
        """Run it. ``emit`` takes output as it is printed. Cancelling the task ends the tool.

        Errors of the tool are outputs with ``is_error``; raises ToolError when it could not run.
        """
        ...

    async def close(self) -> None:
        """End whatever still runs; idempotent."""
        ...


class ApprovalPolicy(Protocol):
    """Decides which calls may run without asking a person."""

    def decide(self, call: ToolCall, spec: ToolSpec | None) -> Decision | Ask:
        """The decision, or Ask. ``spec`` is None for a tool that is not on offer."""
        ...


# --- the store, as the engine sees it ---------------------------------------------------------


class Journal(Protocol):
    """Where envelopes go. Appending never blocks; adjacent deltas may be merged on disk."""

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Queue envelopes; they are on disk within 200 ms, in order."""
        ...

    def append_wire(self, events: Sequence[WireEvent]) -> None:
        """Queue raw events; in order, on disk with or before the envelopes they led to."""
        ...

    async def barrier(self, thread_id: ThreadId = "") -> None:
        """Return when everything queued so far for the thread, or for all, is durable.

        Raises StoreError when it cannot be.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one process asks of the one that holds a thread.

    ``cancel`` (``run_id``), ``decide`` (``run_id``; ``data`` is a call id and an encoded
    Decision), ``queue`` (``data`` is an encoded MessageQueued), ``hand_over``.
    """

    thread_id: ThreadId
    kind: Literal["cancel", "decide", "queue", "hand_over"]
    run_id: RunId = ""
    data: JsonObject = field(default_factory=dict)


class StoreListener(Protocol):
    """Whoever wants to know what happens in a store besides its own doing; any thread calls."""

    def changed(self) -> None:
        """Another process has written something (any thread, a summary, a request)."""
        ...

    def troubled(self, problem: Problem | None) -> None:
        """Why nothing can be written just now (it is kept and tried again); None: all is well."""
        ...

    def lost(self, thread_id: ThreadId) -> None:
        """Another process took the thread over; what is appended to it here is not kept."""
        ...


class ThreadStore(Journal, Protocol):
    """A journal that can be read back, and that several processes write, a thread each.

    Only the holder of a thread's lease appends to it: ``claim`` first, ``release`` at the end.
    """

    def listen(self, listener: StoreListener) -> None:
        """Tell ``listener`` from now on; one listener a store."""
        ...

    async def claim(self, thread_id: ThreadId, *, force: bool = False) -> int:
        """Hold the thread; returns the seq of its last envelope, 0 when there is none.

        Claiming what this process holds is harmless. Raises BusyError while another living
        process holds it, unless ``force``: then the thread is taken away from that process, and
        a run it was driving is marked interrupted. Raises StoreError.
        """
        ...

    def release(self, thread_id: ThreadId) -> None:
        """Let others write the thread, once everything appended so far is written."""
        ...

    async def post(self, request: Request) -> bool:
        """Leave a request for the other process that holds the thread; false when none does."""
        ...

    async def requests(self) -> Sequence[Request]:
        """Take the requests for the threads that this process holds, in order, once."""
        ...

    async def load(self, thread_id: ThreadId) -> Transcript | None:
        """The thread as of everything appended so far, or None."""
        ...

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        """The end of a long thread as of everything appended so far, fast however long it is.

        It holds the newest messages of the selected path and what belongs to them: for the eyes
        alone, since all that is older is missing. None when only ``load`` can tell, or does not
        take long.
        """
        ...

    async def tail(self, thread_id: ThreadId, after: int) -> Sequence[Envelope] | None:
        """What was written behind ``after``, or None when only ``load`` can tell.

        Envelopes of the last minute can always be had, unless the thread was deleted.
        """
        ...

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        """The newest first (by ``updated_at``)."""
        ...

    async def delete(self, thread_id: ThreadId) -> bool:
        """Remove the thread and all that belongs to it; false if there was none."""
        ...

    async def wire(self, run_id: RunId, after: int = -1) -> Sequence[WireEvent]:
        """The raw events of a run whose index is above ``after``, in order.

        Empty also when they were compacted: only those of the newest runs are kept.
        """
        ...

    async def mark_read(self, thread_id: ThreadId, seq: int) -> None:
        """Everything up to ``seq`` was seen; a thread with more is unread."""
        ...

    async def draft(self, key: str) -> str:
        """The unsent text kept under ``key`` (a thread id, or ``new``), or an empty string."""
        ...

    async def save_draft(self, key: str, text: str) -> None:
        """Keep unsent text; an empty text removes it."""
        ...

    async def recover(self) -> Sequence[RunId]:
        """Mark runs whose process is gone as interrupted; returns them. Cheap if there are none."""
        ...

    async def unsettled(self) -> Sequence[tuple[ThreadId, RunId]]:
        """Interrupted runs that a reader left to the next start to settle (``settle``)."""
        ...


# --- the server's storage ---------------------------------------------------------------------

ObjectKind: TypeAlias = Literal["assistant", "thread", "message", "run", "step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing: at most ``limit`` objects after (or before) a cursor id."""

    limit: int = 20
    descending: bool = True
    after: str | None = None
    before: str | None = None


class AssistantStore(Protocol):
    """The server's objects as JSON documents, ordered by creation.

    ``parent`` is the thread of a message or run, the run of a step, and ``""`` for assistants and
    threads. Synchronous: calls are short and the server is the only user.
    """

    def put(self, kind: ObjectKind, parent: str, body: JsonObject) -> None:
        """Create or replace the object ``body["id"]``; its place in the order is kept."""
        ...

    def get(self, kind: ObjectKind, object_id: str) -> JsonObject | None:
        """A copy of the object."""
        ...

    def page(
        self, kind: ObjectKind, parent: str, page: Page, match: JsonObject | None = None
    ) -> tuple[list[JsonObject], bool]:
        """Objects of a parent whose fields equal ``match``, and whether there are more.

        A cursor id that does not exist raises NotFoundError.
        """
        ...

    def delete(self, kind: ObjectKind, object_id: str) -> bool:
        """Remove it and, for a thread or run, all that belongs to it; false if absent."""
        ...

    def close(self) -> None:
        """Give back file and lock; idempotent."""
        ...
