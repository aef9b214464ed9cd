"""The one reducer: folds a thread's envelopes into messages, parts, tool calls and runs.

Live view, reload after a crash and replay all use it. It is deterministic and does no I/O: the
same envelopes give the same transcript, whatever produced them. It never fails on a log that is
odd (a delta for a part it does not know, an event twice): such an event changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tui.core import events as e
from tui.core.models import (
    CallId,
    Decision,
    HistoryCall,
    HistoryMessage,
    JsonObject,
    MessageId,
    Outcome,
    PartFinal,
    PartId,
    PartKind,
    Problem,
    Role,
    RunId,
    RunState,
    ThreadId,
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
    """One answer to one message, over all its rounds. ``*_at`` are seconds since the epoch."""

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
    retry: e.RetryScheduled | None = None

    @property
    def active(self) -> bool:
        """Whether it still runs or waits (an interrupted run does neither)."""
        return self.state in (RunState.RUNNING, RunState.WAITING, RunState.CANCELLING)


class Transcript:
    """A thread as the fold of its log so far.

    ``messages`` is in order of arrival and holds every branch; ``path()`` is the one shown.
    """

    def __init__(self, thread_id: ThreadId) -> None:
        self.thread_id = thread_id
        self.title = ""
        self.profile = ""
        self.created_at = 0.0
        self.updated_at = 0.0
        self.seq = 0
        self.leaf_id: MessageId | None = None
        self.messages: dict[MessageId, Message] = {}
        self.parts: dict[PartId, Part] = {}
        self.runs: dict[RunId, Run] = {}
        self.calls: dict[tuple[RunId, CallId], ToolCall] = {}

    # --- reading ---------------------------------------------------------------------------

    def path(self) -> list[Message]:
        """The messages from the root to the selected leaf."""
        found: dict[MessageId, Message] = {}
        at = self.leaf_id
        # A damaged log may hold a cycle; the path then ends where it would repeat.
        while at is not None and at not in found and (message := self.messages.get(at)):
            found[at] = message
            at = message.parent_id
        return list(reversed(found.values()))

    def calls_of(self, run_id: RunId) -> list[ToolCall]:
        """The tool calls of a run, in the order in which they began."""
        return [call for (run, _), call in self.calls.items() if run == run_id]

    def active_run(self) -> Run | None:
        """The run that is going on, if any."""
        return next((run for run in reversed(self.runs.values()) if run.active), None)

    def history(self) -> tuple[HistoryMessage, ...]:
        """The selected path in the form that providers take."""
        return tuple(_history_message(message) for message in self.path())

    def view(self, *, times: bool = True) -> JsonObject:
        """Everything a reader could see, as plain JSON data; equal views look the same."""
        return _view(self, times=times)

    # --- folding ---------------------------------------------------------------------------

    def apply_all(self, envelopes: Iterable[e.Envelope]) -> Transcript:
        """Apply each in order; returns itself."""
        for envelope in envelopes:
            self.apply(envelope)
        return self

    def apply(self, envelope: e.Envelope) -> None:
        """Fold one envelope in. One that was applied already changes nothing."""
        if envelope.seq <= self.seq:
            return
        self.seq = envelope.seq
        if isinstance(envelope.event, e.ACTIVITY):
            self.updated_at = max(self.updated_at, envelope.at)
        _FOLDS[type(envelope.event)](self, envelope, envelope.event)

    def add_message(self, message: Message) -> None:
        """Put a whole message in (a store that reloads does this)."""
        self.messages[message.id] = message
        for part in message.parts:
            self.add_part(part)

    def add_part(self, part: Part) -> None:
        """Index a part that its message already holds."""
        self.parts[part.id] = part
        if part.tool is not None:
            self.calls[part.tool.run_id, part.tool.call_id] = part.tool


_Fold = Callable[[Transcript, e.Envelope, Any], None]


def _thread_created(t: Transcript, env: e.Envelope, event: e.ThreadCreated) -> None:
    t.title, t.profile, t.created_at = event.title, event.profile, env.at


def _thread_changed(t: Transcript, env: e.Envelope, event: e.ThreadChanged) -> None:
    t.title = t.title if event.title is None else event.title
    t.profile = t.profile if event.profile is None else event.profile


def _message_added(t: Transcript, env: e.Envelope, event: e.MessageAdded) -> None:
    if event.message_id in t.messages:
        return
    message = Message(
        id=event.message_id,
        parent_id=event.parent_id,
        role=event.role,
        author=event.author,
        run_id=env.run,
        at=env.at,
    )
    for index, given in enumerate(event.parts):
        part = Part(
            id=f"{event.message_id}:{index}",
            message_id=event.message_id,
            index=index,
            kind=given.kind,
            text=GrowingText(given.text),
            finished=True,
        )
        message.parts.append(part)
    t.add_message(message)
    t.leaf_id = event.message_id


def _leaf_selected(t: Transcript, env: e.Envelope, event: e.LeafSelected) -> None:
    if event.message_id in t.messages:
        t.leaf_id = event.message_id


def _run_started(t: Transcript, env: e.Envelope, event: e.RunStarted) -> None:
    if env.run is None or env.run in t.runs:
        return
    t.runs[env.run] = Run(
        id=env.run,
        parent_id=event.parent_id,
        tail_id=event.parent_id,
        profile=event.profile,
        model=event.model,
        owner=event.owner,
        started_at=env.at,
        started_mono=env.mono,
    )


def _message_started(t: Transcript, env: e.Envelope, event: e.MessageStarted) -> None:
    run = _run(t, env)
    if run is None or event.message_id in t.messages:
        return
    t.add_message(
        Message(
            id=event.message_id,
            parent_id=run.tail_id,
            role=Role.ASSISTANT,
            run_id=run.id,
            at=env.at,
            complete=None,
        )
    )
    if t.leaf_id == run.tail_id:
        t.leaf_id = event.message_id
    run.tail_id = event.message_id


def _message_finished(t: Transcript, env: e.Envelope, event: e.MessageFinished) -> None:
    message = t.messages.get(event.message_id)
    if message is not None:
        message.complete = event.complete


def _part_started(t: Transcript, env: e.Envelope, event: e.PartStarted) -> None:
    message = t.messages.get(event.message_id)
    if message is None or event.part_id in t.parts:
        return
    part = Part(id=event.part_id, message_id=event.message_id, index=event.index, kind=event.kind)
    if event.tool is not None and env.run is not None:
        part.tool = ToolCall(
            call_id=event.tool.call_id,
            run_id=env.run,
            part_id=event.part_id,
            name=event.tool.name,
            origin=event.tool.origin,
            server=event.tool.server,
        )
    # Parts can start out of order; a reader sees them by index.
    place = len(message.parts)
    while place > 0 and message.parts[place - 1].index > event.index:
        place -= 1
    message.parts.insert(place, part)
    t.add_part(part)


def _first_delta(t: Transcript, env: e.Envelope) -> None:
    run = _run(t, env)
    if run is not None and run.first_delta_mono is None:
        run.first_delta_mono = env.mono


def _text_delta(t: Transcript, env: e.Envelope, event: e.TextDelta) -> None:
    part = t.parts.get(event.part_id)
    if part is None or part.finished:
        return
    part.text.append(event.text)
    _first_delta(t, env)


def _arguments_delta(t: Transcript, env: e.Envelope, event: e.ArgumentsDelta) -> None:
    part = t.parts.get(event.part_id)
    if part is None or part.tool is None or part.finished:
        return
    part.tool.arguments.append(event.fragment)
    if part.tool.first_delta_mono is None:
        part.tool.first_delta_mono = env.mono
    _first_delta(t, env)


def _tool_status(t: Transcript, env: e.Envelope, event: e.ToolStatusChanged) -> None:
    part = t.parts.get(event.part_id)
    if part is not None and part.tool is not None:
        part.tool.status = event.status


def _annotation(t: Transcript, env: e.Envelope, event: e.AnnotationAdded) -> None:
    part = t.parts.get(event.part_id)
    if part is not None:
        part.annotations.append(event.annotation)


def _part_finished(t: Transcript, env: e.Envelope, event: e.PartFinished) -> None:
    part = t.parts.get(event.part_id)
    if part is None:
        return
    final = event.final or PartFinal()
    if final.text is not None and final.text != str(part.text):
        part.text.replace(final.text)
    part.finished = True
    if part.tool is not None:
        _finish_tool_part(part.tool, env, final)


def _finish_tool_part(call: ToolCall, env: e.Envelope, final: PartFinal) -> None:
    if final.arguments is not None and final.arguments != str(call.arguments):
        call.arguments.replace(final.arguments)
    if call.arguments_done_mono is None:
        call.arguments_done_mono = env.mono
    if call.state is ToolState.STREAMING:
        call.state = ToolState.WAITING
    if final.output is not None and not call.finished:
        call.output.replace(final.output)
        call.is_error = final.is_error
        call.state = ToolState.FAILED if final.is_error else ToolState.DONE
        call.finished_mono = env.mono


def _usage(t: Transcript, env: e.Envelope, event: e.UsageReported) -> None:
    run = _run(t, env)
    if run is not None:
        run.usage = event.usage


def _run_status(t: Transcript, env: e.Envelope, event: e.RunStatusChanged) -> None:
    run = _run(t, env)
    if run is not None:
        run.status = event.status


def _turn_started(t: Transcript, env: e.Envelope, event: e.TurnStarted) -> None:
    run = _run(t, env)
    if run is not None:
        run.rounds = event.round
        run.retry = None


def _turn_finished(t: Transcript, env: e.Envelope, event: e.TurnFinished) -> None:
    run = _run(t, env)
    if run is None:
        return
    for need in event.needs:
        call = t.calls.get((run.id, need.call_id))
        if call is not None:
            _finish_tool_part(call, env, PartFinal(arguments=need.arguments))
            t.parts[call.part_id].finished = True


def _continuation(t: Transcript, env: e.Envelope, event: e.ContinuationChanged) -> None:
    run = _run(t, env)
    if run is not None:
        run.continuation = event.continuation


def _notice(t: Transcript, env: e.Envelope, event: e.NoticeAdded) -> None:
    run = _run(t, env)
    if run is not None:
        run.notices.append(event.text)


def _trimmed(t: Transcript, env: e.Envelope, event: e.ContextTrimmed) -> None:
    run = _run(t, env)
    if run is not None:
        run.notices.append(f"The oldest {event.messages} messages were left out of the request.")


def _approval_requested(t: Transcript, env: e.Envelope, event: e.ApprovalRequested) -> None:
    call = _call(t, env, event.call_id)
    if call is not None and call.decision is None and not call.finished:
        call.state = ToolState.APPROVAL
        _update_waiting(t, env)


def _approval_decided(t: Transcript, env: e.Envelope, event: e.ApprovalDecided) -> None:
    call = _call(t, env, event.call_id)
    if call is None or call.decision is not None:
        return
    call.decision = event.decision
    if not call.finished:
        call.state = ToolState.WAITING if event.decision.approved else ToolState.DENIED
    _update_waiting(t, env)


def _update_waiting(t: Transcript, env: e.Envelope) -> None:
    run = _run(t, env)
    if run is None or run.state not in (RunState.RUNNING, RunState.WAITING):
        return
    asking = any(call.state is ToolState.APPROVAL for call in t.calls_of(run.id))
    run.state = RunState.WAITING if asking else RunState.RUNNING


def _tool_started(t: Transcript, env: e.Envelope, event: e.ToolStarted) -> None:
    call = _call(t, env, event.call_id)
    if call is not None and not call.finished:
        call.state = ToolState.RUNNING
        call.started_mono = env.mono


def _tool_output(t: Transcript, env: e.Envelope, event: e.ToolOutputDelta) -> None:
    call = _call(t, env, event.call_id)
    if call is not None and not call.finished:
        call.printed.append(event.text)


def _tool_finished(t: Transcript, env: e.Envelope, event: e.ToolFinished) -> None:
    call = _call(t, env, event.call_id)
    if call is None or (call.finished and call.state is not ToolState.DENIED):
        return
    call.output.replace(event.output)
    call.is_error = event.is_error
    call.finished_mono = env.mono
    if call.state is not ToolState.DENIED:
        call.state = ToolState.FAILED if event.is_error else ToolState.DONE


def _cancel_requested(t: Transcript, env: e.Envelope, event: e.CancelRequested) -> None:
    run = _run(t, env)
    if run is not None and run.active:
        run.state = RunState.CANCELLING


def _retry_scheduled(t: Transcript, env: e.Envelope, event: e.RetryScheduled) -> None:
    run = _run(t, env)
    if run is not None:
        run.retry = event


def _run_interrupted(t: Transcript, env: e.Envelope, event: e.RunInterrupted) -> None:
    run = _run(t, env)
    if run is not None:
        _end_run(t, run, env, RunState.INTERRUPTED)


def _run_finished(t: Transcript, env: e.Envelope, event: e.RunFinished) -> None:
    run = _run(t, env)
    if run is not None:
        _end_run(t, run, env, RunState.FINISHED)
        run.outcome, run.reason, run.error = event.outcome, event.reason, event.error


def _end_run(t: Transcript, run: Run, env: e.Envelope, state: RunState) -> None:
    run.state, run.finished_at, run.finished_mono, run.retry = state, env.at, env.mono, None
    for message in t.messages.values():
        if message.run_id != run.id:
            continue
        if message.complete is None:
            message.complete = False
        for part in message.parts:
            if part.tool is not None and not part.tool.finished:
                part.tool.state = ToolState.CANCELLED
            part.finished = True


def _nothing(t: Transcript, env: e.Envelope, event: e.Event) -> None:
    """For facts that matter to the inspector only."""


def _run(t: Transcript, env: e.Envelope) -> Run | None:
    return None if env.run is None else t.runs.get(env.run)


def _call(t: Transcript, env: e.Envelope, call_id: CallId) -> ToolCall | None:
    return None if env.run is None else t.calls.get((env.run, call_id))


_FOLDS: dict[type[Any], _Fold] = {
    e.ThreadCreated: _thread_created,
    e.ThreadChanged: _thread_changed,
    e.MessageAdded: _message_added,
    e.LeafSelected: _leaf_selected,
    e.RunStatusChanged: _run_status,
    e.MessageStarted: _message_started,
    e.MessageFinished: _message_finished,
    e.PartStarted: _part_started,
    e.TextDelta: _text_delta,
    e.ArgumentsDelta: _arguments_delta,
    e.ToolStatusChanged: _tool_status,
    e.AnnotationAdded: _annotation,
    e.PartFinished: _part_finished,
    e.UsageReported: _usage,
    e.TurnFinished: _turn_finished,
    e.NoticeAdded: _notice,
    e.UnknownEvent: _nothing,
    e.RunStarted: _run_started,
    e.TurnStarted: _turn_started,
    e.ContinuationChanged: _continuation,
    e.ApprovalRequested: _approval_requested,
    e.ApprovalDecided: _approval_decided,
    e.ToolStarted: _tool_started,
    e.ToolOutputDelta: _tool_output,
    e.ToolFinished: _tool_finished,
    e.OutputsSubmitted: _nothing,
    e.RetryScheduled: _retry_scheduled,
    e.ContextTrimmed: _trimmed,
    e.CancelRequested: _cancel_requested,
    e.RunInterrupted: _run_interrupted,
    e.RunFinished: _run_finished,
}


def _history_message(message: Message) -> HistoryMessage:
    calls = tuple(
        HistoryCall(
            call_id=part.tool.call_id,
            name=part.tool.name,
            arguments=str(part.tool.arguments),
            output=str(part.tool.output) if part.tool.finished else None,
            is_error=part.tool.is_error,
        )
        for part in message.parts
        if part.tool is not None
    )
    return HistoryMessage(id=message.id, role=message.role, text=message.text, calls=calls)


_TIMES = frozenset(
    {
        "at",
        "created_at",
        "updated_at",
        "started_at",
        "finished_at",
        "started_mono",
        "finished_mono",
        "first_delta_mono",
        "arguments_done_mono",
    }
)


def _view(t: Transcript, *, times: bool) -> JsonObject:
    data = {
        "thread": t.thread_id,
        "title": t.title,
        "profile": t.profile,
        "created_at": t.created_at,
        "leaf": t.leaf_id,
        "messages": {key: _plain(value, times) for key, value in t.messages.items()},
        "runs": {key: _plain(value, times) for key, value in t.runs.items()},
    }
    if not times:
        del data["created_at"]
    return data


def _plain(value: Any, times: bool) -> Any:
    if isinstance(value, GrowingText):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, times) for item in value]
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        return value
    return {
        name: _plain(getattr(value, name), times) for name in names if times or name not in _TIMES
    }
