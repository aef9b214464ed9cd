"""The reducer: one fold for live, reload and replay; it never fails, and twice is once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import logs
from tui.core import events as e
from tui.core.codec import decode_envelope, encode_envelope
from tui.core.models import (
    Decision,
    Need,
    Outcome,
    PartFinal,
    PartInput,
    PartKind,
    Role,
    RunState,
    ToolOrigin,
    ToolRef,
    ToolState,
)
from tui.core.text import GrowingText
from tui.core.transcript import Transcript


def _fold(*events: e.Event, run: str | None = "r") -> Transcript:
    """Events of one run, one second and one number apart."""
    return Transcript("t").apply_all(_log(*events, run=run))


def _log(*events: e.Event, run: str | None = "r") -> list[e.Envelope]:
    return [
        e.Envelope(thread="t", seq=n, at=100.0 + n, mono=float(n), event=event, run=run)
        for n, event in enumerate(events, 1)
    ]


def _started() -> list[e.Event]:
    return [
        e.MessageAdded(
            message_id="u", parent_id=None, role=Role.USER, parts=(PartInput(text="hi"),)
        ),
        e.RunStarted(parent_id="u", profile="p"),
    ]


def _call(part: str = "s:0", call: str = "c1") -> list[e.Event]:
    return [
        e.MessageStarted(message_id="s"),
        e.PartStarted(
            message_id="s",
            part_id=part,
            index=0,
            kind=PartKind.TOOL_CALL,
            tool=ToolRef(name="echo", call_id=call),
        ),
    ]


def test_a_message_grows_and_is_corrected_by_its_end() -> None:
    events = [
        *_started(),
        e.MessageStarted(message_id="m"),
        e.PartStarted(message_id="m", part_id="m:0", index=0, kind=PartKind.TEXT),
        e.TextDelta(part_id="m:0", text="Hel"),
        e.TextDelta(part_id="m:0", text="o"),
    ]
    assert _fold(*events).messages["m"].text == "Helo"
    assert _fold(*events).messages["m"].complete is None
    ended = _fold(
        *events,
        e.PartFinished(part_id="m:0", final=PartFinal(text="Hello")),
        e.MessageFinished(message_id="m"),
        e.TextDelta(part_id="m:0", text=" late"),
    )
    assert ended.messages["m"].text == "Hello"
    assert ended.messages["m"].complete is True
    assert [message.id for message in ended.path()] == ["u", "m"]


def test_parts_are_read_by_index_whatever_their_order() -> None:
    transcript = _fold(
        *_started(),
        e.MessageStarted(message_id="m"),
        e.PartStarted(message_id="m", part_id="m:1", index=1, kind=PartKind.TEXT),
        e.PartStarted(message_id="m", part_id="m:0", index=0, kind=PartKind.TEXT),
        e.TextDelta(part_id="m:1", text="second"),
        e.TextDelta(part_id="m:0", text="first"),
    )
    assert transcript.messages["m"].text == "first\n\nsecond"


def test_a_call_through_all_its_states_with_times() -> None:
    log = _log(
        *_started(),
        *_call(),
        e.ArgumentsDelta(part_id="s:0", fragment='{"a"'),
        e.ArgumentsDelta(part_id="s:0", fragment=":1}"),
        e.PartFinished(part_id="s:0"),
        e.TurnFinished(
            outcome=Outcome.REQUIRES_ACTION,
            needs=(Need(call_id="c1", name="echo", arguments='{"a":1}'),),
        ),
        e.ApprovalRequested(call_id="c1"),
        e.ApprovalDecided(call_id="c1", decision=Decision(approved=True, by="user")),
        e.ToolStarted(call_id="c1"),
        e.ToolOutputDelta(call_id="c1", text="working"),
        e.ToolFinished(call_id="c1", output="done"),
    )
    transcript, states = Transcript("t"), []
    for envelope in log:
        transcript.apply(envelope)
        if call := transcript.calls.get(("r", "c1")):
            states.append((call.state, transcript.runs["r"].state))
    assert [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]] == [
        (ToolState.STREAMING, RunState.RUNNING),
        (ToolState.WAITING, RunState.RUNNING),
        (ToolState.APPROVAL, RunState.WAITING),
        (ToolState.WAITING, RunState.RUNNING),
        (ToolState.RUNNING, RunState.RUNNING),
        (ToolState.DONE, RunState.RUNNING),
    ]
    call = transcript.calls["r", "c1"]
    assert (str(call.arguments), str(call.output)) == ('{"a":1}', "done")
    assert str(call.printed) == "working"
    times = (call.first_delta_mono, call.arguments_done_mono, call.started_mono, call.finished_mono)
    assert times == (5.0, 7.0, 11.0, 13.0)


def test_needs_supply_arguments_that_never_streamed() -> None:
    need = Need(call_id="c1", name="echo", arguments='{"x":2}')
    transcript = _fold(
        *_started(), *_call(), e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=(need,))
    )
    call = transcript.calls["r", "c1"]
    assert str(call.arguments) == '{"x":2}'
    assert call.state is ToolState.WAITING


def test_a_hosted_call_is_done_when_its_output_came() -> None:
    transcript = _fold(
        *_started(),
        e.MessageStarted(message_id="s"),
        e.PartStarted(
            message_id="s",
            part_id="s:0",
            index=0,
            kind=PartKind.TOOL_CALL,
            tool=ToolRef(name="code_interpreter", call_id="h", origin=ToolOrigin.HOSTED),
        ),
        e.PartFinished(part_id="s:0", final=PartFinal(arguments="1+1", output="2")),
    )
    call = transcript.calls["r", "h"]
    assert (call.state, str(call.output)) == (ToolState.DONE, "2")


def test_the_first_decision_wins_and_a_denied_call_stays_denied() -> None:
    no = Decision(approved=False, by="user")
    transcript = _fold(
        *_started(),
        *_call(),
        e.ApprovalRequested(call_id="c1"),
        e.ApprovalDecided(call_id="c1", decision=no),
        e.ApprovalDecided(call_id="c1", decision=Decision(approved=True, by="user")),
        e.ToolFinished(call_id="c1", output="Error: no", is_error=True),
    )
    call = transcript.calls["r", "c1"]
    assert call.decision == no
    assert (call.state, str(call.output)) == (ToolState.DENIED, "Error: no")


def test_calls_with_the_same_id_in_two_runs_are_two_calls() -> None:
    log = [
        *_log(*_started(), *_call(), e.RunFinished(outcome=Outcome.COMPLETED)),
        e.Envelope(
            thread="t",
            seq=9,
            at=1.0,
            mono=1.0,
            run="r2",
            event=e.RunStarted(parent_id="u"),
        ),
        e.Envelope(
            thread="t", seq=10, at=1.0, mono=1.0, run="r2", event=e.MessageStarted(message_id="s2")
        ),
        e.Envelope(
            thread="t",
            seq=11,
            at=1.0,
            mono=1.0,
            run="r2",
            event=e.PartStarted(
                message_id="s2",
                part_id="s2:0",
                index=0,
                kind=PartKind.TOOL_CALL,
                tool=ToolRef(name="echo", call_id="c1"),
            ),
        ),
    ]
    transcript = Transcript("t").apply_all(log)
    assert [call.run_id for call in transcript.calls.values()] == ["r", "r2"]
    assert len(transcript.calls_of("r2")) == 1


def test_an_interrupted_run_can_go_on_where_it_was() -> None:
    events = (*_started(), *_call(), e.ToolStarted(call_id="c1"), e.RunInterrupted(settle=True))
    transcript = _fold(*events)
    run = transcript.runs["r"]
    assert (run.state, run.settle) == (RunState.INTERRUPTED, True)
    assert transcript.active_run() is None
    assert transcript.interrupted_run() is run
    assert transcript.calls["r", "c1"].state is ToolState.INTERRUPTED
    transcript = _fold(*events, e.RunResumed(owner="other"))
    run = transcript.runs["r"]
    assert (run.state, run.owner, run.settle, run.finished_at) == (
        RunState.RUNNING,
        "other",
        False,
        None,
    )
    assert transcript.interrupted_run() is None


def test_a_machine_that_was_started_anew_makes_no_time_negative() -> None:
    before: list[e.Event] = [
        *_started(),
        *_call(),
        e.ToolStarted(call_id="c1"),
        e.RunInterrupted(),
    ]
    log = [
        e.Envelope(thread="t", run="r", seq=number, at=0.0, mono=1000.0 + number, event=event)
        for number, event in enumerate(before, start=1)
    ]
    after: list[e.Event] = [e.RunResumed(), e.ToolFinished(call_id="c1", output="")]
    log += [
        e.Envelope(thread="t", run="r", seq=len(log) + number, at=0.0, mono=number, event=event)
        for number, event in enumerate(after, start=1)
    ]
    transcript = Transcript("t").apply_all(log)
    call = transcript.calls["r", "c1"]
    assert call.started_mono is not None
    assert call.finished_mono is not None
    assert call.finished_mono - call.started_mono == 2.0  # one before, one after
    assert transcript.runs["r"].started_mono < call.started_mono


def test_a_pending_approval_survives_an_interruption() -> None:
    events = (*_started(), *_call(), e.ApprovalRequested(call_id="c1"), e.RunInterrupted())
    assert _fold(*events).calls["r", "c1"].state is ToolState.APPROVAL
    resumed = _fold(*events, e.RunResumed())
    assert resumed.runs["r"].state is RunState.WAITING


def test_an_interrupted_run_that_is_left_has_nothing_open() -> None:
    transcript = _fold(
        *_started(), *_call(), e.RunInterrupted(), e.RunFinished(outcome=Outcome.CANCELLED)
    )
    assert transcript.calls["r", "c1"].state is ToolState.CANCELLED
    assert transcript.messages["s"].complete is False
    assert transcript.interrupted_run() is None


def test_a_run_ends_once() -> None:
    transcript = _fold(
        *_started(),
        e.RunFinished(outcome=Outcome.COMPLETED),
        e.RunInterrupted(),
        e.RunResumed(),
        e.RunFinished(outcome=Outcome.FAILED),
    )
    assert transcript.runs["r"].outcome is Outcome.COMPLETED
    assert transcript.runs["r"].state is RunState.FINISHED


def test_a_queued_message_waits_until_it_is_sent_or_taken_back() -> None:
    def queued(name: str) -> e.MessageQueued:
        return e.MessageQueued(message_id=name, run_id="r9", parts=(PartInput(text="Hi"),))

    events = (*_started(), queued("q1"), queued("q1"), queued("q2"))
    assert [each.text for each in _fold(*events).queue.values()] == ["Hi", "Hi"]
    sent = e.MessageAdded(message_id="q1", parent_id=None, role=Role.USER)
    assert list(_fold(*events, sent).queue) == ["q2"]
    assert list(_fold(*events, e.MessageUnqueued(message_id="q1")).queue) == ["q2"]


def test_a_branch_that_is_not_shown_grows_out_of_sight() -> None:
    transcript = _fold(
        *_started(),
        e.MessageAdded(message_id="other", parent_id=None, role=Role.USER),
        e.MessageStarted(message_id="m"),
    )
    assert transcript.leaf_id == "other"
    assert transcript.messages["m"].parent_id == "u"


def test_history_joins_text_and_keeps_calls_with_outputs() -> None:
    transcript = _fold(*_started(), *_call(), e.ToolFinished(call_id="c1", output="out"))
    user, step = transcript.history()
    assert user.text == "hi"
    assert (step.calls[0].name, step.calls[0].output) == ("echo", "out")


@given(logs)
def test_any_log_folds_and_replay_equals_live(log: list[e.Envelope]) -> None:
    live = Transcript("t").apply_all(log)
    replayed = Transcript("t").apply_all(decode_envelope(encode_envelope(env)) for env in log)
    assert live.view() == replayed.view()


@given(logs, st.data())
def test_an_envelope_twice_is_once(log: list[e.Envelope], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log)))
    twice = Transcript("t").apply_all(log[:cut]).apply_all(log)
    assert twice.view() == Transcript("t").apply_all(log).view()


@given(st.lists(st.text()), st.lists(st.integers(0, 3)))
def test_growing_text_is_a_text(pieces: list[str], looks: list[int]) -> None:
    text = GrowingText()
    for n, piece in enumerate(pieces):
        text.append(piece)
        if n in looks:
            assert str(text) == "".join(pieces[: n + 1])
    assert (str(text), len(text)) == ("".join(pieces), len("".join(pieces)))
