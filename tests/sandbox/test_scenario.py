"""Scenarios: each step does what it says, and a bad one is explained instead of played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.driving import BUILTIN, Answer, asked, run
from tui.core import events as e
from tui.core.models import Outcome, PartKind, ToolOutput
from tui.core.ports import WireFault
from tui.sandbox.faults import FAILURES, MODEL_FAILURES, WIRE_FAULTS
from tui.sandbox.markdown import KINDS
from tui.sandbox.scenario import ScenarioError, decode_scenario, find_scenario
from tui.sandbox.steps import Step
from tui.sandbox.tokens import count_tokens


def block(*steps: str, top: str = "") -> str:
    body = "\n".join(f"[[step]]\n{step}" for step in steps)
    return f"Play this:\n\n```sandbox\n{top}\n{body}\n```\nThank you."


async def play(*steps: str, top: str = "", **fields: Any) -> Answer:
    return await run(asked(block(*steps, top=top), **fields))


async def test_steps_are_played_in_order() -> None:
    answer = await play("think = 'hm'", "say = 'one'", "wait = 0", "say = 'two'")
    assert answer.texts(PartKind.REASONING) == ["hm"]
    assert answer.texts() == ["one", "two"]
    assert answer.outcome is Outcome.COMPLETED
    usage = next(each.usage for each in answer.signals if isinstance(each, e.UsageReported))
    assert usage.reasoning_tokens == 1


async def test_calls_are_made_as_written_and_the_next_turn_goes_on_behind_them() -> None:
    answer = await play(
        "say = 'let me see'",
        "call = [{ name = 'a', arguments = { x = 1, y = ['z'] } }, { name = 'b' }]",
        "call = { name = 'c', arguments = '{\"broken\": ' }",
        "say = 'done'",
    )
    assert answer.calls == [[("a", '{"x": 1, "y": ["z"]}'), ("b", "{}")], [("c", '{"broken": ')]]
    assert [[type(each) for each in turn].count(e.TextDelta) for turn in answer.turns] == [3, 0, 1]
    assert answer.texts() == ["let me see", "done"]


async def test_text_and_calls_are_messages_of_their_own_and_reasoning_goes_with_either() -> None:
    answer = await play(
        "say = 'a'", "think = 'b'", "call = { name = 'c' }", "think = 'd'", "say = 'e'"
    )
    kinds: dict[str, list[PartKind]] = {}
    for each in answer.signals:
        if isinstance(each, e.PartStarted):
            kinds.setdefault(each.message_id, []).append(each.kind)
    assert list(kinds.values()) == [
        [PartKind.TEXT, PartKind.REASONING],
        [PartKind.TOOL_CALL],
        [PartKind.REASONING, PartKind.TEXT],
    ]


async def test_a_scenario_that_ends_with_a_call_is_answered_by_the_rules() -> None:
    answer = await play("call = { name = 'c', arguments = { n = 7 } }")
    assert '`c(7)`: `<{"n": 7}>`' in answer.text
    assert answer.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [1, 7, 100, 3000])
async def test_text_of_n_tokens_of_a_kind(kind: str, tokens: int) -> None:
    answer = await play(f"say = {{ tokens = {tokens}, kind = '{kind}' }}")
    made = sum(isinstance(each, e.TextDelta) for each in answer.signals)
    assert made == count_tokens(answer.text)
    if kind.startswith("paragraph"):
        assert made == tokens
    else:
        assert tokens <= made <= tokens + 60
    fences = [line for line in answer.text.splitlines() if line.startswith("```")]
    assert len(fences) % 2 == 0


async def test_kinds_look_like_what_they_are() -> None:
    texts = {
        kind: (await play(f"say = {{ tokens = 400, kind = '{kind}' }}")).text for kind in KINDS
    }
    assert "\n" not in texts["paragraph"]
    assert "\n\n" in texts["paragraphs"]
    assert texts["fence"].startswith("```python\n")
    assert texts["table"].splitlines()[1].startswith("| ---")
    assert texts["list"].startswith("- ")
    assert all(mark in texts["mixed"] for mark in ("## ", "```", "\n- ", "\n| "))


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WIRE_FAULTS)
async def test_a_fault_of_the_wire_is_handed_on_and_the_steps_behind_it_are_played(
    kind: str,
) -> None:
    answer = await play("say = 'before'", f"fail = '{kind}'", "say = 'after'")
    assert [fault.kind for fault in answer.faults] == [kind]
    assert answer.texts() == ["before", "after"]
    at = answer.signals.index(answer.faults[0])
    assert e.TextDelta(part_id=_parts(answer)[0], text="before") in answer.signals[:at]
    assert e.TextDelta(part_id=_parts(answer)[1], text="after") in answer.signals[at:]
    assert answer.outcome is Outcome.COMPLETED


async def test_a_fault_takes_its_values() -> None:
    answer = await play(
        "fail = { kind = 'stall', seconds = 2 }", "fail = { kind = 'error_event', message = 'no' }"
    )
    assert answer.faults == [
        WireFault(kind="stall", seconds=2.0),
        WireFault(kind="error_event", message="no"),
    ]


async def test_a_fault_can_strike_in_the_middle_of_a_call() -> None:
    answer = await play(
        "fail = { kind = 'disconnect', after = 2 }",
        "call = { name = 'c', arguments = { text = 'long enough for fragments' } }",
        "say = 'end'",
    )
    turn = answer.turns[0]
    at = next(n for n, each in enumerate(turn) if isinstance(each, WireFault))
    assert sum(isinstance(each, e.ArgumentsDelta) for each in turn[:at]) == 2
    assert sum(isinstance(each, e.ArgumentsDelta) for each in turn[at:]) > 1
    assert len(answer.faults) == 1


async def test_a_fault_set_for_later_than_the_turn_lasts_strikes_at_its_end() -> None:
    answer = await play("fail = { kind = 'truncate', after = 99 }", "say = 'short'")
    kinds = [type(each) for each in answer.signals]
    assert kinds.index(WireFault) > kinds.index(e.TextDelta)


async def test_run_failed() -> None:
    answer = await play(
        "say = 'half'", "fail = { kind = 'run_failed', message = 'Oh no.' }", "say = 'x'"
    )
    end = answer.ends[-1]
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert (end.error.code, end.error.message) == ("server_error", "Oh no.")
    assert answer.texts() == ["half"]
    finished = [each for each in answer.signals if isinstance(each, e.MessageFinished)]
    assert [each.complete for each in finished] == [False]


async def test_rate_limit_says_when_to_try_again() -> None:
    end = (await play("fail = { kind = 'rate_limit', seconds = 7 }")).ends[-1]
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert end.error.code == "rate_limit_exceeded"
    assert "try again in 7s" in end.error.message


async def test_length_refusal_and_malformed_arguments() -> None:
    end = (await play("say = 'a'", "fail = 'length'")).ends[-1]
    assert (end.outcome, end.reason) == (Outcome.INCOMPLETE, "max_completion_tokens")

    refused = await play("fail = { kind = 'refusal', message = 'No.' }")
    assert refused.texts(PartKind.REFUSAL) == ["No."]
    assert refused.outcome is Outcome.COMPLETED

    malformed = await play("fail = 'malformed_arguments'", "say = 'sorry'", tools=BUILTIN)
    [[(name, arguments)]] = malformed.calls
    assert name == "calculate"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(arguments)
    assert malformed.texts() == ["sorry"]


def test_every_kind_of_failure_has_a_test_here() -> None:
    assert {"run_failed", "rate_limit", "length", "refusal", "malformed_arguments"} == {
        *MODEL_FAILURES
    }
    assert {*FAILURES} == {*MODEL_FAILURES, *WIRE_FAULTS}


# --- where scenarios come from ----------------------------------------------------------------


async def test_a_file_is_played_and_a_block_goes_before_it(tmp_path: Path) -> None:
    file = tmp_path / "demo.toml"
    file.write_text("[[step]]\nsay = 'from the file'\n", encoding="utf-8")
    assert (await run(asked("hi"), scenario=file)).texts() == ["from the file"]
    own = asked(block("say = 'from the message'"))
    assert (await run(own, scenario=file)).texts() == ["from the message"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[[step]]\nsay = "])
async def test_a_file_that_cannot_be_used_is_explained(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "demo.toml"
    if content is not None:
        file.write_bytes(content)
    answer = await run(asked("hi"), scenario=file)
    assert answer.outcome is Outcome.COMPLETED
    assert "the file demo.toml" in answer.text
    assert "cannot be" in answer.text
    assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("```sandbox\na\n```", "a\n"),
        ("x\n  ~~~~ sandbox\na\n```\nb\n  ~~~~\nc", "a\n```\nb\n"),
        ("```sandbox\nnever closed", "never closed"),
        ("```toml\na\n```", None),
        ("sandbox", None),
        ("```sandboxes\na\n```", None),
    ],
)
def test_the_block_in_a_message(text: str, body: str | None) -> None:
    assert find_scenario(text) == body


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("[[step]", ["TOML", "line 1"]),
        ("", ["no step", "[[step]]"]),
        ("step = 3", ["step in the top level", "a list", "found 3"]),
        ("step = [3]", ["step 1", "[[step]]"]),
        ("speed = 3\n[[step]]\nsay = 'x'", ["'speed'", "step, rate, description"]),
        ("rate = -1\n[[step]]\nsay = 'x'", ["rate in the top level", "-1 is not between 0 and"]),
        ("[[step]]\nsay = 'x'\n[[step]]\nsai = 'y'", ["step 2", "'sai'", "Did you mean say?"]),
        ("[[step]]\nrate = 3", ["step 1", "exactly one thing", "nothing"]),
        ("[[step]]\nsay = 'x'\nwait = 1", ["step 1", "say and wait"]),
        ("[[step]]\nsay = 3", ["say of step 1", "expected text", "found 3"]),
        (
            "[[step]]\nsay = { kind = 'list' }",
            ["say of step 1", "tokens is missing", "whole number"],
        ),
        ("[[step]]\nsay = { tokens = true }", ["tokens in say of step 1", "found True"]),
        ("[[step]]\nsay = { tokens = 0 }", ["tokens in say of step 1", "between 1 and"]),
        ("[[step]]\nsay = { tokens = 5, kind = 'tabel' }", ["kind in say", "mean table?", "mixed"]),
        ("[[step]]\ncall = []", ["call of step 1", "no call"]),
        ("[[step]]\ncall = 'x'", ["call of step 1", "a table such as"]),
        ("[[step]]\ncall = { arguments = {} }", ["call of step 1", "name is missing"]),
        ("[[step]]\ncall = { name = '' }", ["call of step 1", "name is empty"]),
        ("[[step]]\ncall = { name = 'x', args = {} }", ["'args'", "name, arguments"]),
        ("[[step]]\ncall = { name = 'x', arguments = 3 }", ["arguments of call of step 1"]),
        ("[[step]]\ncall = { name = 'x', arguments = { d = 2026-01-01 } }", ["JSON has no dates"]),
        ("[[step]]\ncall = { name = 'x', arguments = { d = nan } }", ["JSON has no dates"]),
        ("[[step]]\nwait = 'long'", ["wait of step 1", "a number", "'long'"]),
        ("[[step]]\nwait = 9999", ["wait of step 1", "between 0 and 3600"]),
        ("[[step]]\nwait = nan", ["wait of step 1", "nan is not between"]),
        ("[[step]]\nfail = 'disconect'", ["kind in fail of step 1", "mean disconnect?", "stall"]),
        ("[[step]]\nfail = 3", ["fail of step 1", "a kind, or a table"]),
        ("[[step]]\nfail = {}", ["fail of step 1", "kind is missing"]),
        ("[[step]]\nfail = { kind = 'length', seconds = 3 }", ["(length)", "'seconds'"]),
        ("[[step]]\nfail = { kind = 'stall', seconds = -3 }", ["seconds in fail of step 1"]),
        ("[[step]]\nfail = { kind = 'stall', after = 1.5 }", ["after in fail", "a whole number"]),
    ],
)
async def test_a_bad_scenario_is_explained(scenario: str, words: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        decode_scenario(scenario)
    for word in words:
        assert word in str(caught.value)

    answer = await run(asked(f"```sandbox\n{scenario}\n```"))
    assert answer.outcome is Outcome.COMPLETED
    assert str(caught.value) in answer.text
    assert "your message" in answer.text


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_is_explained(text: str) -> None:
    steps, words = _decoded(text)
    assert bool(steps) != bool(words)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(["", "stall", "list", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "arguments", "kind", "tokens", "after"]), inner)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["say", "think", "call", "wait", "fail", "rate"]), _JSON))
def test_any_step_is_a_step_or_is_explained(step: dict[str, Any]) -> None:
    lines = "\n".join(f"{key} = {_toml(value)}" for key, value in step.items())
    steps, words = _decoded(f"[[step]]\n{lines}\n")
    assert len(steps) == 1 or "step 1" in words


def _decoded(text: str) -> tuple[tuple[Step, ...], str]:
    """The steps, or what is wrong."""
    try:
        return decode_scenario(text), ""
    except ScenarioError as error:
        return (), str(error)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(each)}" for key, each in value.items())
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def _parts(answer: Answer) -> list[str]:
    return [each.part_id for each in answer.signals if isinstance(each, e.PartStarted)]


async def test_the_rate_of_scenario_and_step_goes_before_the_setting() -> None:
    slow = 0.0001  # a token every three hours: it can only end if the scenario's rate is used
    answer = await run(
        asked(block("say = 'a b c'", "say = 'd e'\nrate = 0", top="rate = 1000000")), rate=slow
    )
    assert answer.texts() == ["a b c", "d e"]


async def test_the_output_of_every_call_is_in_the_answer_even_when_it_is_long() -> None:
    answer = await run(
        asked(block("call = [{ name = 'a' }, { name = 'b' }, { name = 'c' }]")),
        output=lambda need: ToolOutput(
            text={"a": "one\ntwo", "b": "`tick`", "c": "x" * 5000}[need.name]
        ),
    )
    assert "  one\n  two\n" in answer.text
    assert "`` `tick` ``" in answer.text
    assert "3000 more characters" in answer.text
