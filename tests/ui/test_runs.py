"""A run on screen: streaming, cancelling, approving, failing, trying again."""

from __future__ import annotations

from functools import partial

import pytest
from textual.pilot import Pilot

from tests.ui.driving import (
    SMALL,
    click_on,
    focused,
    running,
    screen_text,
    settle,
    status,
    text_of,
    until,
)
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.models import Outcome, PartKind, Problem, ThreadSummary, Usage
from tui.core.services import RetryRun
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving


def in_thread(text: str = "a question") -> tuple[FakeBackend, FakeRun]:
    """A backend whose one thread is open and has a run going."""
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", text)
    backend.remembered["thread"] = "t1"
    return backend, backend.begin("t1", "r1")


def log(pilot: Pilot[Leaving]) -> str:
    return text_of(pilot, "#log")


def says(pilot: Pilot[Leaving], words: str) -> bool:
    return words in log(pilot)


async def test_text_appears_as_it_streams_and_a_correction_replaces_it() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        part = run.part(PartKind.TEXT)
        for word in ("alpha", " beta", " gamma"):
            run.emit(e.TextDelta(part_id=part, text=word))
            await until(pilot, partial(says, pilot, word))
        assert "alpha beta gamma" in log(pilot)
        run.correct(part, "delta epsilon")
        await until(pilot, lambda: "delta epsilon" in log(pilot))
        assert "alpha" not in log(pilot)


async def test_a_fence_that_was_open_on_arrival_goes_on_as_code() -> None:
    backend, run = in_thread()
    part = run.part(PartKind.TEXT)
    run.emit(e.TextDelta(part_id=part, text="Look:\n\n```python\nfirst = 1\n"))
    async with running(backend) as pilot:
        await until(pilot, lambda: "first = 1" in log(pilot))
        run.emit(e.TextDelta(part_id=part, text="# not a heading\n```\n\nafterwards"))
        await until(pilot, lambda: "afterwards" in log(pilot))
        assert "# not a heading" in log(pilot)
        assert "```" not in log(pilot)


async def test_a_tool_call_goes_through_its_states_on_one_line() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        call = run.call("get_weather", '{"city": "Par', end=False)
        await until(pilot, lambda: "streaming, 13 chars" in log(pilot))
        assert "◌ get_weather" in log(pilot)
        run.emit(e.ArgumentsDelta(part_id="r1-p0", fragment='is"}'))
        run.emit(e.PartFinished(part_id="r1-p0"))
        await until(pilot, lambda: "○ get_weather  ready" in log(pilot))
        run.emit(e.ToolStarted(call_id=call))
        await until(pilot, lambda: "● get_weather  running" in log(pilot))
        backend.clock += 1.5
        run.emit(e.ToolFinished(call_id=call, output="sunny"))
        await until(pilot, lambda: "✓ get_weather  done in 1.50 s" in log(pilot))
        rows = [row for row in log(pilot).split("\n") if "get_weather" in row]
        assert len(rows) == 1


async def test_reasoning_is_folded_and_opens_by_key_and_by_mouse() -> None:
    backend, run = in_thread()
    run.text("a secret thought", kind=PartKind.REASONING)
    async with running(backend) as pilot:
        await until(pilot, lambda: "Reasoning, 16 characters" in log(pilot))
        assert "secret" not in log(pilot)
        await pilot.press("shift+f6", "e")
        await until(pilot, lambda: "a secret thought" in log(pilot))
        await click_on(pilot, "▾ Reasoning")
        await until(pilot, lambda: "secret" not in log(pilot))


async def test_two_escapes_stop_the_answer_and_one_does_not() -> None:
    backend, run = in_thread()
    run.text("on and on", end=False)
    async with running(backend) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: "Esc again" in status(pilot))
        assert not backend.commands
        await pilot.press("escape")
        await until(pilot, lambda: backend.commands == [("cancel", "r1")])
        await until(pilot, lambda: "Stopping" in status(pilot))
        run.finish(Outcome.CANCELLED)
        await until(pilot, lambda: "Cancelled" in log(pilot))
        assert "on and on" in log(pilot)


async def test_escape_with_nothing_running_does_nothing() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        await pilot.press("x", "escape", "escape")
        assert not backend.commands
        assert pilot.app.screen.query_one(Composer).text == "x"


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome.FAILED, "Failed"),
        (Outcome.INCOMPLETE, "Incomplete"),
        (Outcome.EXPIRED, "Expired"),
        (Outcome.DISCONNECTED, "Connection lost"),
        (Outcome.TRUNCATED, "ended too early"),
    ],
)
async def test_an_ending_that_is_no_success_is_told_with_its_hint(
    outcome: Outcome, word: str
) -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        problem = Problem(code="x", message="The line\x1b[2J broke.", hint="Check the cable.")
        run.finish(outcome, error=problem)
        await until(pilot, lambda: word in log(pilot))
        assert "The line␛[2J broke. Check the cable." in " ".join(log(pilot).split())


async def test_an_ending_without_a_message_stays_told_also_after_a_reload() -> None:
    backend, run = in_thread()

    def told(pilot: Pilot[Leaving]) -> bool:
        lines = [line.strip() for line in log(pilot).split("\n") if line.strip()]
        words = ("You", "a question", "Assistant", "Failed: too slow", "You", "anyone?")
        return all(line.startswith(word) for line, word in zip(lines, words, strict=True))

    async with running(backend) as pilot:
        run.finish(Outcome.FAILED, reason="too slow.")
        await until(pilot, lambda: "Failed: too slow" in log(pilot))
        backend.say("t1", "anyone?")
        await until(pilot, lambda: "anyone?" in log(pilot))
        await settle(pilot)
        assert told(pilot), log(pilot)
        assert "F5 tries again" in log(pilot)
        backend.begin("t1", "r2")
        await until(pilot, lambda: "F5" not in log(pilot))  # it would try another one again
    async with running(backend) as pilot:
        await until(pilot, lambda: "anyone?" in log(pilot))
        assert told(pilot), log(pilot)


async def test_a_wait_before_a_retry_is_visible_and_goes_away() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        run.emit(e.RetryScheduled(attempt=1, delay=4.0, reason="The server is busy."))
        await until(pilot, lambda: "Trying again in 4 s" in log(pilot))
        assert "Waiting to try again" in status(pilot)
        run.emit(e.TurnStarted(round=1))
        await until(pilot, lambda: "Trying again" not in log(pilot))


@pytest.mark.parametrize("key", ["f5", "ctrl+r"])
async def test_an_interrupted_run_is_told_and_retried_by_key(key: str) -> None:
    backend, run = in_thread()
    run.text("half an ans")
    run.emit(e.RunInterrupted())
    async with running(backend) as pilot:
        await until(pilot, lambda: "Interrupted" in log(pilot))
        assert "half an ans" in log(pilot)
        await pilot.press(key)
        await until(pilot, lambda: backend.commands)
        (command,) = backend.commands
        assert isinstance(command, RetryRun)
        assert command.of == "r1"
        assert command.run_id != "r1"


async def test_a_new_branch_takes_the_place_of_the_old_answer() -> None:
    backend, run = in_thread()
    run.text("old answer")
    run.finish()
    async with running(backend) as pilot:
        await until(pilot, lambda: "old answer" in log(pilot))
        backend.emit("t1", e.LeafSelected(message_id="t1-m1"))
        backend.begin("t1", "r2").text("new answer")
        await until(pilot, lambda: "new answer" in log(pilot))
        assert "old answer" not in log(pilot)
        assert "a question" in log(pilot)


async def test_a_remark_goes_when_the_state_it_spoke_of_is_over() -> None:
    backend, run = in_thread()
    run.text("on and on", end=False)
    async with running(backend, SMALL) as pilot:
        await pilot.press("escape")
        await until(pilot, lambda: "Esc again" in status(pilot))
        run.finish()
        await until(pilot, lambda: "Done" in status(pilot))
        assert "Esc again" not in status(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: "No tool call waits" in status(pilot))
        backend.say("t1", "another")
        backend.begin("t1", "r2")
        await until(pilot, lambda: "another" in log(pilot))
        assert "No tool call" not in status(pilot)


async def test_a_long_remark_leaves_result_and_profile_where_they_are() -> None:
    backend, run = in_thread()
    run.emit(e.UsageReported(usage=Usage(input_tokens=123_456, output_tokens=78_901)))
    run.finish()
    title = "A title of many words, which are more than fit on a line of this width"
    waits = ThreadSummary(id="t2", title=title, created_at=1, updated_at=1, waiting=True)
    backend.summarise(waits)
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "123,456 in" in status(pilot))
        result = status(pilot)
        await pilot.press("f8")
        await until(pilot, lambda: "No tool call waits here" in status(pilot))
        said, ended, profile = (each.strip() for each in status(pilot).split("│"))
        assert said.endswith("…")
        assert ended == "Done · 0.00 s"
        assert profile == "sandbox · sandbox-1"
        await pilot.resize_terminal(200, 24)
        await until(pilot, lambda: f"one does in “{title}”." in status(pilot))
        assert result.strip() in status(pilot)


async def test_the_status_counts_seconds_while_a_run_goes_on() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        backend.clock += 42
        run.text("x", end=False)
        await until(pilot, lambda: "Answering · 42 s" in status(pilot))
        run.finish()
        await until(pilot, lambda: "Done · 42.0 s" in status(pilot))


# --- approvals ---------------------------------------------------------------------------------


def ask(run: FakeRun, name: str, arguments: str) -> str:
    call = run.call(name, arguments)
    run.emit(e.ApprovalRequested(call_id=call))
    return call


async def test_calls_are_decided_one_after_another_without_leaving_the_composer() -> None:
    backend, run = in_thread()
    async with running(backend, SMALL) as pilot:
        await pilot.press("h", "i")
        first = ask(run, "send_mail", '{"to": "ada", "body": "x\\u202ey"}')
        second = ask(run, "delete_file", '{"path": "notes"}')
        await until(pilot, lambda: "send_mail" in text_of(pilot, "#approval"))
        assert '"to": "ada",' in text_of(pilot, "#approval")
        assert "1 more" in text_of(pilot, "#approval")
        assert focused(pilot) == "composer"
        await pilot.press("exclamation_mark", "f8")
        await until(pilot, lambda: "delete_file" in text_of(pilot, "#approval"))
        await pilot.press("f9")
        await until(pilot, lambda: not pilot.app.screen.query_one("#approval").display)
        assert backend.decisions[first].approved
        assert not backend.decisions[second].approved
        assert {d.by for d in backend.decisions.values()} == {"user"}
        assert pilot.app.screen.query_one(Composer).text == "hi!"
        await until(pilot, lambda: "⊘ delete_file" in log(pilot))


async def test_letters_decide_only_when_the_bar_has_the_focus() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        call = ask(run, "send_mail", "{}")
        await until(pilot, lambda: "send_mail" in text_of(pilot, "#approval"))
        await pilot.press("a", "d")
        assert not backend.decisions
        await pilot.press("shift+f6")
        assert focused(pilot) == "approval-arguments"
        await pilot.press("a")
        await until(pilot, lambda: call in backend.decisions)
        await until(pilot, lambda: focused(pilot) == "composer")


async def test_long_arguments_can_be_read_to_their_end() -> None:
    backend, run = in_thread()
    rows = ", ".join(f'"row {number}"' for number in range(100))
    async with running(backend, SMALL) as pilot:
        ask(run, "store", f'{{"rows": [{rows}]}}')
        await until(pilot, lambda: "row 0" in text_of(pilot, "#approval"))
        await pilot.press("shift+f6", "end")
        await until(pilot, lambda: "row 99" in text_of(pilot, "#approval"))


async def test_a_repeated_key_in_the_arguments_is_not_hidden() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        ask(run, "pay", '{"amount": 1, "amount": 1000}')
        await until(pilot, lambda: "1000" in text_of(pilot, "#approval"))
        assert '"amount": 1,' in text_of(pilot, "#approval")


async def test_a_decision_that_failed_is_asked_again() -> None:
    backend, run = in_thread()
    async with running(backend) as pilot:
        ask(run, "send_mail", "{}")
        await until(pilot, lambda: "send_mail" in text_of(pilot, "#approval"))
        backend.fail["decide"] = StoreError("The disk is full.", hint="Make room.")
        await pilot.press("f8")
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        assert "send_mail" in text_of(pilot, "#approval")
        del backend.fail["decide"]
        await pilot.press("f8")
        await until(pilot, lambda: backend.decisions)


async def test_keys_that_decide_say_so_when_there_is_nothing_to_decide() -> None:
    async with running(FakeBackend()) as pilot:
        await pilot.press("f8")
        await until(pilot, lambda: "No tool call waits" in status(pilot))


# --- safety ------------------------------------------------------------------------------------

HOSTILE = "\x1b]0;pwned\x07\x9b31m\u202egnp.exe\x08\u200b"


async def test_no_text_from_outside_reaches_the_terminal_as_a_control() -> None:
    backend, run = in_thread(f"question {HOSTILE}")
    async with running(backend) as pilot:
        backend.emit("t1", e.ThreadChanged(title=f"title {HOSTILE}"))
        run.text(f"thought {HOSTILE}", kind=PartKind.REASONING)
        run.text(f"answer {HOSTILE} `{HOSTILE}`\n\n```\n{HOSTILE}\n```\n\n|a|\n|-|\n|{HOSTILE}|\n")
        run.text(f"no {HOSTILE}", kind=PartKind.REFUSAL)
        run.emit(e.NoticeAdded(text=f"notice {HOSTILE}"))
        ask(run, f"tool{HOSTILE}", f'{{"a": "{HOSTILE}"}}')
        await pilot.press("shift+f6", "shift+f6", "e", "f6")
        await settle(pilot)
        strips = pilot.app.screen._compositor.render_strips()
        shown = "".join(segment.text for strip in strips for segment in strip)
        assert "pwned" in shown
        assert not [c for c in shown if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u200b"]


async def test_the_copied_answer_is_as_harmless_as_the_screen() -> None:
    backend, run = in_thread()
    run.text(f"take this {HOSTILE}")
    run.finish()
    async with running(backend) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: "Copied" in status(pilot))
        assert pilot.app.clipboard.startswith("take this ␛]0;pwned")
        assert "\x1b" not in pilot.app.clipboard
        assert "\u202e" not in pilot.app.clipboard


async def test_copying_in_the_inspector_is_told_like_copying_the_answer() -> None:
    backend, run = in_thread()
    run.call("clock", '{"zone": "UTC"}')
    async with running(backend) as pilot:
        await until(pilot, lambda: "UTC" in text_of(pilot, "#inspector"))
        await pilot.press("f6", "c")
        await until(pilot, lambda: "Copied 15 characters." in status(pilot))
        await pilot.press("o")
        await until(pilot, lambda: "nothing to copy" in status(pilot))
        assert pilot.app.clipboard == '{"zone": "UTC"}'
