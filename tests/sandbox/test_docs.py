"""docs/sandbox.md is true: its scenarios run, its tables name all there is, its claims hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sandbox.driving import BUILTIN, asked, run
from tui.core.models import Outcome
from tui.sandbox.faults import FAILURES
from tui.sandbox.markdown import KINDS
from tui.sandbox.scenario import MAX_TOKENS, decode_scenario, find_scenario

_DOC = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
_EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", _DOC, re.MULTILINE | re.DOTALL)
_IN_MESSAGE = re.findall(r"^````markdown\n(.*?)^````$", _DOC, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(_EXAMPLES) >= 6
    assert len(_IN_MESSAGE) == 1


@pytest.mark.parametrize("example", _EXAMPLES)
async def test_examples_run_to_their_end(example: str) -> None:
    steps = decode_scenario(example)
    answer = await run(asked(f"```sandbox\n{example}```", tools=BUILTIN))
    fails = {"rate_limit": Outcome.FAILED}
    wanted = next((end for kind, end in fails.items() if kind in example), Outcome.COMPLETED)
    assert answer.outcome is wanted
    assert len(steps) >= len(answer.texts())
    assert len(answer.faults) == ("disconnect" in example)


def test_the_example_in_a_message_is_found() -> None:
    found = find_scenario(_IN_MESSAGE[0])
    assert found is not None
    assert len(decode_scenario(found)) == 2


def test_the_table_of_failures_is_complete_and_right() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", _DOC, re.MULTILINE)
    keys = {kind: tuple(re.findall(r"`(\w+)`", given)) for kind, given in rows}
    assert {kind: keys.get(kind) for kind in FAILURES} == {
        kind: failure.takes for kind, failure in FAILURES.items()
    }


def test_kinds_and_limits_are_named() -> None:
    assert all(f"`{kind}`" in _DOC for kind in KINDS)
    assert str(MAX_TOKENS) in _DOC


async def test_the_sentence_that_makes_three_calls_does() -> None:
    said = re.search(r"\"(What time is it in Tokyo[^\"]*)\"", _DOC.replace("\n", " "))
    assert said is not None
    answer = await run(asked(said[1].replace("\\*", "*"), tools=BUILTIN))
    assert [len(calls) for calls in answer.calls] == [3]
