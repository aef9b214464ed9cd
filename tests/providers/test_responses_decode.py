"""How Responses events are understood, whatever a server leaves out, repeats or reorders."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_values
from tui.core.events import (
    AnnotationAdded,
    Envelope,
    Event,
    MessageAdded,
    RunStarted,
    TurnFinished,
    UnknownEvent,
)
from tui.core.models import Outcome, PartKind, Role, ToolOrigin, ToolState
from tui.core.thread import Part, ToolCall
from tui.core.transcript import Transcript
from tui.providers.responses.decode import ResponsesDecoder

Json = dict[str, Any]


class Told:
    """A decoder that is told events, and the transcript they make."""

    def __init__(self) -> None:
        self.decoder = ResponsesDecoder("run")
        self.transcript = Transcript("local")
        self.events: list[Event] = []
        self._record(MessageAdded(message_id="u", parent_id=None, role=Role.USER))
        self._record(RunStarted(parent_id="u"))

    def _record(self, event: Event) -> None:
        self.events.append(event)
        seq = self.transcript.seq + 1
        envelope = Envelope(thread="local", seq=seq, at=0.0, mono=0.0, event=event, run="run")
        self.transcript.apply(envelope)

    def tell(self, name: str, **data: Any) -> None:
        for event in self.decoder.decode(name, json.dumps({"type": name, **data})):
            self._record(event)

    def added(self, at: int | None, **item: Any) -> None:
        self.tell("response.output_item.added", **_at(at), item=item)

    def done(self, at: int | None, **item: Any) -> None:
        self.tell("response.output_item.done", **_at(at), item=item)

    def end(self, status: str = "completed", **response: Any) -> TurnFinished:
        response = {"id": "resp", "status": status, "output": [], **response}
        self.tell(f"response.{status}", response=response)
        return self.decoder.finish()

    @property
    def parts(self) -> list[Part]:
        return self.transcript.path()[-1].parts

    @property
    def texts(self) -> list[tuple[PartKind, str]]:
        return [(part.kind, str(part.text)) for part in self.parts]

    @property
    def call(self) -> ToolCall:
        (call,) = self.transcript.calls_of("run")
        return call

    @property
    def unknown(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, UnknownEvent)]


def _at(at: int | None) -> Json:
    return {} if at is None else {"output_index": at}


@pytest.fixture
def told() -> Told:
    return Told()


# --- text, refusals, annotations ------------------------------------------------------------


def test_a_refusal_is_a_part_of_its_own(told: Told) -> None:
    told.added(0, type="message", id="m", content=[])
    told.tell("response.output_text.delta", output_index=0, content_index=0, delta="Well. ")
    told.tell("response.refusal.delta", output_index=0, content_index=1, delta="I ca")
    told.tell("response.refusal.done", output_index=0, content_index=1, refusal="I cannot.")
    assert told.end().outcome is Outcome.COMPLETED
    assert told.texts == [(PartKind.TEXT, "Well. "), (PartKind.REFUSAL, "I cannot.")]


def test_text_that_nobody_announced_is_shown(told: Told) -> None:
    told.tell("response.output_text.delta", item_id="m1", delta="a")
    told.tell("response.output_text.delta", item_id="m1", delta="b")
    assert told.texts == [(PartKind.TEXT, "ab")]
    assert told.end().outcome is Outcome.COMPLETED
    assert told.parts[0].finished


def test_text_of_nothing_in_particular_is_one_text(told: Told) -> None:
    told.tell("response.output_text.delta", delta="a")
    told.tell("response.output_text.delta", delta="b")
    assert told.texts == [(PartKind.TEXT, "ab")]


def test_an_index_that_no_database_takes_is_none(told: Told) -> None:
    told.tell("response.output_text.delta", output_index=10**30, delta="a")
    told.tell("response.output_text.delta", output_index=1, content_index=10**30, delta="b")
    assert [text for _, text in told.texts] == ["a", "b"]
    assert max(part.index for part in told.parts) < 2**63


def test_a_done_event_without_any_delta_is_shown_at_once(told: Told) -> None:
    told.tell("response.output_text.done", output_index=0, content_index=0, text="whole")
    assert told.texts == [(PartKind.TEXT, "whole")]


def test_the_finished_item_corrects_what_was_streamed(told: Told) -> None:
    told.tell("response.output_text.delta", output_index=0, item_id="m", delta="colour")
    content = [{"type": "output_text", "text": "color", "annotations": []}]
    told.done(0, type="message", id="m", content=content)
    assert told.texts == [(PartKind.TEXT, "color")]


def test_an_item_that_only_the_whole_output_has_is_shown(told: Told) -> None:
    content = [{"type": "output_text", "text": "late"}]
    output = [
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "id": "m", "content": content},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    end = told.end(output=output)
    assert told.texts == [
        (PartKind.REASONING, "Hm."),
        (PartKind.TEXT, "late"),
        (PartKind.TOOL_CALL, ""),
    ]
    assert [need.call_id for need in end.needs] == ["c"]


def test_the_whole_output_is_not_shown_again_under_new_ids(told: Told) -> None:
    content = [{"type": "output_text", "text": "once"}]
    told.tell("response.output_text.delta", item_id="a", output_index=0, delta="once")
    told.end(output=[{"type": "message", "id": "b", "content": content}])
    assert told.texts == [(PartKind.TEXT, "once")]


def test_ids_that_change_with_every_event_do_not_matter(told: Told) -> None:
    told.added(0, type="message", id="x1", content=[])
    told.tell("response.output_text.delta", output_index=0, item_id="x2", delta="a")
    told.tell("response.output_text.delta", output_index=0, item_id="x3", delta="b")
    told.done(0, type="message", id="x4", content=[{"type": "output_text", "text": "ab"}])
    told.end(output=[{"type": "message", "id": "x5", "content": []}])
    assert told.texts == [(PartKind.TEXT, "ab")]


def test_annotations_come_once_whether_streamed_or_not(told: Told) -> None:
    first, second = ({"type": "url_citation", "url": f"https://{n}.example"} for n in "ab")
    told.tell("response.output_text.delta", output_index=0, item_id="m", delta="x")
    where = {"output_index": 0, "item_id": "m", "content_index": 0, "annotation_index": 0}
    told.tell("response.output_text.annotation.added", **where, annotation=first)
    content = [{"type": "output_text", "text": "x", "annotations": [first, second]}]
    told.done(0, type="message", id="m", content=content)
    assert told.parts[0].annotations == [first, second]
    assert sum(isinstance(event, AnnotationAdded) for event in told.events) == 2


def test_surrogates_cut_in_half_are_joined(told: Told) -> None:
    for delta in ("\ud83d", "\ude00!"):
        told.tell("response.output_text.delta", output_index=0, delta=delta)
    assert told.texts == [(PartKind.TEXT, "😀!")]


# --- reasoning ------------------------------------------------------------------------------


def test_summary_parts_are_paragraphs(told: Told) -> None:
    told.added(0, type="reasoning", id="r", summary=[])
    for index, delta in ((0, "One"), (0, "."), (1, "Two.")):
        told.tell(
            "response.reasoning_summary_text.delta",
            output_index=0,
            summary_index=index,
            delta=delta,
        )
    assert told.texts == [(PartKind.REASONING, "One.\n\nTwo.")]
    summary = [{"type": "summary_text", "text": text} for text in ("One.", "Two.")]
    told.done(0, type="reasoning", id="r", summary=summary)
    assert told.texts == [(PartKind.REASONING, "One.\n\nTwo.")]
    assert told.parts[0].finished


def test_what_is_only_encrypted_is_not_shown_but_kept_for_the_server(told: Told) -> None:
    told.done(0, type="reasoning", id="r", summary=[], encrypted_content="gAAAA")
    assert told.transcript.path()[-1].role is Role.USER
    assert told.decoder.output[0]["encrypted_content"] == "gAAAA"


# --- calls ----------------------------------------------------------------------------------


def test_interleaved_calls_stay_apart(told: Told) -> None:
    for at, name in enumerate(("alpha", "beta")):
        told.added(at, type="function_call", id=f"fc{at}", call_id=f"c{at}", name=name)
    for at, delta in ((1, '{"b"'), (0, '{"a":'), (1, ":2}"), (0, "1}")):
        told.tell("response.function_call_arguments.delta", output_index=at, delta=delta)
    end = told.end()
    assert [(need.name, need.arguments) for need in end.needs] == [
        ("alpha", '{"a":1}'),
        ("beta", '{"b":2}'),
    ]


def test_arguments_before_the_name_wait_for_it(told: Told) -> None:
    told.tell("response.function_call_arguments.delta", item_id="fc", delta='{"a"')
    assert told.transcript.path()[-1].role is Role.USER
    told.added(None, type="function_call", id="fc", call_id="c", name="f")
    assert (told.call.name, str(told.call.arguments)) == ("f", '{"a"')
    told.tell("response.function_call_arguments.done", item_id="fc", arguments='{"a":1}')
    (need,) = told.end().needs
    assert need.arguments == '{"a":1}'


def test_a_custom_tool_takes_raw_text(told: Told) -> None:
    told.added(0, type="custom_tool_call", id="ct", call_id="c", name="sql", input="")
    told.tell("response.custom_tool_call_input.delta", output_index=0, delta="select ")
    told.tell("response.custom_tool_call_input.done", output_index=0, input="select 1")
    (need,) = told.end().needs
    assert (need.name, need.arguments, need.approval) == ("sql", "select 1", False)
    assert told.call.origin is ToolOrigin.CLIENT


@pytest.mark.parametrize(
    ("limit", "whose"),
    [(None, "the server's own limit"), (64, "64 completion tokens was reached (max_completion")],
)
def test_calls_of_a_response_that_was_cut_short_are_not_run(
    told: Told, limit: int | None, whose: str
) -> None:
    told.added(0, type="function_call", id="fc", call_id="c", name="f")
    told.tell("response.function_call_arguments.delta", output_index=0, delta='{"a')
    details = {"reason": "max_output_tokens"}
    end = told.end("incomplete", incomplete_details=details, max_output_tokens=limit)
    assert (end.outcome, end.needs) == (Outcome.INCOMPLETE, ())
    assert whose in end.reason


def test_the_first_name_and_id_of_a_call_win(told: Told) -> None:
    told.added(0, type="function_call", id="fc", call_id="c", name="f")
    told.done(0, type="function_call", id="fc", call_id="other", name="", arguments="{}")
    (need,) = told.end().needs
    assert (need.call_id, need.name) == ("c", "f")
    sent = told.decoder.output[0]
    assert (sent["call_id"], sent["name"]) == ("c", "f")


def test_arguments_of_any_call_may_stream_as_those_of_a_function(told: Told) -> None:
    told.added(0, type="mcp_call", id="m", name="fetch", server_label="web")
    told.tell("response.function_call_arguments.delta", output_index=0, delta='{"u":1}')
    assert str(told.call.arguments) == '{"u":1}'


def test_a_server_that_counts_every_item_as_the_first_loses_none(told: Told) -> None:
    for word in ("one", "two"):
        content = [{"type": "output_text", "text": word}]
        told.added(0, type="message", id=word, content=[])
        told.tell("response.output_text.delta", output_index=0, delta=word)
        told.done(0, type="message", id=word, content=content)
    told.end()
    assert told.texts == [(PartKind.TEXT, "one"), (PartKind.TEXT, "two")]


def test_progress_before_the_name_does_not_settle_the_name(told: Told) -> None:
    told.tell("response.mcp_call.in_progress", item_id="m")
    told.added(None, type="mcp_call", id="m", name="fetch", server_label="web")
    assert (told.call.name, told.call.server) == ("fetch", "web")


def test_nothing_streams_behind_the_end_of_an_item(told: Told) -> None:
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f"}
    told.done(0, **call, arguments='{"a":1}')
    before = len(told.events)
    told.tell("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    assert told.events[before:] == []


def test_a_call_without_any_id_gets_one_that_is_sent_back(told: Told) -> None:
    told.done(0, type="function_call", name="f", arguments="{}")
    (need,) = told.end().needs
    assert need.call_id
    assert told.decoder.output[0]["call_id"] == need.call_id


def test_a_request_for_approval_names_the_server_and_waits(told: Told) -> None:
    item = {"id": "mcpr_1", "name": "delete", "server_label": "files", "arguments": '{"p":1}'}
    told.done(0, type="mcp_approval_request", **item)
    end = told.end()
    assert end.outcome is Outcome.REQUIRES_ACTION
    (need,) = end.needs
    assert (need.call_id, need.name, need.arguments) == ("mcpr_1", "delete", '{"p":1}')
    assert need.approval
    assert (told.call.origin, told.call.server) == (ToolOrigin.REMOTE_MCP, "files")


# --- hosted tools ---------------------------------------------------------------------------


def test_code_streams_and_its_logs_are_the_output(told: Told) -> None:
    told.added(0, type="code_interpreter_call", id="ci", code="")
    told.tell("response.code_interpreter_call_code.delta", output_index=0, delta="print(")
    told.tell("response.code_interpreter_call_code.done", output_index=0, code="print(1)")
    told.tell("response.code_interpreter_call.interpreting", output_index=0)
    assert told.call.status == "interpreting"
    outputs = [{"type": "logs", "logs": "1\n"}, {"type": "image", "url": "https://x/y.png"}]
    told.done(0, type="code_interpreter_call", id="ci", code="print(1)", outputs=outputs)
    assert str(told.call.arguments) == "print(1)"
    assert str(told.call.output) == "1\n\n[image https://x/y.png]"
    assert (told.call.origin, told.call.state) == (ToolOrigin.HOSTED, ToolState.DONE)


def test_a_call_that_a_failure_cut_off_is_not_done(told: Told) -> None:
    told.added(0, type="code_interpreter_call", id="ci", code="")
    told.tell("response.code_interpreter_call_code.delta", output_index=0, delta="print(")
    told.end("failed", error={"code": "server_error", "message": "fell over"})
    assert (told.call.state, str(told.call.arguments)) == (ToolState.STREAMING, "print(")


def test_a_function_that_the_server_ran_itself_is_not_run_here(told: Told) -> None:
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    told.done(0, **call)
    told.done(1, type="function_call_output", id="fo", call_id="c", output="42")
    end = told.end()
    assert (end.outcome, end.needs) == (Outcome.COMPLETED, ())
    assert str(told.call.output) == "42"


def test_a_remote_call_that_failed_says_why(told: Told) -> None:
    named: Json = {"type": "mcp_call", "id": "mcp", "name": "fetch", "server_label": "web"}
    told.added(0, **named)
    told.tell("response.mcp_call_arguments.delta", output_index=0, delta='{"u":1}')
    told.tell("response.mcp_call.failed", output_index=0)
    error = {"type": "http_error", "code": 404, "message": "not there"}
    told.done(0, **named, arguments='{"u":1}', output=None, error=error)
    assert (told.call.name, told.call.server) == ("fetch", "web")
    assert (str(told.call.output), told.call.state) == ("not there", ToolState.FAILED)


def test_shell_commands_are_lines_and_their_output_is_an_item_of_its_own(told: Told) -> None:
    told.added(0, type="shell_call", id="sh", call_id="s1")
    for at, command in enumerate(("ls", "pwd")):
        told.tell(
            "response.shell_call_command.delta", output_index=0, command_index=at, delta=command
        )
    assert str(told.call.arguments) == "ls\npwd"
    told.done(0, type="shell_call", id="sh", call_id="s1", action={"commands": ["ls", "pwd"]})
    output = [{"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    told.done(1, type="shell_call_output", id="so", call_id="s1", output=output)
    assert told.end().outcome is Outcome.COMPLETED
    assert str(told.call.output) == "a\n[exit code 0]"
    assert told.unknown == []


def test_a_tool_that_nobody_runs_says_so(told: Told) -> None:
    action = {"type": "exec", "command": ["ls"]}
    told.done(0, type="local_shell_call", id="ls", call_id="l1", action=action)
    assert told.end().outcome is Outcome.COMPLETED
    assert told.call.state is ToolState.FAILED
    assert "cannot" in str(told.call.output)


@pytest.mark.parametrize(
    ("item", "arguments", "output"),
    [
        (
            {
                "type": "web_search_call",
                "action": {
                    "type": "search",
                    "query": "tea",
                    "sources": [{"type": "url", "url": "https://tea.example"}],
                },
            },
            '{"type": "search", "query": "tea"}',
            "https://tea.example",
        ),
        (
            {
                "type": "file_search_call",
                "queries": ["tea"],
                "results": [{"filename": "tea.md", "score": 0.875, "text": "Green."}],
            },
            '{"queries": ["tea"]}',
            "tea.md (score 0.88): Green.",
        ),
        (
            {
                "type": "image_generation_call",
                "revised_prompt": "a cat",
                "size": "8x8",
                "output_format": "png",
                "result": base64.b64encode(b"\0" * 3_000_000).decode(),
            },
            '{"prompt": "a cat"}',
            "[image, 8x8 png, 3,000,000 bytes]",
        ),
        (
            {
                "type": "apply_patch_call",
                "call_id": "p",
                "operation": {"type": "update_file", "path": "a.py", "diff": "-1\n+2"},
            },
            "update_file a.py\n-1\n+2",
            "The provider does not run this tool itself, and Tickertape cannot either.",
        ),
        (
            {"type": "moon_call", "phase": "full", "blob": "A" * 9000, "output": "bright"},
            '{"phase": "full", "blob": "[9,000 characters]"}',
            "bright",
        ),
    ],
)
def test_every_hosted_tool_can_be_read(told: Told, item: Json, arguments: str, output: str) -> None:
    told.added(0, id="h", type=item["type"])
    told.tell(f"response.{item['type']}.in_progress", output_index=0, item_id="h")
    assert told.call.status == "in_progress"
    told.done(0, id="h", status="completed", **item)
    told.end()
    assert str(told.call.arguments) == arguments
    assert str(told.call.output) == output
    assert told.unknown == []


def test_what_has_no_name_here_is_unknown_and_nothing_breaks(told: Told) -> None:
    told.tell("response.brand_new.delta", delta="x")
    told.done(0, type="brand_new", id="b")
    told.tell("response.rate_limits", x=1)
    assert told.unknown == [
        "response.brand_new.delta",
        "output item of type brand_new",
        "response.rate_limits",
    ]
    assert told.end().outcome is Outcome.COMPLETED


# --- ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        {"code": "server_error", "message": "fell over"},
        {"error": {"code": "server_error", "message": "fell over"}},
        {"error": {"type": "server_error", "message": "fell over", "code": None}},
    ],
)
def test_an_error_event_fails_the_run_flat_or_nested(told: Told, error: Json) -> None:
    told.tell("response.output_text.delta", output_index=0, delta="part")
    told.tell("error", **error)
    end = told.decoder.finish()
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert (end.error.code, "fell over" in end.error.message) == ("server_error", True)
    assert told.texts == [(PartKind.TEXT, "part")]
    assert told.transcript.path()[-1].complete is False


def test_the_first_word_about_a_failure_counts(told: Told) -> None:
    told.tell("error", code="rate_limit_exceeded", message="slow down")
    end = told.end("failed", error={"code": "server_error", "message": "it failed"})
    assert end.error is not None
    assert "slow down" in end.error.message


def test_too_long_a_conversation_has_the_code_that_the_engine_acts_on(told: Told) -> None:
    error = {"code": "context_length_exceeded", "message": "Your input exceeds the window."}
    end = told.end("failed", error=error)
    assert end.error is not None
    assert (end.outcome, end.error.code) == (Outcome.FAILED, "context_length_exceeded")


def test_what_the_response_says_of_itself_counts_more_than_the_event(told: Told) -> None:
    response: Json = {"id": "r", "status": "incomplete", "output": []}
    response["incomplete_details"] = {"reason": "content_filter"}
    told.tell("response.completed", response=response)
    end = told.decoder.finish()
    assert (end.outcome, end.reason) == (
        Outcome.INCOMPLETE,
        "the provider's content filter stopped the answer",
    )


def test_cancelled_elsewhere_is_said(told: Told) -> None:
    end = told.end("cancelled")
    assert end.outcome is Outcome.CANCELLED
    assert end.reason


def test_usage_adds_up_over_the_rounds(told: Told) -> None:
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 13,
    }
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    told.end(output=[call], usage=usage)
    told.decoder.begin()
    told.end(output=[{**call, "call_id": "d"}], usage=usage)
    used = told.transcript.runs["run"].usage
    assert used is not None
    assert (used.input_tokens, used.cached_tokens, used.output_tokens) == (20, 8, 6)
    assert (used.reasoning_tokens, used.total_tokens) == (4, 26)
    assert [message.id for message in told.transcript.path()] == ["u", "run:1", "run:2"]


def test_events_named_only_on_the_inside_are_understood() -> None:
    decoder = ResponsesDecoder("run")
    body = {"type": "response.completed", "response": {"status": "completed"}}
    decoder.decode("", json.dumps(body))
    assert decoder.finish() == TurnFinished(outcome=Outcome.COMPLETED)


def test_half_a_last_word_is_none() -> None:
    decoder = ResponsesDecoder("run")
    (event,) = decoder.decode("response.completed", '{"response": {"stat', terminated=False)
    assert event == UnknownEvent(name="response.completed (cut off)")
    assert decoder.finish().outcome is Outcome.TRUNCATED


NAMES = st.sampled_from(
    [
        "error",
        "response.completed",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.reasoning_summary_text.done",
        "response.web_search_call.searching",
        "response.shell_call_command.delta",
    ]
)
TYPES = st.sampled_from(
    ["message", "reasoning", "function_call", "shell_call", "shell_call_output", "mcp_call", "x"]
)
ODD = st.one_of(st.none(), st.integers(-2, 3), st.text(max_size=3), json_values)
CONTENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "refusal", "logs", "y"])},
    optional=dict.fromkeys(("text", "refusal", "annotations", "stdout", "outcome"), ODD),
)
ITEM = st.fixed_dictionaries(
    {"type": TYPES},
    optional={
        **dict.fromkeys(("id", "call_id", "name", "arguments", "action"), ODD),
        **dict.fromkeys(("content", "summary", "output"), st.one_of(st.lists(CONTENT), ODD)),
    },
)
EVENT = st.fixed_dictionaries(
    {},
    optional={
        "item": st.one_of(ITEM, ODD),
        "response": st.one_of(st.fixed_dictionaries({"output": st.lists(ITEM)}), ODD),
        **dict.fromkeys(("output_index", "item_id", "delta"), ODD),
        **dict.fromkeys(("content_index", "part", "annotation"), ODD),
    },
)


@given(st.lists(st.tuples(NAMES, EVENT), max_size=12))
def test_nothing_a_server_sends_raises(events: list[tuple[str, Json]]) -> None:
    told = Told()
    for name, body in events:
        told.tell(name, **body)
    told.decoder.finish()
    ids = [part.id for part in told.transcript.parts.values()]
    assert len(ids) == len(set(ids))


def test_an_event_without_an_error_is_no_error() -> None:
    told = Told()
    told.tell("conversation.updated", error=None)
    told.tell("response.created", response={"id": "resp", "status": "in_progress", "error": None})
    assert UnknownEvent(name="conversation.updated") in told.events
    assert told.end().outcome is Outcome.COMPLETED
