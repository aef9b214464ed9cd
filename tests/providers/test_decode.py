"""The Assistants decoder on what servers really send, and on what none should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.events import (
    AnnotationAdded,
    ArgumentsDelta,
    MessageFinished,
    MessageStarted,
    PartFinished,
    PartStarted,
    ProviderEvent,
    RunStatusChanged,
    TextDelta,
    UnknownEvent,
    UsageReported,
)
from tui.core.models import Outcome, PartFinal, PartKind, ToolOrigin, Usage
from tui.providers.assistants.decode import AssistantsDecoder

STEP_EVENTS = ["created", "in_progress", "delta", "completed", "failed", "cancelled", "expired"]
RUN_EVENTS = [
    "created",
    "queued",
    "in_progress",
    "requires_action",
    "completed",
    "incomplete",
    "failed",
    "cancelling",
    "cancelled",
    "expired",
]
MESSAGE_EVENTS = ["created", "in_progress", "delta", "completed", "incomplete"]
NAMES = [
    "thread.created",
    *(f"thread.run.{name}" for name in RUN_EVENTS),
    *(f"thread.run.step.{name}" for name in STEP_EVENTS),
    *(f"thread.message.{name}" for name in MESSAGE_EVENTS),
    "error",
]


def feed(decoder: AssistantsDecoder, name: str, body: Any) -> list[ProviderEvent]:
    return decoder.decode(name, body if isinstance(body, str) else json.dumps(body))


def step_delta(step: str, *calls: Any) -> dict[str, Any]:
    return {"id": step, "delta": {"step_details": {"type": "tool_calls", "tool_calls": calls}}}


def message_delta(message: str, *content: Any) -> dict[str, Any]:
    return {"id": message, "delta": {"content": content}}


def step_done(step: str, *calls: Any, **more: Any) -> dict[str, Any]:
    return {"id": step, "step_details": {"type": "tool_calls", "tool_calls": calls}, **more}


def requires(*calls: Any) -> dict[str, Any]:
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    return {"id": "run_1", "status": "requires_action", "required_action": action}


def of(kind: type, events: list[ProviderEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def function(name: str | None = None, arguments: str | None = None, **more: Any) -> dict[str, Any]:
    given = {"name": name, "arguments": arguments}
    function = {key: value for key, value in given.items() if value is not None}
    return {"type": "function", "function": function, **more}


def delta(decoder: AssistantsDecoder, step: str, *calls: Any) -> list[ProviderEvent]:
    return feed(decoder, "thread.run.step.delta", step_delta(step, *calls))


def completed(decoder: AssistantsDecoder, step: str, *calls: Any) -> list[ProviderEvent]:
    return feed(decoder, "thread.run.step.completed", step_done(step, *calls))


def required(decoder: AssistantsDecoder, *calls: Any) -> list[ProviderEvent]:
    return feed(decoder, "thread.run.requires_action", requires(*calls))


def test_all_24_names_are_known_and_others_are_shown() -> None:
    assert len(NAMES) == 24
    for name in NAMES:
        assert of(UnknownEvent, feed(AssistantsDecoder(), name, {"id": "x"})) == [], name
    assert feed(AssistantsDecoder(), "done", "[DONE]") == []
    for name in ("thread.run.paused", "thread.run.step.paused", "thread.message.x", "later", "x.y"):
        assert feed(AssistantsDecoder(), name, {}) == [UnknownEvent(name=name)]


# --- calls --------------------------------------------------------------------------------------


def test_indices_interleave_and_everything_is_in_the_first_delta() -> None:
    decoder = AssistantsDecoder()
    events = delta(decoder, "s", {"index": 1, "id": "c1", **function("g", '{"b"')})
    events += delta(
        decoder,
        "s",
        {"index": 0, "id": "c0", **function("f", "{}")},
        {"index": 1, **function(None, ":2}")},
    )
    assert [(e.part_id, e.index, e.tool.name) for e in of(PartStarted, events)] == [
        ("s:1", 1, "g"),
        ("s:0", 0, "f"),
    ]
    assert [(e.part_id, e.fragment) for e in of(ArgumentsDelta, events)] == [
        ("s:1", '{"b"'),
        ("s:0", "{}"),
        ("s:1", ":2}"),
    ]
    assert of(MessageStarted, events) == [MessageStarted(message_id="s")]


def test_repeated_ids_and_names_are_not_joined() -> None:
    decoder = AssistantsDecoder()
    call = {"index": 0, "id": "c1", **function("f", "{")}
    events = delta(decoder, "s", call)
    events += delta(decoder, "s", call)
    (started,) = of(PartStarted, events)
    assert (started.tool.call_id, started.tool.name) == ("c1", "f")


def test_the_first_name_wins() -> None:
    decoder = AssistantsDecoder()
    events = delta(decoder, "s", {"index": 0, **function("first", "{")})
    events += delta(decoder, "s", {"index": 0, "id": "c1", **function("second", "}")})
    (started,) = of(PartStarted, events)
    assert started.tool.name == "first"


def test_id_and_name_may_come_late_and_nothing_is_lost() -> None:
    decoder = AssistantsDecoder()
    pieces = [
        {"index": 0, **function(None, '{"a"')},
        {"index": 0, "id": "c1", "type": "function"},
        {"index": 0, "id": "", **function("f", ":1")},
        {"index": 0, **function("", "}")},
    ]
    events = [event for piece in pieces for event in delta(decoder, "s", piece)]
    (started,) = of(PartStarted, events)
    assert (started.tool.call_id, started.tool.name) == ("c1", "f")
    assert "".join(e.fragment for e in of(ArgumentsDelta, events)) == '{"a":1}'


def test_a_second_step_starts_at_index_0_again() -> None:
    decoder = AssistantsDecoder()
    call = {"index": 0, "id": "c", **function("f", "{}")}
    events = delta(decoder, "s1", call)
    events += completed(decoder, "s1", {"id": "c", **function("f", "{}")})
    events += delta(decoder, "s2", call)
    assert [e.part_id for e in of(PartStarted, events)] == ["s1:0", "s2:0"]


def test_requires_action_is_authoritative_and_supplies_what_never_streamed() -> None:
    decoder = AssistantsDecoder()
    feed(decoder, "thread.run.step.created", step_done("s", type="tool_calls"))
    delta(decoder, "s", {"index": 0, "id": "a", **function("f", '{"x')})
    events = required(
        decoder, {"id": "a", **function("f", '{"x":1}')}, {"id": "b", **function("g", "{}")}
    )
    assert [(e.part_id, e.tool.call_id) for e in of(PartStarted, events)] == [("s:1", "b")]
    assert [(e.part_id, e.final) for e in of(PartFinished, events)] == [
        ("s:0", PartFinal(arguments='{"x":1}')),
        ("s:1", PartFinal(arguments="{}")),
    ]
    end = decoder.finish()
    assert end.outcome is Outcome.REQUIRES_ACTION
    assert [(n.call_id, n.name, n.arguments) for n in end.needs] == [
        ("a", "f", '{"x":1}'),
        ("b", "g", "{}"),
    ]


def test_requires_action_without_arguments_takes_what_streamed() -> None:
    decoder = AssistantsDecoder()
    delta(decoder, "s", {"index": 0, "id": "a", **function("f", '{"x":')})
    delta(decoder, "s", {"index": 0, **function(None, "1}")})
    required(decoder, {"id": "a", **function("f")})
    assert [need.arguments for need in decoder.finish().needs] == ['{"x":1}']


def test_requires_action_without_any_step_still_shows_the_calls() -> None:
    decoder = AssistantsDecoder()
    events = required(decoder, {"id": "a", **function("f", "{}")})
    (message,), (part,) = of(MessageStarted, events), of(PartStarted, events)
    assert part.message_id == message.message_id
    decoder.finish()
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}", "output": "42"},
    }
    events = completed(decoder, "late", call)
    assert of(PartStarted, events) == []
    assert [(e.part_id, e.final.output) for e in of(PartFinished, events)] == [(part.part_id, "42")]


def test_an_action_that_is_no_function_call_ends_the_turn_in_words() -> None:
    decoder = AssistantsDecoder()
    feed(
        decoder, "thread.run.requires_action", {"required_action": {"type": "submit_tool_approval"}}
    )
    end = decoder.finish()
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert end.error.hint


def test_outputs_come_with_the_next_stream() -> None:
    decoder = AssistantsDecoder()
    delta(decoder, "s", {"index": 0, "id": "a", **function("f", "{}")})
    required(decoder, {"id": "a", **function("f", "{}")})
    assert decoder.finish().needs
    done = {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}", "output": "sunny"},
    }
    events = completed(decoder, "s", done)
    assert events == [
        PartFinished(part_id="s:0", final=PartFinal(arguments="{}", output="sunny")),
        MessageFinished(message_id="s"),
    ]
    assert decoder.held_id == "s"
    assert decoder.finish().outcome is Outcome.TRUNCATED


def test_a_completed_step_without_any_delta_is_shown_whole() -> None:
    events = completed(AssistantsDecoder(), "s", {"id": "a", **function("f", "{}")})
    assert [type(event) for event in events] == [
        MessageStarted,
        PartStarted,
        PartFinished,
        MessageFinished,
    ]


def test_a_step_that_completes_twice_is_told_once() -> None:
    decoder = AssistantsDecoder()
    assert completed(decoder, "s", {"id": "a", **function("f", "{}")})
    assert completed(decoder, "s", {"id": "a", **function("f", "{}")}) == []
    assert delta(decoder, "s", {"index": 0, **function(None, "more")}) == []


def test_hosted_tools_stream_their_input_and_show_their_output() -> None:
    decoder = AssistantsDecoder()
    events = []
    for wire in (
        {
            "index": 0,
            "id": "c",
            "type": "code_interpreter",
            "code_interpreter": {"input": "", "outputs": []},
        },
        {"index": 0, "type": "code_interpreter", "code_interpreter": {"input": "print("}},
        {"index": 0, "type": "code_interpreter", "code_interpreter": {"input": "1)"}},
        {
            "index": 0,
            "type": "code_interpreter",
            "code_interpreter": {"outputs": [{"index": 0, "type": "logs", "logs": "1\n"}]},
        },
        {"index": 1, "id": "d", "type": "file_search", "file_search": {}},
    ):
        events += delta(decoder, "s", wire)
    assert [(e.tool.name, e.tool.origin) for e in of(PartStarted, events)] == [
        ("code_interpreter", ToolOrigin.HOSTED),
        ("file_search", ToolOrigin.HOSTED),
    ]
    assert "".join(e.fragment for e in of(ArgumentsDelta, events)) == "print(1)"
    done = completed(
        decoder,
        "s",
        {"id": "c", "type": "code_interpreter", "code_interpreter": {"input": "print(1)"}},
        {
            "id": "d",
            "type": "file_search",
            "file_search": {"results": [{"file_name": "a.txt", "score": 0.5}]},
        },
    )
    finals = [event.final for event in of(PartFinished, done)]
    assert finals == [
        PartFinal(arguments="print(1)", output="1\n"),
        PartFinal(output="a.txt (score 0.50)"),
    ]


def test_a_failed_step_marks_its_calls() -> None:
    decoder = AssistantsDecoder()
    delta(
        decoder,
        "s",
        {"index": 0, "id": "c", "type": "code_interpreter", "code_interpreter": {"input": "x"}},
    )
    events = feed(decoder, "thread.run.step.failed", step_done("s", last_error={"message": "boom"}))
    (final,) = [event.final for event in of(PartFinished, events)]
    assert (final.output, final.is_error) == ("boom", True)
    assert of(MessageFinished, events) == [MessageFinished(message_id="s", complete=False)]
    assert decoder.held_id is None


def test_a_tool_type_from_the_future_is_shown_as_hosted() -> None:
    mcp = {
        "id": "m",
        "type": "mcp",
        "name": "look",
        "server_label": "docs",
        "arguments": '{"q":1}',
        "output": "ok",
    }
    events = completed(AssistantsDecoder(), "s", mcp, {"type": "quantum"})
    first, second = of(PartStarted, events)
    assert (first.tool.name, first.tool.origin, first.tool.server) == (
        "look",
        ToolOrigin.REMOTE_MCP,
        "docs",
    )
    assert (second.tool.name, second.tool.origin) == ("quantum", ToolOrigin.HOSTED)
    assert of(PartFinished, events)[0].final == PartFinal(arguments='{"q":1}', output="ok")


# --- messages -----------------------------------------------------------------------------------


def text(at: int, value: str, **more: Any) -> dict[str, Any]:
    return {"index": at, "type": "text", "text": {"value": value, **more}}


def test_text_parts_interleave_and_the_completed_message_corrects_them() -> None:
    decoder = AssistantsDecoder()
    events = feed(decoder, "thread.message.created", {"id": "m", "role": "assistant"})
    events += feed(decoder, "thread.message.delta", message_delta("m", text(1, "B"), text(0, "A")))
    events += feed(decoder, "thread.message.delta", message_delta("m", text(1, "b")))
    assert [(e.part_id, e.text) for e in of(TextDelta, events)] == [
        ("m:1", "B"),
        ("m:0", "A"),
        ("m:1", "b"),
    ]
    done = {"id": "m", "content": [text(0, "A!"), text(1, "Bb")]}
    assert feed(decoder, "thread.message.completed", done) == [
        PartFinished(part_id="m:0", final=PartFinal(text="A!")),
        PartFinished(part_id="m:1", final=PartFinal(text="Bb")),
        MessageFinished(message_id="m"),
    ]
    assert decoder.held_id == "m"
    assert feed(decoder, "thread.message.completed", done) == []


def test_a_message_cut_short_keeps_what_came() -> None:
    decoder = AssistantsDecoder()
    feed(decoder, "thread.message.delta", message_delta("m", text(0, "half")))
    events = feed(decoder, "thread.message.incomplete", {"id": "m", "content": []})
    assert events == [
        PartFinished(part_id="m:0", final=None),
        MessageFinished(message_id="m", complete=False),
    ]


def test_refusals_images_and_annotations() -> None:
    decoder = AssistantsDecoder()
    note = {"index": 0, "type": "file_citation", "text": "[1]"}
    events = feed(
        decoder,
        "thread.message.delta",
        message_delta(
            "m",
            {"index": 0, "type": "refusal", "refusal": "no"},
            {"index": 1, "type": "image_file", "image_file": {"file_id": "file_1"}},
            text(2, "see [1]", annotations=[note]),
            {"index": 3, "type": "hologram"},
        ),
    )
    assert [e.kind for e in of(PartStarted, events)] == [
        PartKind.REFUSAL,
        PartKind.IMAGE,
        PartKind.TEXT,
    ]
    assert [e.text for e in of(TextDelta, events)] == ["no", "file_1", "see [1]"]
    assert of(AnnotationAdded, events) == [AnnotationAdded(part_id="m:2", annotation=note)]
    assert "hologram" in of(UnknownEvent, events)[0].name
    done = {"id": "m", "content": [{}, {}, text(2, "see [1]", annotations=[note])]}
    assert of(AnnotationAdded, feed(decoder, "thread.message.completed", done)) == []


def test_a_users_message_in_the_stream_is_not_taken_for_an_answer() -> None:
    decoder = AssistantsDecoder()
    body = {"id": "u", "role": "user", "content": [text(0, "hi")]}
    assert feed(decoder, "thread.message.created", body) == []
    assert feed(decoder, "thread.message.completed", body) == []
    assert decoder.held_id is None


def test_an_emoji_split_between_deltas_is_whole() -> None:
    decoder = AssistantsDecoder()
    high = json.dumps(message_delta("m", text(0, "a"))).replace('"a"', '"a\\ud83d"')
    low = json.dumps(message_delta("m", text(0, "b"))).replace('"b"', '"\\ude00b"')
    events = feed(decoder, "thread.message.delta", high) + feed(
        decoder, "thread.message.delta", low
    )
    assert [e.text for e in of(TextDelta, events)] == ["a", "😀b"]


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_reports_status_ids_and_usage() -> None:
    decoder = AssistantsDecoder()
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
        "prompt_token_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    body = {"id": "run_1", "thread_id": "thread_1", "status": "completed", "usage": usage}
    assert feed(decoder, "thread.run.completed", body) == [
        RunStatusChanged(status="completed", raw="thread.run.completed"),
        UsageReported(
            usage=Usage(
                input_tokens=5, output_tokens=3, total_tokens=8, cached_tokens=2, reasoning_tokens=1
            )
        ),
    ]
    assert (decoder.run_id, decoder.thread_id) == ("run_1", "thread_1")
    assert decoder.finish().outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("name", "body", "outcome", "words"),
    [
        ("thread.run.cancelled", {}, Outcome.CANCELLED, ""),
        ("thread.run.expired", {}, Outcome.EXPIRED, "expired"),
        (
            "thread.run.incomplete",
            {"incomplete_details": {"reason": "max_completion_tokens"}},
            Outcome.INCOMPLETE,
            "limit of completion tokens",
        ),
        (
            "thread.run.incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
            Outcome.INCOMPLETE,
            "content filter",
        ),
        (
            "thread.run.failed",
            {"last_error": {"code": "server_error", "message": "Sorry"}},
            Outcome.FAILED,
            "Sorry (server_error)",
        ),
        ("thread.run.failed", {"last_error": None}, Outcome.FAILED, "did not say why"),
        ("error", {"error": {"code": "x", "message": "nested"}}, Outcome.FAILED, "nested"),
        ("error", {"code": "x", "message": "flat"}, Outcome.FAILED, "flat"),
        ("error", "Internal Server Error", Outcome.FAILED, "Internal Server Error"),
    ],
)
def test_every_end_says_why(name: str, body: Any, outcome: Outcome, words: str) -> None:
    decoder = AssistantsDecoder()
    feed(decoder, name, body)
    assert decoder.ended
    end = decoder.finish()
    assert end.outcome is outcome
    assert words in (end.error.message if end.error else end.reason)
    assert end.error is None or end.error.hint


def test_the_last_terminal_event_counts() -> None:
    decoder = AssistantsDecoder()
    feed(decoder, "thread.run.completed", {"id": "r"})
    feed(decoder, "thread.run.in_progress", {"id": "r"})
    assert decoder.ended
    feed(decoder, "thread.run.expired", {"id": "r"})
    assert decoder.finish().outcome is Outcome.EXPIRED
    feed(decoder, "thread.run.completed", {"id": "r"})
    feed(decoder, "error", {"message": "after all"})
    assert decoder.finish().outcome is Outcome.FAILED


def test_malformed_json_is_shown_and_the_stream_goes_on() -> None:
    decoder = AssistantsDecoder()
    name = "thread.message.delta"
    assert feed(decoder, name, '{"id": "m", ') == [UnknownEvent(name=f"{name} (malformed JSON)")]
    assert feed(decoder, name, "[1]") == [UnknownEvent(name=f"{name} (malformed JSON)")]
    assert of(TextDelta, feed(decoder, name, message_delta("m", text(0, "on"))))


def test_half_an_event_at_the_end_counts_for_nothing_and_a_whole_one_counts() -> None:
    decoder = AssistantsDecoder()
    decoder.decode("thread.run.completed", '{"id": "r", "sta', terminated=False)
    assert decoder.finish().outcome is Outcome.TRUNCATED
    decoder.decode("error", "half a sen", terminated=False)
    assert decoder.finish().outcome is Outcome.TRUNCATED
    decoder.decode("thread.run.completed", '{"id": "r"}', terminated=False)
    assert decoder.finish().outcome is Outcome.COMPLETED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "index",
                    "type",
                    "role",
                    "delta",
                    "content",
                    "text",
                    "value",
                    "annotations",
                    "step_details",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "code_interpreter",
                    "input",
                    "outputs",
                    "required_action",
                    "submit_tool_outputs",
                    "usage",
                    "last_error",
                    "error",
                    "status",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from(NAMES), JSON), max_size=8))
def test_whatever_comes_nothing_raises_and_text_can_be_stored(
    events: list[tuple[str, Any]],
) -> None:
    decoder = AssistantsDecoder()
    for name, body in events:
        for event in feed(decoder, name, body):
            repr(event).encode()
            if isinstance(event, TextDelta):
                event.text.encode()
            if isinstance(event, ArgumentsDelta):
                event.fragment.encode()
    decoder.finish()


def test_required_calls_that_never_streamed_take_their_own_places() -> None:
    """The stream broke after the last of three parallel calls had begun."""
    decoder = AssistantsDecoder()
    feed(decoder, "thread.run.step.delta", step_delta("s", {"index": 2, "id": "c", "function": {}}))
    calls = [{"id": call, "type": "function", "function": {"name": call}} for call in "abc"]
    action = {"submit_tool_outputs": {"tool_calls": calls}}
    run = {"id": "r", "status": "requires_action", "required_action": action}
    events = feed(decoder, "thread.run.requires_action", run)
    started = [event for event in events if isinstance(event, PartStarted)]
    assert [(each.part_id, each.tool and each.tool.call_id) for each in started] == [
        ("s:0", "a"),
        ("s:1", "b"),
        ("s:2", "c"),
    ]
