"""Sessions of the sandbox: order of events, ids, cancelling, resuming, options, usage."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from tests.sandbox.driving import BUILTIN, CALCULATE, Answer, asked, results, run
from tui.core import events as e
from tui.core.models import HistoryMessage, Outcome, PartKind, Role, ToolOutput
from tui.core.ports import NewMessages, Resume, RunRequest, Signal, ToolResult, ToolResults
from tui.core.settings import SandboxSettings
from tui.core.transcript import Transcript
from tui.sandbox.provider import SandboxProvider

THREE = "What time is it in Tokyo and in Paris, and what is 17*23?"
WAIT = "```sandbox\n[[step]]\nsay = 'before'\n[[step]]\nwait = 3600\n[[step]]\nsay = 'after'\n```"


async def test_three_entities_are_three_parallel_calls_and_an_answer_with_their_outputs() -> None:
    outputs = {"Asia/Tokyo": "12:00 there", "Europe/Paris": "05:00 there", "17*23": "391"}

    answer = await run(
        asked(THREE, tools=BUILTIN),
        output=lambda need: ToolOutput(
            text=outputs[next(iter(json.loads(need.arguments).values()))]
        ),
    )

    assert answer.calls == [
        [
            ("current_time", '{"timezone": "Asia/Tokyo"}'),
            ("current_time", '{"timezone": "Europe/Paris"}'),
            ("calculate", '{"expression": "17*23"}'),
        ]
    ]
    assert [end.outcome for end in answer.ends] == [Outcome.REQUIRES_ACTION, Outcome.COMPLETED]
    for asked_for, output in outputs.items():
        assert f"{asked_for})`: `{output}`" in answer.text


async def test_the_same_request_gives_the_same_events() -> None:
    first, second = [await run(asked(THREE, tools=BUILTIN)) for _ in range(2)]
    assert first.turns == second.turns


async def test_another_run_has_other_ids() -> None:
    first = await run(asked(THREE, tools=BUILTIN, run_id="r1"))
    second = await run(asked(THREE, tools=BUILTIN, run_id="r2"))
    assert not _ids(first.signals) & _ids(second.signals)


async def test_ids_are_unique_within_a_run() -> None:
    block = (
        "```sandbox\n" + '[[step]]\ncall = [{name="a"},{name="b"}]\n[[step]]\nsay="x"\n' * 3 + "```"
    )
    answer = await run(asked(block))
    started = [each for each in answer.signals if isinstance(each, e.PartStarted)]
    messages = [each for each in answer.signals if isinstance(each, e.MessageStarted)]
    calls = [each.tool.call_id for each in started if each.tool]
    assert len({each.part_id for each in started}) == len(started) == 9
    assert len({each.message_id for each in messages}) == len(messages)
    assert len(set(calls)) == len(calls) == 6
    assert all(call.startswith("call_") for call in calls)
    assert all(each.message_id.startswith("msg_") for each in messages)


async def test_arguments_come_in_small_fragments_of_all_calls_in_turn() -> None:
    answer = await run(asked(THREE, tools=BUILTIN))
    deltas = [each for each in answer.turns[0] if isinstance(each, e.ArgumentsDelta)]
    parts = list(dict.fromkeys(each.part_id for each in deltas))
    assert [each.part_id for each in deltas[:6]] == parts * 2
    assert all(3 <= len(each.fragment) <= 8 for each in deltas)
    whole = {part: "".join(d.fragment for d in deltas if d.part_id == part) for part in parts}
    assert list(whole.values()) == [arguments for _, arguments in answer.calls[0]]


@pytest.mark.parametrize("text", ["hello", THREE, WAIT.replace("3600", "0")])
async def test_every_turn_is_well_formed(text: str) -> None:
    answer = await run(asked(text, tools=BUILTIN))
    for turn in answer.turns:
        _assert_well_formed(turn)


async def test_the_transcript_is_the_one_that_was_said() -> None:
    answer = await run(asked(THREE, tools=BUILTIN))
    transcript = Transcript("t1")
    log = [e.RunStarted(parent_id="m1"), *answer.signals]
    for seq, event in enumerate(log, 1):
        transcript.apply(
            e.Envelope(thread="t1", seq=seq, at=0, mono=0, event=event, run="r1")  # type: ignore[arg-type]  # no wire signals here
        )
    said = list(transcript.messages.values())
    assert [[part.kind for part in message.parts] for message in said] == [
        [PartKind.TOOL_CALL] * 3,
        [PartKind.TEXT],
    ]
    assert said[-1].text == answer.text
    assert all(message.complete for message in said)


async def test_cancel_ends_a_silent_turn_at_once() -> None:
    provider = SandboxProvider(SandboxSettings(rate=0))
    seen: list[Signal] = []
    async with provider.open(asked(WAIT)) as session:

        async def read() -> None:
            async for signal in session.turn(NewMessages()):
                seen.append(signal)
                if isinstance(signal, e.PartFinished):
                    waiting.set()

        waiting = asyncio.Event()
        reader = asyncio.create_task(read())
        await waiting.wait()
        assert await session.cancel() is Outcome.CANCELLED
        await asyncio.wait_for(reader, 5)
        assert await session.cancel() is Outcome.CANCELLED

    assert isinstance(seen[-1], e.TurnFinished)
    assert seen[-1].outcome is Outcome.CANCELLED
    assert e.MessageFinished(message_id=_first(seen).message_id, complete=False) in seen
    _assert_well_formed(seen)


async def test_cancel_of_an_abandoned_turn_and_of_one_that_waits_for_outputs() -> None:
    provider = SandboxProvider(SandboxSettings(rate=0))
    async with provider.open(asked(THREE, tools=BUILTIN)) as session:
        turn = session.turn(NewMessages())
        await anext(turn)
        assert await session.cancel() is Outcome.CANCELLED
    async with provider.open(asked(THREE, tools=BUILTIN)) as session:
        [_ async for _ in session.turn(NewMessages())]
        assert await session.cancel() is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("say = 'done'", Outcome.COMPLETED),
        ("fail = 'run_failed'", Outcome.FAILED),
        ("fail = 'length'", Outcome.INCOMPLETE),
    ],
)
async def test_cancel_after_the_end_says_how_it_ended(step: str, outcome: Outcome) -> None:
    provider = SandboxProvider(SandboxSettings(rate=0))
    async with provider.open(asked(f"```sandbox\n[[step]]\n{step}\n```")) as session:
        async for signal in session.turn(NewMessages()):
            if isinstance(signal, e.TurnFinished):
                break
        assert await session.cancel() is outcome


async def test_resume_repeats_the_end_or_says_that_the_run_is_lost() -> None:
    provider = SandboxProvider(SandboxSettings(rate=0))
    async with provider.open(asked(THREE, tools=BUILTIN)) as session:
        lost = [signal async for signal in session.turn(Resume())]
        first = [signal async for signal in session.turn(NewMessages())]
        again = [signal async for signal in session.turn(Resume())]
        last = [signal async for signal in session.turn(results(first[-1].needs))]  # type: ignore[union-attr]  # it ended with calls
    assert [type(each) for each in lost] == [e.TurnFinished]
    assert lost[0].outcome is Outcome.DISCONNECTED  # type: ignore[union-attr]  # checked above
    assert again == first[-1:]
    assert isinstance(last[-1], e.TurnFinished)
    assert last[-1].outcome is Outcome.COMPLETED


async def test_outputs_are_matched_by_call_id_whatever_their_order() -> None:
    provider = SandboxProvider(SandboxSettings(rate=0))
    async with provider.open(asked(THREE, tools=BUILTIN)) as session:
        needs = [s async for s in session.turn(NewMessages())][-1].needs  # type: ignore[union-attr]  # it ended with calls
        given = results(needs, lambda need: ToolOutput(text=f"out {need.arguments}"))
        backwards = ToolResults(results=given.results[:0:-1])
        signals = [signal async for signal in session.turn(backwards)]
    text = Answer([signals]).text
    assert '`current_time(Europe/Paris)`: `out {"timezone": "Europe/Paris"}`' in text
    assert '`calculate(17*23)`: `out {"expression": "17*23"}`' in text
    assert "`current_time(Asia/Tokyo)`: no output was handed in" in text


async def test_outputs_for_a_session_that_made_no_calls_are_answered_too() -> None:
    given = ToolResults(results=(ToolResult(call_id="call_old", output=ToolOutput(text="42")),))
    async with SandboxProvider(SandboxSettings(rate=0)).open(asked("go on")) as session:
        signals = [signal async for signal in session.turn(given)]
    assert "42" in Answer([signals]).text


async def test_errors_are_told_as_errors() -> None:
    answer = await run(
        asked(THREE, tools=BUILTIN),
        output=lambda need: ToolOutput(text="boom", is_error=need.name == "calculate"),
    )
    assert "1 of them failed" in answer.text
    assert "`calculate(17*23)` **failed**: `boom`" in answer.text
    assert answer.text.count("**failed**") == 1


async def test_the_loop_gets_its_turn_while_much_is_said_at_full_speed() -> None:
    block = "```sandbox\n[[step]]\nsay = { tokens = 2000 }\n```"
    turns = 0
    done = asyncio.Event()

    async def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await run(asked(block))
    done.set()
    await counter
    assert turns > 100


# --- options ----------------------------------------------------------------------------------


async def test_max_completion_tokens_cuts_the_answer_short() -> None:
    answer = await run(asked("hello", options={"max_completion_tokens": 10}))
    end = answer.ends[-1]
    assert (end.outcome, end.reason) == (Outcome.INCOMPLETE, "max_completion_tokens")
    assert sum(isinstance(each, e.TextDelta) for each in answer.signals) == 10
    finished = [each for each in answer.signals if isinstance(each, e.MessageFinished)]
    assert [each.complete for each in finished] == [False]
    assert not [each for each in answer.signals if isinstance(each, e.PartFinished)]


async def test_max_completion_tokens_holds_for_the_whole_run_calls_included() -> None:
    answer = await run(asked(THREE, tools=BUILTIN, options={"max_completion_tokens": 5}))
    assert answer.outcome is Outcome.INCOMPLETE
    assert answer.ends[-1].needs == ()
    used = len([s for s in (await run(asked(THREE, tools=BUILTIN))).turns[0] if _is_delta(s)])
    answer = await run(asked(THREE, tools=BUILTIN, options={"max_completion_tokens": used + 3}))
    assert [end.outcome for end in answer.ends] == [Outcome.REQUIRES_ACTION, Outcome.INCOMPLETE]


async def test_tool_choice_none_calls_nothing() -> None:
    answer = await run(asked(THREE, tools=BUILTIN, options={"tool_choice": "none"}))
    assert answer.calls == []


async def test_tool_choice_required_calls_something_once() -> None:
    answer = await run(asked("hello", tools=BUILTIN, options={"tool_choice": "required"}))
    assert [len(calls) for calls in answer.calls] == [1]
    assert answer.outcome is Outcome.COMPLETED


async def test_tool_choice_of_a_function_calls_that_one() -> None:
    choice = {"type": "function", "function": {"name": "calculate"}}
    answer = await run(asked("time in Rome? 2+3!", tools=BUILTIN, options={"tool_choice": choice}))
    assert answer.calls == [[("calculate", '{"expression": "2+3"}')]]


@pytest.mark.parametrize("interleave", [True, False])
async def test_parallel_calls_stream_side_by_side_or_one_after_another(interleave: bool) -> None:
    answer = await run(asked(THREE, tools=BUILTIN), interleave=interleave)
    parts = [
        event.part_id
        for event in answer.turns[0]
        if isinstance(event, e.PartStarted | e.ArgumentsDelta | e.PartFinished)
    ]
    changes = sum(1 for before, after in itertools.pairwise(parts) if before != after)
    assert (changes == 2) is not interleave
    assert [len(calls) for calls in answer.calls] == [3]


async def test_without_parallel_calls_there_is_one_a_turn() -> None:
    answer = await run(asked(THREE, tools=BUILTIN, options={"parallel_tool_calls": False}))
    assert [len(calls) for calls in answer.calls] == [1, 1, 1]
    assert all(value in answer.text for value in ("Asia/Tokyo", "Europe/Paris", "17*23"))


async def test_json_object_is_answered_with_one() -> None:
    options = {"response_format": {"type": "json_object"}}
    plain = await run(asked("hello", tools=BUILTIN, options=options))
    called = await run(
        asked("what is 2+3?", tools=BUILTIN, options=options), output=lambda _: ToolOutput(text="5")
    )
    assert json.loads(plain.text)["question"] == "hello"
    assert json.loads(called.text)["results"] == [
        {"tool": "calculate", "arguments": {"expression": "2+3"}, "output": 5, "is_error": False}
    ]


async def test_json_schema_is_filled_from_the_question() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "guests": {"type": "integer"}},
        "required": ["city", "guests"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "trip", "schema": schema}}
    answer = await run(asked("A trip to Lima for 4 guests", options={"response_format": form}))
    assert json.loads(answer.text) == {"city": "Lima", "guests": 4}


async def test_instructions_for_brevity_are_obeyed() -> None:
    long = await run(asked("hello"))
    short = await run(asked("hello", instructions="Answer in one sentence."))
    assert "\n" in long.text
    assert "\n" not in short.text
    assert short.text.count(". ") == 0


# --- usage ------------------------------------------------------------------------------------


async def test_usage_grows_over_the_turns_and_counts_what_was_said() -> None:
    answer = await run(asked(THREE, tools=BUILTIN))
    first, second = [s.usage for s in answer.signals if isinstance(s, e.UsageReported)]
    assert first.output_tokens == sum(map(_is_delta, answer.turns[0]))
    assert second.output_tokens == sum(map(_is_delta, answer.signals))
    assert second.input_tokens > first.input_tokens > 0
    assert second.total_tokens == second.input_tokens + second.output_tokens


async def test_history_counts_as_input() -> None:
    def request(*texts: str) -> RunRequest:
        history = tuple(HistoryMessage(id=t, role=Role.USER, text=t) for t in texts)
        return asked("", history=history)

    short, long = [await run(request(*texts)) for texts in (("hi",), ("a b c d e", "hi"))]
    usages = [
        next(s.usage for s in answer.signals if isinstance(s, e.UsageReported))
        for answer in (short, long)
    ]
    assert usages[1].input_tokens == usages[0].input_tokens + 5


async def test_the_last_message_of_the_user_is_the_one_that_counts() -> None:
    history = (
        HistoryMessage(id="1", role=Role.USER, text="what is 1+1?"),
        HistoryMessage(id="2", role=Role.ASSISTANT, text="calculate 5+5"),
        HistoryMessage(id="3", role=Role.USER, text="and what is 2+2?"),
    )
    answer = await run(asked("", history=history, tools=(CALCULATE,)))
    assert answer.calls == [[("calculate", '{"expression": "2+2"}')]]


async def test_an_empty_history_is_answered() -> None:
    assert (await run(asked("", history=()))).outcome is Outcome.COMPLETED


def _ids(signals: list[Signal]) -> set[str]:
    found: set[str] = set()
    for each in signals:
        if isinstance(each, e.PartStarted):
            found |= {each.part_id, each.message_id, *([each.tool.call_id] if each.tool else [])}
    return found


def _first(signals: list[Signal]) -> e.MessageStarted:
    return next(each for each in signals if isinstance(each, e.MessageStarted))


def _is_delta(signal: Signal) -> bool:
    return isinstance(signal, e.TextDelta | e.ArgumentsDelta)


def _assert_well_formed(turn: list[Signal]) -> None:
    """Parts within their message, deltas within their part, the end last and once."""
    message: str | None = None
    parts: dict[str, str] = {}
    for each in turn[:-1]:
        match each:
            case e.MessageStarted():
                assert message is None
                message = each.message_id
            case e.PartStarted():
                assert each.message_id == message
                assert each.index == len(parts)
                parts[each.part_id] = ""
            case e.TextDelta():
                parts[each.part_id] += each.text
            case e.ArgumentsDelta():
                parts[each.part_id] += each.fragment
            case e.PartFinished():
                assert each.final is not None
                assert parts[each.part_id] in (each.final.text, each.final.arguments)
            case e.MessageFinished():
                assert each.message_id == message
                message, parts = None, {}
            case _:
                assert isinstance(each, e.UsageReported)
    assert message is None
    assert isinstance(turn[-1], e.TurnFinished)
