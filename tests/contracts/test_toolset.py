"""What every Toolset promises, whoever runs the functions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.toolset import FakeToolset, echo, for_ever
from tui.core.errors import ToolError
from tui.core.ports import Toolset
from tui.tools.local import LocalToolset

USER_TOOLS = '''
import time
from tui.tools import tool

@tool
def echo(word: str = "") -> str:
    """Give a word back."""
    return word

@tool
def for_ever():
    """Never return."""
    time.sleep(3600)

@tool
def broken():
    """Raise."""
    raise RuntimeError("it broke")
'''


@dataclass
class Case:
    """A toolset with the tools ``echo`` (one word) and ``for_ever``; a real one has ``broken``."""

    toolset: Toolset


def local(place: Path) -> Case:
    (place / "tools.py").write_text(USER_TOOLS)
    return Case(LocalToolset(place))


def fake(place: Path) -> Case:
    return Case(FakeToolset({"echo": echo, "for_ever": for_ever}))


@pytest.fixture(params=[local, fake], ids=lambda make: make.__name__)
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    make: Callable[[Path], Case] = request.param
    made = make(tmp_path)
    await made.toolset.specs()
    yield made
    await made.toolset.close()


# The fake takes any arguments and raises what its functions raise, for tests of the engine.
real = pytest.mark.parametrize("case", [local], indirect=True, ids=["local"])


def ignore(text: str) -> None:
    """For calls whose prints do not matter."""


async def test_specs_can_be_offered_to_a_model(case: Case) -> None:
    specs = await case.toolset.specs()
    names = [spec.name for spec in specs]
    assert {"echo", "for_ever"} <= set(names)
    assert len(set(names)) == len(names)
    for spec in specs:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", spec.name)
        assert spec.parameters["type"] == "object"
        assert json.loads(json.dumps(spec.parameters)) == spec.parameters


async def test_specs_are_stable(case: Case) -> None:
    assert await case.toolset.specs() == await case.toolset.specs()


async def test_a_good_call_has_no_problem_and_an_output(case: Case) -> None:
    arguments = '{"word": "hello"}'
    assert case.toolset.validate("echo", arguments) is None
    output = await case.toolset.call("c", "echo", arguments, ignore)
    assert "hello" in output.text
    assert not output.is_error


async def test_an_unknown_tool_is_a_problem_that_names_it(case: Case) -> None:
    problem = case.toolset.validate("nowhere", "{}")
    assert problem is not None
    assert problem.code == "unknown_tool"
    assert "nowhere" in problem.message


@pytest.mark.parametrize("arguments", ["", "{", '{"word": "hel', "nonsense"])
async def test_arguments_that_are_not_json_are_a_problem(case: Case, arguments: str) -> None:
    problem = case.toolset.validate("echo", arguments)
    assert problem is not None
    assert problem.code == "invalid_json"


@real
async def test_arguments_against_the_schema_are_a_problem_and_are_not_run(case: Case) -> None:
    problem = case.toolset.validate("echo", '{"word": 5}')
    assert problem is not None
    assert problem.code == "invalid_arguments"
    with pytest.raises(ToolError, match="word"):
        await case.toolset.call("c", "echo", '{"word": 5}', ignore)


@real
async def test_an_error_of_the_tool_is_an_output_that_says_so(case: Case) -> None:
    output = await case.toolset.call("c", "broken", "{}", ignore)
    assert output.is_error
    assert output.text.startswith("Error: ")
    assert "it broke" in output.text


async def test_calls_run_at_once_and_keep_their_outputs_apart(case: Case) -> None:
    words = [f"word{number}" for number in range(20)]
    outputs = await asyncio.gather(
        *(case.toolset.call(word, "echo", json.dumps({"word": word}), ignore) for word in words)
    )
    assert all(word in output.text for word, output in zip(words, outputs, strict=True))


async def test_cancelling_the_task_ends_the_call_and_the_toolset_goes_on(case: Case) -> None:
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await case.toolset.call("c", "for_ever", "{}", ignore)
    output = await case.toolset.call("c", "echo", '{"word": "still"}', ignore)
    assert "still" in output.text


async def test_closing_twice_is_harmless(case: Case) -> None:
    await case.toolset.close()
    await case.toolset.close()
