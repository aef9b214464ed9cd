"""The reducer's steps: what each event changes in a transcript, one function an event.

They never fail on a log that is odd (a delta for a part that is not there, an event twice): such
an event changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.core import events as e
from tui.core.models import CallId, PartFinal, Role, RunState, ToolState
from tui.core.text import GrowingText
from tui.core.thread import Message, Part, QueuedMessage, Run, ToolCall

if TYPE_CHECKING:
    from tui.core.transcript import Transcript

Fold = Callable[["Transcript", e.Envelope, Any], None]


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
    t.queue.pop(event.message_id, None)


def _message_queued(t: Transcript, env: e.Envelope, event: e.MessageQueued) -> None:
    if event.message_id in t.messages or event.message_id in t.queue:
        return
    t.queue[event.message_id] = QueuedMessage(
        id=event.message_id,
        run_id=event.run_id,
        author=event.author,
        parts=event.parts,
        profile=event.profile,
        at=env.at,
    )


def _message_unqueued(t: Transcript, env: e.Envelope, event: e.MessageUnqueued) -> None:
    t.queue.pop(event.message_id, None)


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
    # A run that is asked about again tells its annotations again.
    if part is not None and event.annotation not in part.annotations:
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
    # Its messages and calls stay as they were: the run may go on.
    run = _run(t, env)
    if run is None or not run.active:
        return
    _stop_clock(run, env, RunState.INTERRUPTED)
    run.settle = event.settle
    for call in t.calls_of(run.id):
        if call.state is ToolState.RUNNING:
            call.state = ToolState.INTERRUPTED


def _run_resumed(t: Transcript, env: e.Envelope, event: e.RunResumed) -> None:
    run = _run(t, env)
    if run is None or run.state is not RunState.INTERRUPTED:
        return
    run.state, run.owner, run.settle = RunState.RUNNING, event.owner, False
    run.finished_at = run.finished_mono = None
    _update_waiting(t, env)


def _run_finished(t: Transcript, env: e.Envelope, event: e.RunFinished) -> None:
    run = _run(t, env)
    if run is None or run.state is RunState.FINISHED:
        return
    if run.active:
        _stop_clock(run, env, RunState.FINISHED)
    run.state = RunState.FINISHED  # an interrupted one ended when it was interrupted
    run.outcome, run.reason, run.error = event.outcome, event.reason, event.error
    for message in t.messages.values():
        if message.run_id != run.id:
            continue
        if message.complete is None:
            message.complete = False
        for part in message.parts:
            if part.tool is not None and not part.tool.finished:
                part.tool.state = ToolState.CANCELLED
            part.finished = True


def _stop_clock(run: Run, env: e.Envelope, state: RunState) -> None:
    run.state, run.finished_at, run.finished_mono, run.retry = state, env.at, env.mono, None


def _nothing(t: Transcript, env: e.Envelope, event: e.Event) -> None:
    """For facts that matter to the inspector only."""


def _run(t: Transcript, env: e.Envelope) -> Run | None:
    return None if env.run is None else t.runs.get(env.run)


def _call(t: Transcript, env: e.Envelope, call_id: CallId) -> ToolCall | None:
    return None if env.run is None else t.calls.get((env.run, call_id))


FOLDS: dict[type[Any], Fold] = {
    e.ThreadCreated: _thread_created,
    e.ThreadChanged: _thread_changed,
    e.MessageAdded: _message_added,
    e.MessageQueued: _message_queued,
    e.MessageUnqueued: _message_unqueued,
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
    e.RunResumed: _run_resumed,
    e.RunFinished: _run_finished,
}
