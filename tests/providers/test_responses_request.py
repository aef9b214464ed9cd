"""What a Responses request says: history, tools and options in the protocol's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.conversation import assistant, request, user
from tui.core.models import (
    Decision,
    HistoryCall,
    HistoryMessage,
    Role,
    ToolOrigin,
    ToolOutput,
    ToolSpec,
)
from tui.core.ports import ToolResult
from tui.core.settings import Profile
from tui.providers.responses.request import (
    encode_history,
    encode_request,
    encode_results,
    encode_wishes,
    sent_back,
)

Json = dict[str, Any]
PROFILE = Profile(name="p", protocol="responses")


def system(text: str) -> HistoryMessage:
    return HistoryMessage(id="s", role=Role.SYSTEM, text=text)


def calling(*calls: HistoryCall, text: str = "") -> HistoryMessage:
    return HistoryMessage(id="a", role=Role.ASSISTANT, text=text, calls=calls)


@pytest.mark.parametrize(
    ("option", "encoded"),
    [
        ({"max_completion_tokens": 5}, {"max_output_tokens": 5}),
        ({"max_tokens": 5}, {"max_output_tokens": 5}),
        ({"max_tokens": 5, "max_output_tokens": 6}, {"max_output_tokens": 6}),
        (
            {"response_format": {"type": "json_object"}},
            {"text": {"format": {"type": "json_object"}}},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
                }
            },
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "n",
                        "schema": {"type": "object"},
                        "strict": True,
                    }
                }
            },
        ),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        (
            {"verbosity": "low", "text": {"format": {"type": "text"}}},
            {"text": {"verbosity": "low", "format": {"type": "text"}}},
        ),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "name": "f"}},
        ),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        (
            {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        (
            {"temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["x"], "unheard_of": {"a": 1}},
            {"temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["x"], "unheard_of": {"a": 1}},
        ),
        ({"input": "mine", "stream": False}, {}),
    ],
)
def test_options_are_named_as_the_protocol_names_them(option: Json, encoded: Json) -> None:
    found = encode_request(request(user("u", "hi"), options=option), PROFILE)
    assert found == {"stream": True, **encoded}


def test_instructions_and_system_messages_go_together() -> None:
    profile = Profile(name="p", instructions="Be brief.", additional_instructions="Be kind.")
    asked = request(system("Mind the gap."), user("u", "hi"))
    assert (
        encode_request(asked, profile)["instructions"] == "Be brief.\n\nBe kind.\n\nMind the gap."
    )
    assert encode_history(asked.history, profile, {}) == [{"role": "user", "content": "hi"}]


def test_tools_are_flat_and_hosted_ones_follow_with_what_they_find() -> None:
    hosted: tuple[Json, ...] = ({"type": "file_search", "vector_store_ids": ["v"]},)
    profile = Profile(name="p", hosted_tools=hosted)
    spec = ToolSpec(name="f", description="d", parameters={"type": "object"})
    body = encode_request(request(user("u", "hi"), tools=(spec,)), profile)
    function = {"type": "function", "name": "f", "description": "d", "strict": False}
    assert body["tools"] == [{**function, "parameters": {"type": "object"}}, *hosted]
    include = encode_wishes(body, profile)["include"]
    assert include == ["file_search_call.results", "reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("stateful", "options", "wishes"),
    [
        (
            False,
            {},
            {
                "store": False,
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"summary": "auto"},
            },
        ),
        (True, {}, {"truncation": "auto", "reasoning": {"summary": "auto"}}),
        (
            True,
            {"truncation": "disabled", "reasoning_effort": "low"},
            {"truncation": "disabled", "reasoning": {"summary": "auto", "effort": "low"}},
        ),
        (
            False,
            {"store": True, "include": ["a"], "reasoning": {"summary": "detailed"}},
            {
                "store": True,
                "include": ["a", "reasoning.encrypted_content"],
                "reasoning": {"summary": "detailed"},
            },
        ),
    ],
)
def test_wishes_give_way_to_what_the_profile_says(
    stateful: bool, options: Json, wishes: Json
) -> None:
    profile = Profile(name="p", stateful=stateful, options=options)
    assert encode_wishes(encode_request(request(user("u", "hi")), profile), profile) == wishes


def test_calls_and_outputs_of_the_past() -> None:
    message = calling(
        HistoryCall(call_id="c1", name="f", arguments='{"a":1}', output="one"),
        HistoryCall(call_id="c2", name="f", arguments="", output=None),
        text="Let me look.",
    )
    said, first, second, one, two = encode_history([message], PROFILE, {})
    assert said == {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Let me look."}],
    }
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
    assert first == call
    assert second == {**call, "call_id": "c2", "arguments": "{}"}
    assert one == {"type": "function_call_output", "call_id": "c1", "output": "one"}
    assert (two["call_id"], "never answered" in two["output"]) == ("c2", True)


def test_what_the_provider_ran_is_told_as_text() -> None:
    hosted = HistoryCall(
        call_id="h",
        name="web_search",
        arguments='{"q":1}',
        output="found",
        origin=ToolOrigin.HOSTED,
    )
    (said,) = encode_history([calling(hosted, text="Yes.")], PROFILE, {})
    assert said["role"] == "assistant"
    (content,) = said["content"]
    assert content["text"] == 'Yes.\n\n[web_search was called with {"q":1}; output: found]'


def test_a_custom_tool_gets_raw_text_back() -> None:
    profile = Profile(name="p", hosted_tools=({"type": "custom", "name": "sql"},))
    call = HistoryCall(call_id="c", name="sql", arguments="select 1", output="1")
    asked, answered = encode_history([calling(call)], profile, {})
    assert asked == {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "select 1"}
    assert answered == {"type": "custom_tool_call_output", "call_id": "c", "output": "1"}


def test_arguments_that_are_no_object_do_not_make_a_server_stumble() -> None:
    call = HistoryCall(call_id="c", name="f", arguments='{"a', output="Error: no JSON")
    asked, _ = encode_history([calling(call)], PROFILE, {})
    assert json.loads(asked["arguments"]) == {"unreadable": '{"a'}
    (again,) = sent_back([{"type": "function_call", "call_id": "c", "arguments": '{"a'}])
    assert json.loads(again["arguments"]) == {"unreadable": '{"a'}


def test_kept_items_go_back_as_they_came_with_their_answers() -> None:
    wires: list[Json] = [
        {"type": "reasoning", "id": "r", "encrypted_content": "gA"},
        {"type": "mcp_approval_request", "id": "m", "name": "d", "server_label": "s"},
        {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "x"},
    ]
    message = calling(
        HistoryCall(
            call_id="m",
            name="d",
            arguments="{}",
            output="Approved.",
            origin=ToolOrigin.REMOTE_MCP,
            approved=True,
        ),
        HistoryCall(call_id="c", name="sql", arguments="x", output="y"),
    )
    assert encode_history([message], PROFILE, {"a": wires}) == [
        *wires,
        {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
    ]


def test_reasoning_without_its_content_stays_with_the_server() -> None:
    empty: Json = {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": None}
    open_ = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    assert sent_back([empty, open_]) == [open_]


def test_a_refusal_of_an_approval_says_why() -> None:
    wires = [{"type": "mcp_approval_request", "id": "m"}]
    decision = Decision(approved=False, by="user", reason="not today")
    result = ToolResult(call_id="m", output=ToolOutput(text="no"), decision=decision)
    assert encode_results([result], wires) == [
        {
            "type": "mcp_approval_response",
            "approval_request_id": "m",
            "approve": False,
            "reason": "not today",
        }
    ]


TEXT = st.text(st.characters(), max_size=5) | st.just("\ud83d")
CALL = st.builds(HistoryCall, call_id=TEXT, name=TEXT, arguments=TEXT, output=st.none() | TEXT)


@given(
    st.lists(
        st.builds(
            HistoryMessage,
            id=TEXT,
            role=st.sampled_from(Role),
            text=TEXT,
            calls=st.lists(CALL, max_size=2).map(tuple),
        ),
        max_size=4,
    )
)
def test_any_history_can_be_sent(history: list[HistoryMessage]) -> None:
    items = encode_history(history, PROFILE, {})
    json.dumps(items, ensure_ascii=False).encode()
    kinds = [item.get("type") for item in items]
    assert kinds.count("function_call") == kinds.count("function_call_output")
    assert all(item["content"] for item in items if "role" in item)


def test_an_empty_answer_is_left_out() -> None:
    history = [user("u", "hi"), assistant("a", ""), user("v", "again")]
    assert [item["content"] for item in encode_history(history, PROFILE, {})] == ["hi", "again"]
