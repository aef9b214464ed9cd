"""Run requests as Chat Completions bodies: what a server of this protocol can take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.providers.conversation import assistant, request, user
from tui.core.models import (
    HistoryCall,
    HistoryMessage,
    Role,
    ToolOrigin,
    ToolSpec,
)
from tui.core.settings import Profile
from tui.providers.chat.request import NOT_ANSWERED, encode_outputs, encode_request

PROFILE = Profile(name="p", protocol="chat")


def encode(*history: HistoryMessage, profile: Profile = PROFILE, **more: Any) -> dict[str, Any]:
    return encode_request(request(*history, **more), profile, model="m")


def messages(*history: HistoryMessage, **more: Any) -> list[dict[str, Any]]:
    return list(encode(*history, **more)["messages"])


def called(*calls: HistoryCall, message_id: str = "a", **more: Any) -> HistoryMessage:
    return HistoryMessage(id=message_id, role=Role.ASSISTANT, calls=calls, **more)


def test_the_smallest_request() -> None:
    assert encode(user("u", "hi")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_instructions_are_one_system_message_before_all_else() -> None:
    system = HistoryMessage(id="s", role=Role.SYSTEM, text="from history")
    profile = Profile(name="p", instructions="profile's", additional_instructions="more")
    assert messages(user("u", "hi"), system, profile=profile)[0] == {
        "role": "system",
        "content": "profile's\n\nmore\n\nfrom history",
    }
    mine = messages(user("u", "hi"), profile=profile, instructions="mine")
    assert mine[0]["content"] == "mine\n\nmore"
    none = messages(user("u", "hi"), profile=profile, instructions="", additional_instructions="")
    assert none[0]["role"] == "user"


def test_calls_and_their_outputs_stay_together() -> None:
    found = messages(
        user("u", "hi"),
        assistant("a1", "Let me see."),
        called(
            HistoryCall(call_id="c1", name="f", arguments='{"a":1}', output="one"),
            HistoryCall(call_id="c2", name="g", arguments="", output=None),
        ),
        assistant("a2", "Done."),
    )
    assert found[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": NOT_ANSWERED},
        {"role": "assistant", "content": "Done."},
    ]


def test_two_rounds_of_calls_are_not_joined() -> None:
    calls = [HistoryCall(call_id=f"c{n}", name="f", arguments="{}", output="x") for n in (1, 2)]
    found = messages(user("u", "hi"), called(calls[0]), called(calls[1], message_id="b"))
    assert [m["role"] for m in found] == ["user", "assistant", "tool", "assistant", "tool"]
    assert [m.get("content") for m in found[1::2]] == [None, None]


def test_roles_alternate_and_nothing_empty_is_said() -> None:
    found = messages(
        user("u1", "one"),
        assistant("a1", " \n"),
        user("u2", "two"),
        assistant("a2", "three"),
        called(),
        assistant("a3", "four"),
        user("u3", ""),
    )
    assert found == [
        {"role": "user", "content": "one\n\ntwo"},
        {"role": "assistant", "content": "three\n\nfour"},
    ]


def test_calls_that_a_server_ran_are_told_as_text() -> None:
    search = HistoryCall(
        call_id="ws", name="web_search", arguments="{}", output="found", origin=ToolOrigin.HOSTED
    )
    (_, answer) = messages(user("u", "hi"), called(search, text="Yes."))
    assert answer == {
        "role": "assistant",
        "content": "Yes.\n\n[The provider ran web_search with {}; output: found]",
    }


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        (" ", "{}"),
        ('{"a":', '{"unreadable": "{\\"a\\":"}'),
        ("[1]", '{"unreadable": "[1]"}'),
    ],
)
def test_arguments_are_always_a_json_object(arguments: str, sent: str) -> None:
    call = HistoryCall(call_id="c", name="f", arguments=arguments, output="x")
    (_, answer, _) = messages(user("u", "hi"), called(call))
    assert answer["tool_calls"][0]["function"]["arguments"] == sent


def test_names_and_ids_keep_within_what_the_protocol_allows() -> None:
    long = "call_" + "x" * 60
    call = HistoryCall(call_id=long, name="my.tool/é" + "y" * 80, arguments="{}", output="x")
    (_, answer, output) = messages(user("u", "hi"), called(call))
    (sent,) = answer["tool_calls"]
    assert sent["function"]["name"].startswith("my_tool__yy")
    assert len(sent["function"]["name"]) == 64
    assert len(sent["id"]) <= 40
    assert output["tool_call_id"] == sent["id"]


def test_thoughts_go_back_only_while_their_run_goes_on() -> None:
    call = HistoryCall(call_id="c", name="f", arguments="{}", output="x")
    old = called(call, message_id="old-run:1", reasoning="long ago")
    now = called(call, message_id="run:1", reasoning="just now")
    found = messages(user("u1", "hi"), old, user("u2", "and?"), now)
    assert [m.get("reasoning_content") for m in found if m["role"] == "assistant"] == [
        None,
        "just now",
    ]


def test_half_a_surrogate_pair_can_be_sent() -> None:
    body = encode(user("u", "a\ud83d"), assistant("a", "b\udc00"))
    json.dumps(body, ensure_ascii=False).encode()


def test_options_pass_through_and_cannot_break_the_request() -> None:
    profile = Profile(name="p", options={"temperature": 0.5, "top_k": 3, "stream": False, "n": 2})
    body = encode(
        user("u", "hi"),
        profile=profile,
        options={"temperature": 0.1, "max_completion_tokens": 9, "tool_choice": "none"},
    )
    assert (body["temperature"], body["top_k"], body["max_completion_tokens"]) == (0.1, 3, 9)
    assert body["stream"] is True
    assert "n" not in body
    assert "tool_choice" not in body  # refused where there are no tools


def test_tools_of_both_kinds() -> None:
    hosted = {"type": "browser_search"}
    profile = Profile(name="p", hosted_tools=(hosted,))
    tools = (
        ToolSpec(name="f", description="d" * 2000, strict=True),
        ToolSpec(name="g", parameters={"type": "object"}),
    )
    body = encode(
        user("u", "hi"), profile=profile, tools=tools, options={"tool_choice": "required"}
    )
    first, second, third = body["tools"]
    assert first["function"]["strict"] is True
    assert len(first["function"]["description"]) == 1024
    assert second == {
        "type": "function",
        "function": {"name": "g", "parameters": {"type": "object"}},
    }
    assert third == hosted
    assert body["tool_choice"] == "required"


def test_a_custom_tool_gets_raw_text_back() -> None:
    custom = {"type": "custom", "custom": {"name": "sql"}}
    call = HistoryCall(call_id="c", name="sql", arguments="select 1", output="1")
    said = HistoryMessage(id="a", role=Role.ASSISTANT, calls=(call,))
    body = encode(user("u", "hi"), said, profile=Profile(name="p", hosted_tools=(custom,)))
    assert body["messages"][1]["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    ]
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c", "content": "1"}


def test_every_call_of_an_answer_gets_an_output() -> None:
    answer = {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "function": {}}, {"id": "c2", "function": {}}],
    }
    results = {"c2": "two\ud800"}
    assert list(encode_outputs(answer, results)) == [
        {"role": "tool", "tool_call_id": "c1", "content": NOT_ANSWERED},
        {"role": "tool", "tool_call_id": "c2", "content": "two�"},
    ]
    legacy = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
    assert list(encode_outputs(legacy, results)) == [
        {"role": "function", "name": "f", "content": "two�"}
    ]
