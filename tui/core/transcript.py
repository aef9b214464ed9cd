"""The one reducer: folds a thread's envelopes into messages, parts, tool calls and runs.

Live view, reload after a crash and replay all use it. It is deterministic and does no I/O: the
same envelopes give the same transcript, whatever produced them. It never fails on a log that is
odd (a delta for a part it does not know, an event twice): such an event changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tui.core import events as e
from tui.core.folds import FOLDS
from tui.core.models import (
    CallId,
    HistoryCall,
    HistoryMessage,
    JsonObject,
    MessageId,
    PartId,
    PartKind,
    RunId,
    RunState,
    ThreadId,
)
from tui.core.text import GrowingText
from tui.core.thread import Message, Part, QueuedMessage, Run, ToolCall


class Transcript:
    """A thread as the fold of its log so far.

    ``messages`` is in order of arrival and holds every branch; ``path()`` is the one shown.
    """

    def __init__(self, thread_id: ThreadId) -> None:
        self.thread_id = thread_id
        self.title = ""
        self.profile = ""
        self.model = ""
        self.created_at = 0.0
        self.updated_at = 0.0
        self.seq = 0
        self.leaf_id: MessageId | None = None
        self.messages: dict[MessageId, Message] = {}
        self.parts: dict[PartId, Part] = {}
        self.runs: dict[RunId, Run] = {}
        self.calls: dict[tuple[RunId, CallId], ToolCall] = {}
        self.queue: dict[MessageId, QueuedMessage] = {}

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

    def newest_below(self, message_id: MessageId) -> MessageId:
        """The message that came last on the branches that go through this one."""
        branch = {message_id: None}
        for message in self.messages.values():  # a message comes after its parent
            if message.parent_id in branch:
                branch[message.id] = None
        return next(reversed(branch))

    def calls_of(self, run_id: RunId) -> list[ToolCall]:
        """The tool calls of a run, in the order in which they began."""
        return [call for (run, _), call in self.calls.items() if run == run_id]

    def active_run(self) -> Run | None:
        """The run that is going on, if any."""
        return next((run for run in reversed(self.runs.values()) if run.active), None)

    def latest_run(self) -> Run | None:
        """The run that began last."""
        return next(reversed(self.runs.values()), None)

    def interrupted_run(self) -> Run | None:
        """The run that could go on, if any: only the latest can be interrupted."""
        run = self.latest_run()
        return run if run is not None and run.state is RunState.INTERRUPTED else None

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
        FOLDS[type(envelope.event)](self, envelope, envelope.event)

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


def _history_message(message: Message) -> HistoryMessage:
    calls = tuple(
        HistoryCall(
            call_id=part.tool.call_id,
            name=part.tool.name,
            arguments=str(part.tool.arguments),
            output=str(part.tool.output) if part.tool.finished else None,
            is_error=part.tool.is_error,
            origin=part.tool.origin,
            approved=None if part.tool.decision is None else part.tool.decision.approved,
        )
        for part in message.parts
        if part.tool is not None
    )
    thoughts = [str(part.text) for part in message.parts if part.kind is PartKind.REASONING]
    return HistoryMessage(
        id=message.id,
        role=message.role,
        text=message.text,
        reasoning="\n\n".join(thoughts),
        calls=calls,
    )


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
        "model": t.model,
        "created_at": t.created_at,
        "leaf": t.leaf_id,
        "messages": {key: _plain(value, times) for key, value in t.messages.items()},
        "runs": {key: _plain(value, times) for key, value in t.runs.items()},
        "queue": {key: _plain(value, times) for key, value in t.queue.items()},
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
