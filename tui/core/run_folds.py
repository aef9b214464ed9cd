"""The reducer's steps for runs and their tool calls; what a message is made of is in ``folds``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.core import events as e
from tui.core.models import CallId, Outcome, PartFinal, RunState, ToolOrigin, ToolState
from tui.core.thread import Run, ToolCall

if TYPE_CHECKING:
    from tui.core.transcript import Transcript

Fold = Callable[["Transcript", e.Envelope, Any], None]


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


def finish_tool_part(call: ToolCall, env: e.Envelope, final: PartFinal) -> None:
    """The call is complete: ``final`` may correct its arguments, and may hold its output."""
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
    run = run_of(t, env)
    if run is not None:
        run.usage = event.usage


def _run_status(t: Transcript, env: e.Envelope, event: e.RunStatusChanged) -> None:
    run = run_of(t, env)
    if run is not None:
        run.status = event.status


def _turn_started(t: Transcript, env: e.Envelope, event: e.TurnStarted) -> None:
    run = run_of(t, env)
    if run is not None:
        run.rounds = event.round
        run.retry = None


def _turn_finished(t: Transcript, env: e.Envelope, event: e.TurnFinished) -> None:
    run = run_of(t, env)
    if run is None:
        return
    for need in event.needs:
        call = t.calls.get((run.id, need.call_id))
        if call is not None:
            finish_tool_part(call, env, PartFinal(arguments=need.arguments))
            t.parts[call.part_id].finished = True


def _continuation(t: Transcript, env: e.Envelope, event: e.ContinuationChanged) -> None:
    run = run_of(t, env)
    if run is not None:
        run.continuation = event.continuation


def _notice(t: Transcript, env: e.Envelope, event: e.NoticeAdded) -> None:
    run = run_of(t, env)
    if run is not None:
        run.notices.append(event.text)


def _trimmed(t: Transcript, env: e.Envelope, event: e.ContextTrimmed) -> None:
    run = run_of(t, env)
    if run is not None:
        run.notices.append(f"The oldest {event.messages} messages were left out of the request.")
        run.seen_from = event.first_id


def _approval_requested(t: Transcript, env: e.Envelope, event: e.ApprovalRequested) -> None:
    call = call_of(t, env, event.call_id)
    if call is not None and call.decision is None and not call.finished:
        call.state = ToolState.APPROVAL
        run = run_of(t, env)
        if run is not None and run.state is RunState.RUNNING:
            run.state = RunState.WAITING


def _approval_decided(t: Transcript, env: e.Envelope, event: e.ApprovalDecided) -> None:
    call = call_of(t, env, event.call_id)
    if call is None or call.decision is not None:
        return
    call.decision = event.decision
    was_asked = call.state is ToolState.APPROVAL
    if not call.finished:
        call.state = ToolState.WAITING if event.decision.approved else ToolState.DENIED
    if was_asked:  # for any other call a look at all of them would find nothing new
        _update_waiting(t, env)


def _update_waiting(t: Transcript, env: e.Envelope) -> None:
    run = run_of(t, env)
    if run is None or run.state not in (RunState.RUNNING, RunState.WAITING):
        return
    asking = any(call.state is ToolState.APPROVAL for call in t.calls_of(run.id))
    run.state = RunState.WAITING if asking else RunState.RUNNING


def _tool_started(t: Transcript, env: e.Envelope, event: e.ToolStarted) -> None:
    call = call_of(t, env, event.call_id)
    if call is not None and not call.finished:
        call.state = ToolState.RUNNING
        call.started_mono = env.mono


def _tool_output(t: Transcript, env: e.Envelope, event: e.ToolOutputDelta) -> None:
    call = call_of(t, env, event.call_id)
    if call is not None and not call.finished:
        call.printed.append(event.text)


def _tool_finished(t: Transcript, env: e.Envelope, event: e.ToolFinished) -> None:
    call = call_of(t, env, event.call_id)
    if call is None or (call.finished and call.state is not ToolState.DENIED):
        return
    call.output.replace(event.output)
    call.is_error = event.is_error
    call.finished_mono = env.mono
    if call.state is not ToolState.DENIED:
        call.state = ToolState.FAILED if event.is_error else ToolState.DONE


def _cancel_requested(t: Transcript, env: e.Envelope, event: e.CancelRequested) -> None:
    run = run_of(t, env)
    if run is not None and run.active:
        run.state = RunState.CANCELLING


def _retry_scheduled(t: Transcript, env: e.Envelope, event: e.RetryScheduled) -> None:
    run = run_of(t, env)
    if run is not None:
        run.retry = event


def _run_interrupted(t: Transcript, env: e.Envelope, event: e.RunInterrupted) -> None:
    # Its messages and calls stay as they were: the run may go on.
    run = run_of(t, env)
    if run is None or not run.active:
        return
    _stop_clock(run, env, RunState.INTERRUPTED)
    run.settle = event.settle
    for call in t.calls_of(run.id):
        if call.state is ToolState.RUNNING:
            call.state = ToolState.INTERRUPTED


def _run_resumed(t: Transcript, env: e.Envelope, event: e.RunResumed) -> None:
    run = run_of(t, env)
    if run is None or run.state is not RunState.INTERRUPTED:
        return
    run.state, run.owner, run.settle = RunState.RUNNING, event.owner, False
    if run.finished_mono is not None and env.mono < run.finished_mono:
        _move_stamps(t, run, env.mono - run.finished_mono)
    run.finished_at = run.finished_mono = None
    _update_waiting(t, env)


def _move_stamps(t: Transcript, run: Run, by: float) -> None:
    """The machine was started anew, and its monotonic clock with it: no time may be negative."""
    run.started_mono += by
    if run.first_delta_mono is not None:
        run.first_delta_mono += by
    for call in t.calls_of(run.id):
        for name in ("first_delta_mono", "arguments_done_mono", "started_mono", "finished_mono"):
            if (stamp := getattr(call, name)) is not None:
                setattr(call, name, stamp + by)


def _run_finished(t: Transcript, env: e.Envelope, event: e.RunFinished) -> None:
    run = run_of(t, env)
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
                part.tool.state = _left_as(part.tool, event.outcome)
            part.finished = True


def _left_as(call: ToolCall, outcome: Outcome) -> ToolState:
    """What an open call of a run that is over was: the provider need not tell what its own did."""
    ran = call.origin is not ToolOrigin.CLIENT and call.state is ToolState.WAITING
    return ToolState.DONE if ran and outcome is Outcome.COMPLETED else ToolState.CANCELLED


def _stop_clock(run: Run, env: e.Envelope, state: RunState) -> None:
    run.state, run.finished_at, run.finished_mono, run.retry = state, env.at, env.mono, None


def run_of(t: Transcript, env: e.Envelope) -> Run | None:
    """The run of an envelope, if the transcript has it."""
    return None if env.run is None else t.runs.get(env.run)


def call_of(t: Transcript, env: e.Envelope, call_id: CallId) -> ToolCall | None:
    """A call of the envelope's run, if the transcript has it."""
    return None if env.run is None else t.calls.get((env.run, call_id))


RUN_FOLDS: dict[type[Any], Fold] = {
    e.RunStatusChanged: _run_status,
    e.UsageReported: _usage,
    e.TurnFinished: _turn_finished,
    e.NoticeAdded: _notice,
    e.RunStarted: _run_started,
    e.TurnStarted: _turn_started,
    e.ContinuationChanged: _continuation,
    e.ApprovalRequested: _approval_requested,
    e.ApprovalDecided: _approval_decided,
    e.ToolStarted: _tool_started,
    e.ToolOutputDelta: _tool_output,
    e.ToolFinished: _tool_finished,
    e.RetryScheduled: _retry_scheduled,
    e.ContextTrimmed: _trimmed,
    e.CancelRequested: _cancel_requested,
    e.RunInterrupted: _run_interrupted,
    e.RunResumed: _run_resumed,
    e.RunFinished: _run_finished,
}
