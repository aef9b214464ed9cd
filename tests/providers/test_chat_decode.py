"""Chunks to events: every spelling that servers are known for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core import events as e
from tui.core.models import HistoryCall, HistoryMessage, Outcome, PartKind, Role
from tui.core.thread import Part
from tui.core.transcript import Transcript
from tui.providers.chat.decode import ChatDecoder

Json = dict[str, Any]


class Heard:
    """One run, decoded and folded, a stream after the other."""

    def __init__(self, decoder: ChatDecoder | None = None) -> None:
        self.decoder = decoder or ChatDecoder("run")
        self.events: list[e.Event] = []
        self.transcript = Transcript("local")
        self._record(e.MessageAdded(message_id="u", parent_id=None, role=Role.USER))
        self._record(e.RunStarted(parent_id="u"))

    def _record(self, event: Any) -> None:
        seq = self.transcript.seq + 1
        self.transcript.apply(
            e.Envelope(thread="local", seq=seq, at=0.0, mono=0.0, event=event, run="run")
        )

    def stream(self, *chunks: Json | str) -> e.TurnFinished:
        found: list[e.Event] = []
        for each in chunks:
            data = each if isinstance(each, str) else json.dumps(each)
            found += self.decoder.decode("message", data)
        end = self.decoder.finish()
        for event in [*found, end]:
            self._record(event)
        self.events += found
        return end

    @property
    def parts(self) -> list[Part]:
        return self.transcript.path()[-1].parts

    @property
    def shown(self) -> list[tuple[PartKind, str]]:
        return [(part.kind, str(part.text)) for part in self.parts]

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        tools = [part.tool for part in self.parts if part.tool]
        return [(tool.call_id, tool.name, str(tool.arguments)) for tool in tools]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int | None = 0, call_id: str | None = None, **function: Any) -> Json:
    place = {} if index is None else {"index": index}
    named = {} if call_id is None else {"id": call_id}
    return {**place, **named, "type": "function", "function": function}


def calls(*items: Json, finish: str | None = None) -> Json:
    return chunk(finish, tool_calls=list(items))


STOP = chunk("stop")
CALLED = chunk("tool_calls")


def test_text_is_one_part_of_one_message() -> None:
    heard = Heard()
    end = heard.stream(
        chunk(role="assistant", content=""), chunk(content="Hi"), chunk(content=" you"), STOP
    )
    assert end == e.TurnFinished(outcome=Outcome.COMPLETED)
    assert heard.shown == [(PartKind.TEXT, "Hi you")]
    names = [type(event).__name__ for event in heard.events]
    assert names == [
        "MessageStarted",
        "PartStarted",
        "TextDelta",
        "TextDelta",
        "PartFinished",
        "MessageFinished",
    ]
    assert heard.transcript.path()[-1].complete


def test_a_stream_without_a_finish_reason_is_truncated_even_with_done() -> None:
    heard = Heard()
    assert heard.stream(chunk(content="Hi"), "[DONE]").outcome is Outcome.TRUNCATED
    assert heard.shown == [(PartKind.TEXT, "Hi")]
    assert not heard.decoder.ended


def test_half_a_chunk_at_the_end_of_the_stream_is_no_chunk() -> None:
    decoder = ChatDecoder("run")
    data = json.dumps(chunk("stop"))
    assert decoder.decode("message", data[:-1], terminated=False) == [
        e.UnknownEvent(name="message (cut off)")
    ]
    assert decoder.finish().outcome is Outcome.TRUNCATED
    decoder.decode("message", data, terminated=False)
    assert decoder.finish().outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    "pieces",
    [
        [{"reasoning_content": "Hm"}, {"reasoning_content": "m"}],
        [{"reasoning": "Hm"}, {"reasoning": "m"}],
        [{"reasoning": "Hmm", "reasoning_content": "Hmm"}],
        [{"reasoning": "Hmm", "reasoning_details": [{"type": "reasoning.text", "text": "Hmm"}]}],
        [{"reasoning_details": [{"type": "reasoning.summary", "summary": "Hmm"}]}],
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hmm"}]}]}],
        [{"reasoning_content": "Hmm", "content": None}],
    ],
)
def test_thoughts_in_every_spelling(pieces: Sequence[Json]) -> None:
    heard = Heard()
    heard.stream(*(chunk(**piece) for piece in pieces), chunk(content="Yes"))
    assert heard.shown == [(PartKind.REASONING, "Hmm"), (PartKind.TEXT, "Yes")]
    assert [part.finished for part in heard.parts] == [True, False]


def test_thoughts_that_come_back_are_a_part_of_their_own_and_text_is_not() -> None:
    heard = Heard()
    heard.stream(
        chunk(reasoning="a"),
        chunk(content="b"),
        chunk(reasoning="c"),
        chunk(content="d"),
        STOP,
    )
    assert heard.shown == [
        (PartKind.REASONING, "a"),
        (PartKind.TEXT, "bd"),
        (PartKind.REASONING, "c"),
    ]


def test_tags_of_thoughts_in_the_text_stay_text() -> None:
    heard = Heard()
    heard.stream(chunk(content="<think>a</think>b"), STOP)
    assert heard.shown == [(PartKind.TEXT, "<think>a</think>b")]


def test_a_refusal_is_a_part_of_its_own() -> None:
    heard = Heard()
    heard.stream(chunk(content=None, refusal="No"), chunk(refusal=", sorry"), STOP)
    assert heard.shown == [(PartKind.REFUSAL, "No, sorry")]


def test_sources_are_annotations_of_the_text() -> None:
    source = {"type": "url_citation", "url_citation": {"url": "http://x"}}
    heard = Heard()
    heard.stream(chunk(content="x"), chunk(annotations=[source]), STOP)
    assert heard.parts[0].annotations == [source]


# --- calls ----------------------------------------------------------------------------------


def test_one_call_in_pieces() -> None:
    heard = Heard()
    end = heard.stream(
        calls(call(0, "c1", name="f", arguments="")),
        calls(call(0, arguments='{"a"')),
        calls(call(0, arguments=": 1}")),
        CALLED,
    )
    assert end.outcome is Outcome.REQUIRES_ACTION
    assert [(n.call_id, n.name, n.arguments) for n in end.needs] == [("c1", "f", '{"a": 1}')]
    assert heard.calls == [("c1", "f", '{"a": 1}')]
    assert [d.fragment for d in heard.of(e.ArgumentsDelta)] == ['{"a"', ": 1}"]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        # everything at once
        ([calls(call(0, "c1", name="f", arguments="{}"))], [("c1", "f", "{}")]),
        # id and name repeated in each delta are never joined
        (
            [calls(call(0, "c1", name="f", arguments=piece)) for piece in ("{", "}")],
            [("c1", "f", "{}")],
        ),
        # the name once more when everything has been said: not a second call
        (
            [
                calls(call(0, "c1", name="f", arguments='{"a":1}')),
                calls(call(0, name="f", arguments="")),
                calls(call(0, name="f")),
            ],
            [("c1", "f", '{"a":1}')],
        ),
        # no ids, and the same index for every call
        (
            [
                calls(call(0, name="f", arguments="{}")),
                calls(call(0, name="f", arguments='{"a":2}')),
                calls(call(0, name="g", arguments="")),
                calls(call(0, arguments="{}")),
            ],
            [(ANY, "f", "{}"), (ANY, "f", '{"a":2}'), (ANY, "g", "{}")],
        ),
        # a new id in each delta: the first counts
        (
            [
                calls(call(0, "c1", name="f", arguments="{")),
                calls(call(0, "c2", arguments='"a":1}')),
            ],
            [("c1", "f", '{"a":1}')],
        ),
        # one id alone, then another with everything: the first counts here too
        (
            [calls(call(0, "c1")), calls(call(0, "c2", name="f", arguments="{}"))],
            [("c1", "f", "{}")],
        ),
        # arguments before the name
        (
            [calls(call(0, "c1", arguments="{")), calls(call(0, name="f", arguments="}"))],
            [("c1", "f", "{}")],
        ),
        # arguments as an object
        ([calls(call(0, "c1", name="f", arguments={"a": 1}))], [("c1", "f", '{"a": 1}')]),
        # no index: by id
        (
            [
                calls(call(None, "c1", name="f", arguments="{")),
                calls(call(None, "c2", name="g", arguments="[")),
                calls(call(None, "c1", arguments="}")),
                calls(call(None, "c2", arguments="]")),
            ],
            [("c1", "f", "{}"), ("c2", "g", "[]")],
        ),
        # no index, id in the first delta only: alone it is the last
        (
            [
                calls(call(None, "c1", name="f", arguments="{")),
                calls(call(None, arguments="}")),
                calls(call(None, "c2", name="g", arguments="[")),
                calls(call(None, arguments="]")),
            ],
            [("c1", "f", "{}"), ("c2", "g", "[]")],
        ),
        # the same index for every call
        (
            [
                calls(call(0, "c1", name="f", arguments='{"a":1}')),
                calls(call(0, "c2", name="f", arguments='{"a":2}')),
            ],
            [("c1", "f", '{"a":1}'), ("c2", "f", '{"a":2}')],
        ),
        # null fields
        (
            [
                calls({"index": 0, "id": "c1", "function": {"name": "f", "arguments": None}}),
                calls({"index": 0, "id": None, "function": {"name": None, "arguments": "{}"}}),
                chunk(tool_calls=None, function_call=None),
            ],
            [("c1", "f", "{}")],
        ),
        # no name at all
        ([calls(call(0, "c1", arguments="{}"))], [("c1", "unknown", "{}")]),
    ],
)
def test_calls_in_every_spelling(
    chunks: Sequence[Json], expected: Sequence[tuple[str, str, str]]
) -> None:
    heard = Heard()
    end = heard.stream(*chunks, CALLED)
    assert heard.calls == expected
    assert [(n.call_id, n.name, n.arguments) for n in end.needs] == expected


def test_calls_without_ids_get_ids_of_their_own_by_place() -> None:
    first, again = Heard(), Heard()
    for heard in (first, again):
        end = heard.stream(
            calls(call(None, name="f", arguments="{}"), call(None, name="f", arguments="[]")),
            CALLED,
        )
        assert [need.arguments for need in end.needs] == ["{}", "[]"]
        assert len({need.call_id for need in end.needs}) == 2
        assert all(need.call_id for need in end.needs)
    assert first.calls == again.calls


def test_an_id_that_comes_back_in_the_next_round_is_another_call() -> None:
    heard = Heard()
    ids = [
        need.call_id
        for _ in range(3)
        for need in heard.stream(calls(call(0, "call_0", name="f", arguments="{}")), CALLED).needs
    ]
    assert ids[0] == "call_0"
    assert len(set(ids)) == 3
    assert len(heard.transcript.path()) == 4


def test_a_run_that_goes_on_elsewhere_gives_out_new_ids() -> None:
    earlier = HistoryMessage(
        id="run:1",
        role=Role.ASSISTANT,
        calls=(HistoryCall(call_id="call_0", name="f", arguments="{}", output="x"),),
    )
    heard = Heard(ChatDecoder("run", [earlier]))
    end = heard.stream(calls(call(0, "call_0", name="f", arguments="{}")), CALLED)
    assert end.needs[0].call_id != "call_0"
    assert heard.transcript.path()[-1].id == "run:2"


@pytest.mark.parametrize("call_id", ["call_0", None])
def test_an_id_that_the_conversation_has_had_is_not_given_out_again(call_id: str | None) -> None:
    """Its messages need not be named after the run: our server's are not."""
    first = Heard(ChatDecoder("run"))
    (need,) = first.stream(calls(call(0, call_id, name="f", arguments="{}")), CALLED).needs
    made = HistoryCall(call_id=need.call_id, name="f", arguments="{}", output="x")
    earlier = HistoryMessage(id="step_1", role=Role.ASSISTANT, calls=(made,))
    again = Heard(ChatDecoder("run", [earlier]))
    (other,) = again.stream(calls(call(0, call_id, name="f", arguments="{}")), CALLED).needs
    assert other.call_id != need.call_id


def test_the_call_of_the_protocol_before_tools() -> None:
    heard = Heard()
    end = heard.stream(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": '{"a":'}),
        chunk(function_call={"arguments": "1}"}),
        chunk("function_call"),
    )
    assert [(n.name, n.arguments) for n in end.needs] == [("f", '{"a":1}')]
    assert heard.decoder.take_answer() == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": '{"a":1}'},
    }


@pytest.mark.parametrize("whole", [False, True])
def test_a_custom_tool_is_given_text_as_it_is(*, whole: bool) -> None:
    call_of = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sql", "input": ""}}
    if whole:
        said: Json = {"tool_calls": [{**call_of, "custom": {"name": "sql", "input": "select 1"}}]}
        stream = [{"choices": [{"message": said, "finish_reason": "tool_calls"}]}]
    else:
        pieces = [{"index": 0, "custom": {"input": piece}} for piece in ("sel", "ect 1")]
        stream = [calls(call_of), *(calls(piece) for piece in pieces), CALLED]
    heard = Heard()
    end = heard.stream(*stream)
    assert [(n.call_id, n.name, n.arguments) for n in end.needs] == [("c1", "sql", "select 1")]
    fragments = [each.fragment for each in heard.events if isinstance(each, e.ArgumentsDelta)]
    assert fragments == (["select 1"] if whole else ["sel", "ect 1"])
    assert heard.decoder.take_answer() == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
        ],
    }


def test_a_server_that_says_stop_although_the_model_called() -> None:
    end = Heard().stream(calls(call(0, "c1", name="f", arguments="{}")), STOP)
    assert end.outcome is Outcome.REQUIRES_ACTION
    assert len(end.needs) == 1


def test_a_call_that_was_cut_short_is_not_made() -> None:
    heard = Heard()
    end = heard.stream(calls(call(0, "c1", name="f", arguments='{"a')), chunk("length"))
    assert (end.outcome, end.needs) == (Outcome.INCOMPLETE, ())
    assert heard.transcript.path()[-1].complete is False
    assert heard.decoder.take_answer() is None


def test_the_answer_is_sent_back_as_it_came_and_once() -> None:
    heard = Heard()
    signature = {"google": {"thought_signature": "s"}}
    details = [{"type": "reasoning.text", "index": 0, "text": piece} for piece in ("H", "m")]
    details.append({"type": "reasoning.text", "index": 0, "signature": "sig"})
    heard.stream(
        *(chunk(reasoning=each.get("text"), reasoning_details=[each]) for each in details),
        chunk(content="Let me see"),
        calls({**call(0, "c1", name="f", arguments="not JSON"), "extra_content": signature}),
        CALLED,
    )
    answer = heard.decoder.take_answer()
    assert answer == {
        "role": "assistant",
        "content": "Let me see",
        "reasoning": "Hm",
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "Hm", "signature": "sig"}
        ],
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"unreadable": "not JSON"}'},
                "extra_content": signature,
            }
        ],
    }
    assert heard.decoder.take_answer() is None


_PIECES = st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4)


@given(st.lists(_PIECES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_interleaving_of_indexes_gives_the_same_calls(
    arguments: list[list[str]], random: Any
) -> None:
    queues = [
        [call(at, f"c{at}", name=f"f{at}", arguments=""), *(call(at, arguments=p) for p in pieces)]
        for at, pieces in enumerate(arguments)
    ]
    mixed = []
    while any(queues):
        mixed.append(random.choice([queue for queue in queues if queue]).pop(0))
    heard = Heard()
    end = heard.stream(*(calls(each) for each in mixed), CALLED)
    expected = [(f"c{at}", f"f{at}", "".join(pieces)) for at, pieces in enumerate(arguments)]
    assert [(n.call_id, n.name, n.arguments) for n in end.needs] == expected
    assert sorted(heard.calls) == expected


# --- ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "outcome", "said"),
    [
        ("stop", Outcome.COMPLETED, ""),
        ("STOP", Outcome.COMPLETED, ""),
        ("length", Outcome.INCOMPLETE, "the server's own limit of completion tokens"),
        ("content_filter", Outcome.INCOMPLETE, "content filter"),
        ("something_new", Outcome.INCOMPLETE, "something_new"),
        ("error", Outcome.FAILED, ""),
        ("insufficient_system_resource", Outcome.FAILED, ""),
    ],
)
def test_reasons_to_finish(reason: str, outcome: Outcome, said: str) -> None:
    heard = Heard()
    end = heard.stream(chunk(content="x"), chunk(reason), "[DONE]")
    assert end.outcome is outcome
    assert said in end.reason
    assert heard.transcript.path()[-1].complete is (outcome is Outcome.COMPLETED)
    if outcome is Outcome.FAILED:
        assert end.error is not None
        assert end.error.hint


def test_a_limit_that_was_asked_for_is_told_as_such() -> None:
    end = Heard(ChatDecoder("run", limit=64)).stream(chunk("length"), "[DONE]")
    said = "the limit of 64 completion tokens was reached (max_completion_tokens in the profile's"
    assert said in end.reason


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({"error": {"code": "server_error", "message": "fell over"}}, "server_error", "fell over"),
        ({"error": {"code": 502, "message": "fell over"}}, "502", "fell over"),
        ({"error": {"code": None, "type": "overloaded", "message": "x"}}, "overloaded", "x"),
        ({"error": "fell over"}, "failed", "fell over"),
        ({"object": "error", "message": "fell over", "code": 40303}, "40303", "fell over"),
        ({**chunk("error", content=""), "error": {"message": "fell over"}}, "failed", "fell over"),
        (
            {"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long"}},
            "context_length_exceeded",
            "too long",
        ),
    ],
)
def test_errors_in_the_stream(data: Json, code: str, message: str) -> None:
    heard = Heard()
    end = heard.stream(chunk(content="part"), data, "[DONE]")
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert end.error.code == code
    assert message in end.error.message
    assert heard.shown == [(PartKind.TEXT, "part")]
    assert heard.transcript.path()[-1].complete is False


def test_an_error_event_that_is_no_json() -> None:
    decoder = ChatDecoder("run")
    decoder.decode("error", "gateway timeout")
    end = decoder.finish()
    assert end.error is not None
    assert "gateway timeout" in end.error.message


def test_the_whole_message_at_the_end_corrects_and_is_not_said_twice() -> None:
    heard = Heard()
    message = {
        "role": "assistant",
        "reasoning_content": "Hmm",
        "content": "Hello!",
        "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"a":1}'}}],
    }
    end = heard.stream(
        chunk(reasoning_content="Hmm"),
        chunk(content="Hell"),
        calls(call(0, "c1", name="f", arguments='{"a"')),
        {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]},
    )
    assert heard.shown[:2] == [(PartKind.REASONING, "Hmm"), (PartKind.TEXT, "Hello!")]
    assert heard.calls == [("c1", "f", '{"a":1}')]
    assert end.needs[0].arguments == '{"a":1}'
    alone = Heard()
    alone.stream({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    assert alone.shown == heard.shown
    assert alone.calls == heard.calls
    answer = alone.decoder.take_answer()
    assert answer is not None
    assert answer["reasoning_content"] == "Hmm"


def test_a_whole_message_may_leave_out_the_ids() -> None:
    heard = Heard()
    function = {"name": "f", "arguments": "{}"}
    message = {"content": None, "tool_calls": [{"type": "function", "function": function}]}
    end = heard.stream(
        calls(call(0, "c1", **function)),
        {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]},
    )
    assert [need.call_id for need in end.needs] == ["c1"]


def test_a_thought_is_over_when_a_call_begins() -> None:
    heard = Heard()
    heard.stream(chunk(reasoning="Hm"), calls(call(0, "c1", name="f", arguments="{")))
    assert [part.finished for part in heard.parts] == [True, False]


def test_what_comes_after_the_end_still_counts() -> None:
    heard = Heard()
    end = heard.stream(
        chunk("stop", content="a"),
        chunk("stop", content="b"),
        calls(call(0, "c1", name="f", arguments="{}")),
    )
    assert heard.shown[0] == (PartKind.TEXT, "ab")
    assert end.needs[0].call_id == "c1"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"object": "ping"}, "ping"),
        ({"type": "keepalive"}, "keepalive"),
        ({"choices": [{"index": 1, "delta": {"content": "x"}}]}, "choice 1"),
        ("{", "message (malformed JSON)"),
        ("[1]", "message (malformed JSON)"),
    ],
)
def test_what_has_no_name_here_is_shown_as_unknown(data: Json | str, name: str) -> None:
    heard = Heard()
    end = heard.stream(data, STOP)
    assert heard.of(e.UnknownEvent) == [e.UnknownEvent(name=name)]
    assert end.outcome is Outcome.COMPLETED


def test_a_piece_that_cannot_be_read_is_told_once_in_words() -> None:
    heard = Heard()
    heard.stream(chunk(content="a"), "{", chunk(content="c"), "}", STOP)
    (notice,) = heard.transcript.runs["run"].notices
    assert "missing" in notice
    assert heard.shown == [(PartKind.TEXT, "ac")]


# --- usage ----------------------------------------------------------------------------------


def test_usage_counts_over_the_rounds_and_each_once() -> None:
    heard = Heard()
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    for _ in range(2):
        last = {"choices": [], "usage": usage}
        heard.stream(calls(call(0, "c", name="f", arguments="{}")), CALLED, last, last)
    heard.stream({**STOP, "usage": None}, {"choices": [], "usage": {"prompt_tokens": 1}})
    found = [event.usage for event in heard.of(e.UsageReported)]
    assert [each.total_tokens for each in found] == [14, 28, 29]
    assert (found[1].cached_tokens, found[1].reasoning_tokens) == (6, 4)


def test_timings_are_usage_where_there_is_no_other() -> None:
    timings = {"cache_n": 5, "prompt_n": 7, "predicted_n": 3}
    heard = Heard()
    heard.stream({**STOP, "timings": timings})
    (found,) = heard.of(e.UsageReported)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (12, 3)
    heard.stream({**STOP, "timings": timings}, {"choices": [], "usage": {"prompt_tokens": 1}})
    assert heard.transcript.runs["run"].usage == heard.of(e.UsageReported)[-1].usage
    assert heard.of(e.UsageReported)[-1].usage.total_tokens == 15 + 1


_KEYS = st.one_of(
    st.sampled_from(["choices", "delta", "message", "usage", "error", "finish_reason"]),
    st.sampled_from(["content", "reasoning", "reasoning_details", "refusal"]),
    st.sampled_from(["tool_calls", "index", "id", "function", "name", "arguments"]),
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(_ANY, max_size=5))
def test_nothing_makes_it_raise(data: list[Any]) -> None:
    heard = Heard()
    chunks = [
        json.dumps(each if isinstance(each, dict) else {"choices": [{"delta": each}]})
        for each in data
    ]
    heard.stream(*chunks)
    heard.stream(*({"choices": [{"delta": each}]} for each in data), STOP)
