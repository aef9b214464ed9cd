"""What the log says of an interrupted run: where it goes on, and what must not happen twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.core.models import CallId, Need, ToolOrigin, ToolState, Usage
from tui.core.thread import Run, ToolCall
from tui.core.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """``needs`` are the calls that the engine had begun to work on, as the provider named them.

    ``calls`` are all calls of the run, ``shown`` is whether anything came from the provider,
    ``wire_events`` how many raw events are kept, ``usage`` what it has used so far.
    """

    rounds: int = 0
    calls: Mapping[CallId, ToolCall] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    shown: bool = False
    usage: Usage = field(default_factory=Usage)
    wire_events: int = 0


def record_of(transcript: Transcript, run: Run, *, wire_events: int) -> Record:
    """The record of a run in its transcript."""
    calls = transcript.calls_of(run.id)
    return Record(
        rounds=run.rounds,
        calls={call.call_id: call for call in calls},
        needs=_needs(transcript, run),
        shown=run.tail_id != run.parent_id,
        usage=run.usage or Usage(),
        wire_events=wire_events,
    )


def _needs(transcript: Transcript, run: Run) -> tuple[Need, ...]:
    """The client calls of the run's last message, if the provider had come to wait for them."""
    tail = transcript.messages.get(run.tail_id)
    if tail is None or tail.run_id != run.id:
        return ()
    calls = [part.tool for part in tail.parts if part.tool is not None]
    if not any(_begun(call) for call in calls if _is_ours(call)):
        return ()
    return tuple(
        Need(
            call_id=call.call_id,
            name=call.name,
            arguments=str(call.arguments),
            approval=call.origin is not ToolOrigin.CLIENT,
        )
        for call in calls
        if _is_ours(call)
    )


def _is_ours(call: ToolCall) -> bool:
    """Whether something is expected from here: an output, or a decision about a remote call."""
    asked = call.decision is not None or call.state is ToolState.APPROVAL
    return call.origin is ToolOrigin.CLIENT or (asked and call.origin is ToolOrigin.REMOTE_MCP)


def _begun(call: ToolCall) -> bool:
    """Whether the engine has worked on it, which it only does once the provider waits."""
    return call.decision is not None or call.finished or call.state is ToolState.APPROVAL
