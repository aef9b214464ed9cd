"""Times, sizes and states as short text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.events import RetryScheduled
from tui.core.models import Outcome, Problem, RunState, ToolState, Usage
from tui.core.sanitise import sanitise
from tui.core.text import GrowingText
from tui.core.thread import Run, ToolCall
from tui.engine.conversations import _LEFT
from tui.ui import wording


def make_run(**fields: object) -> Run:
    return Run(id="r", parent_id="m", tail_id="m", **fields)  # type: ignore[arg-type]  # test data


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (-5, "now"),
        (59, "now"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (6 * 86_400, "6 d"),
    ],
)
def test_ago(seconds: float, text: str) -> None:
    assert wording.ago(1_790_000_000 - seconds, 1_790_000_000) == text


@given(st.floats(min_value=0, max_value=1e10))
def test_ago_is_short(seconds: float) -> None:
    assert 1 <= len(wording.ago(1e10 - seconds, 1e10)) <= 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40 s"), (12.34, "12.3 s"), (125, "2:05"), (3723, "1:02:03"), (-1, "0.00 s")],
)
def test_span(seconds: float, text: str) -> None:
    assert wording.span(seconds) == text


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_one_line_is_one_safe_line(text: str, limit: int) -> None:
    line = wording.one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert sanitise(line) == line


@given(st.text(alphabet="abc \n", max_size=30))
def test_one_line_keeps_what_fits(text: str) -> None:
    assert wording.one_line(text, 30) == " ".join(text.split())


@pytest.mark.parametrize("state", list(ToolState))
def test_every_tool_state_has_a_symbol_and_words(state: ToolState) -> None:
    call = ToolCall(call_id="c", run_id="r", part_id="p", name="n", state=state)
    assert len(wording.SYMBOLS[state]) == 1
    assert wording.tool_state(call)


def test_a_finished_call_says_how_long_it_took() -> None:
    call = ToolCall(call_id="c", run_id="r", part_id="p", name="n", state=ToolState.DONE)
    call.started_mono, call.finished_mono = 10.0, 10.5
    assert wording.tool_state(call) == "done in 0.50 s"


def test_a_failed_call_shows_why_and_another_its_arguments() -> None:
    call = ToolCall(call_id="c", run_id="r", part_id="p", name="n", state=ToolState.FAILED)
    call.arguments, call.output = GrowingText('{"a": 1}'), GrowingText("no such\nfile")
    assert wording.tool_preview(call) == "no such file"
    call.state = ToolState.DONE
    assert wording.tool_preview(call) == '{"a": 1}'


def test_a_running_run_counts_the_seconds() -> None:
    run = make_run(started_at=100.0, rounds=2, first_delta_mono=1.0)
    assert wording.run_state(run, 165.0) == "Answering · 1:05 · 2 rounds"
    run.state = RunState.CANCELLING
    assert wording.run_state(run, 165.0).startswith("Stopping")


def test_a_finished_run_says_time_rounds_and_tokens() -> None:
    run = make_run(
        started_at=100.0,
        finished_at=102.5,
        rounds=3,
        state=RunState.FINISHED,
        outcome=Outcome.COMPLETED,
        usage=Usage(input_tokens=1200, output_tokens=34),
    )
    assert wording.run_state(run, 0) == "Done · 2.50 s · 3 rounds · 1,200 in, 34 out"


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.COMPLETED])
def test_every_ending_but_success_is_told(outcome: Outcome) -> None:
    run = make_run(state=RunState.FINISHED, outcome=outcome)
    run.error = Problem(code="x", message="The line broke.", hint="Check the cable.")
    (_, text) = wording.outcome_lines(run)[-1]
    if outcome is not Outcome.CANCELLED:
        assert "The line broke. Check the cable." in text


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.EXPIRED, Outcome.DISCONNECTED, Outcome.TRUNCATED]
)
def test_an_ending_that_may_go_better_names_the_key_once(outcome: Outcome) -> None:
    run = make_run(state=RunState.FINISHED, outcome=outcome, reason="It broke.")
    ((_, text),) = wording.outcome_lines(run)
    assert text.endswith(" It broke. F5 tries again.")
    run.error = Problem(code="x", message="It broke.", hint="Wait, then press F5.")
    ((_, text),) = wording.outcome_lines(run)
    assert text.endswith(" It broke. Wait, then press F5.")


def test_an_ending_without_a_reason_still_reads_well() -> None:
    run = make_run(state=RunState.FINISHED, outcome=Outcome.INCOMPLETE, reason="max_tokens")
    told = "Incomplete: max_tokens. F5 tries again."
    assert wording.outcome_lines(run) == [("problem", told)]
    ways = [("problem", "Incomplete: max_tokens"), ("notice", wording.WAYS_ON)]
    assert wording.outcome_lines(run, partial=True) == ways
    run.reason = ""
    told = "Incomplete: no reason given. F5 tries again."
    assert wording.outcome_lines(run) == [("problem", told)]


def test_a_stream_that_ended_too_early_says_so_once() -> None:
    run = make_run(state=RunState.FINISHED, outcome=Outcome.TRUNCATED)
    run.error = Problem(code="truncated", message="The stream ended without a word.", hint="Wait.")
    told = "The stream ended without a word. F5 tries again."
    assert wording.outcome_lines(run) == [("problem", told)]


def test_before_anything_is_sent_nothing_is_called_sent() -> None:
    run = make_run(started_at=100.0, rounds=0)
    assert wording.run_state(run, 113.0) == "Preparing · 13 s"
    run.rounds = 1
    assert wording.run_state(run, 113.0) == "Sent · 13 s"


def test_a_cancel_that_the_server_did_not_hear_is_told() -> None:
    run = make_run(state=RunState.FINISHED, outcome=Outcome.CANCELLED)
    assert wording.outcome_lines(run) == [("notice", "Cancelled. What had arrived is kept.")]
    run.reason = "The server could not be told; it may still be running."
    ((_, text),) = wording.outcome_lines(run)
    assert text.endswith("it may still be running.")


def test_an_answer_that_was_left_is_not_called_cancelled() -> None:
    run = make_run(state=RunState.FINISHED, outcome=Outcome.CANCELLED, reason=_LEFT)
    told = "Left as it was. What had arrived is kept."
    assert wording.outcome_lines(run) == [("notice", told)]


def test_success_needs_no_words_but_notices_do() -> None:
    run = make_run(state=RunState.FINISHED, outcome=Outcome.COMPLETED)
    assert wording.outcome_lines(run) == []
    run.notices.append("The remote thread was rebuilt.\x1b[2J")
    assert wording.outcome_lines(run) == [("notice", "The remote thread was rebuilt.␛[2J")]


def test_a_retry_is_told_while_it_is_waited_for() -> None:
    run = make_run(retry=RetryScheduled(attempt=2, delay=3.0, reason="Too many requests."))
    (line,) = wording.outcome_lines(run)
    assert "in 3 s" in line[1]
    ((_, later),) = wording.outcome_lines(run, wait=61.2)
    assert "in 1:02 (attempt 2)" in later
    assert "attempt 2" in line[1]
    assert "Too many requests." in line[1]


def test_an_interrupted_run_says_who_ended_first() -> None:
    run = make_run(state=RunState.INTERRUPTED)
    told = "Interrupted: Tickertape ended before the answer did."
    assert wording.outcome_lines(run) == [("problem", told)]
    run.settle = True
    ((_, text),) = wording.outcome_lines(run)
    assert "you left" in text


def test_a_call_of_a_run_that_does_not_go_on_is_said_to_do_nothing() -> None:
    call = ToolCall(call_id="c", run_id="r", part_id="p", name="n")
    call.arguments = GrowingText('{"a": ')
    assert wording.tool_state(call, live=False) == "cut off, 6 chars"
    assert wording.tool_symbol(call, live=False) != wording.tool_symbol(call)
    call.state = ToolState.WAITING
    assert wording.tool_state(call, live=False) == "not started"
    call.state = ToolState.INTERRUPTED
    assert wording.tool_state(call) == "started; whether it took effect is unknown"


def test_a_run_in_another_process_is_told_as_such() -> None:
    run = make_run(started_at=100.0, first_delta_mono=1.0)
    assert wording.run_state(run, 105.0, elsewhere=True).startswith("Another Tickertape is ans")
    run.state = RunState.WAITING
    assert wording.run_state(run, 105.0, elsewhere=True).startswith("Another Tickertape waits")


def test_a_private_title_is_marked_and_an_empty_one_has_a_name() -> None:
    assert wording.thread_title("a\nb") == "a b"
    assert wording.thread_title("", private=True) == f"{wording.PRIVATE_MARK} {wording.UNTITLED}"
