"""A run that goes on in a new thread: its calls are in the history, and are not made again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.driving import BUILTIN, asked, run
from tui.core.models import HistoryCall, HistoryMessage, Role, ToolOutput
from tui.providers.assistants.request import message_text
from tui.sandbox.handed_in import rounds_handed_in

QUESTION = HistoryMessage(id="u", role=Role.USER, text="What is 17*23, then the time in Lima?")
DONE = HistoryCall(call_id="c", name="calculate", arguments='{"expression": "17*23"}', output="391")


def step(*calls: HistoryCall, as_text: bool) -> HistoryMessage:
    made = HistoryMessage(id="s", role=Role.ASSISTANT, calls=calls)
    if not as_text:
        return made
    return HistoryMessage(id="s", role=Role.ASSISTANT, text=message_text(made))


@pytest.mark.parametrize("as_text", [False, True])
async def test_it_goes_on_behind_the_calls(as_text: bool) -> None:
    answer = await run(
        asked("", tools=BUILTIN, history=(QUESTION, step(DONE, as_text=as_text))),
        output=lambda need: ToolOutput(text=need.name),
    )
    assert answer.calls == [[("current_time", '{"timezone": "America/Lima"}')]]
    assert "`calculate(17*23)`: `391`" in answer.text


@pytest.mark.parametrize("as_text", [False, True])
async def test_a_scenario_goes_on_behind_its_calls(as_text: bool) -> None:
    text = (
        "```sandbox\n[[step]]\nsay = 'first'\n[[step]]\ncall = [{name='calculate'}]\n"
        "[[step]]\nsay = 'last'\n```"
    )
    question = HistoryMessage(id="u", role=Role.USER, text=text)
    answer = await run(asked("", history=(question, step(DONE, as_text=as_text))))
    assert answer.text == "last"


def test_an_answer_behind_the_calls_is_the_end_of_it() -> None:
    said = HistoryMessage(id="a", role=Role.ASSISTANT, text="It is 391.")
    assert rounds_handed_in((QUESTION, step(DONE, as_text=True), said)) == []
    assert rounds_handed_in((step(DONE, as_text=True), QUESTION)) == []


TEXTS = st.text().filter(lambda text: "[Called" not in text)
CALLS = st.builds(
    HistoryCall,
    call_id=st.just("c"),
    name=st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
    arguments=TEXTS.filter(lambda text: bool(text) and "; " not in text),
    output=st.none() | TEXTS,
)


@given(st.lists(CALLS, min_size=1, max_size=4))
def test_calls_written_as_text_are_read_back(calls: list[HistoryCall]) -> None:
    (found,) = rounds_handed_in((step(*calls, as_text=True),))
    told = [
        (each.call.name, each.call.arguments, each.output and each.output.text) for each in found
    ]
    assert told == [(call.name, call.arguments, call.output) for call in calls]
