"""The chat provider over real HTTP: what it sends, what it asks otherwise, which model it takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Self

import pytest

from tests.providers.assistants_peer import Calls, End, Item, Pause, Raw, Say
from tests.providers.chat_peer import DONE, ChatPeer, chunk
from tests.providers.conversation import Conversation
from tests.providers.http_peer import Reply, Request
from tui.core.errors import ProviderError
from tui.core.models import Outcome, ToolSpec
from tui.core.ports import NewMessages, Resume, RunRequest, WireReceived
from tui.core.settings import Profile
from tui.providers.registry import create

TOOLS = [ToolSpec(name="alpha"), ToolSpec(name="beta")]
HELLO: list[Item] = [Say(("hello",)), End()]


@pytest.fixture
async def peer() -> AsyncIterator[ChatPeer]:
    peer = ChatPeer()
    async with peer.http:
        yield peer


class Talk(Conversation):
    """A conversation whose provider is closed at the end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.provider.close()


def talk(peer: ChatPeer, *, key: str | None = None, **fields: Any) -> Talk:
    usual: dict[str, Any] = {"model": "m", "base_url": f"{peer.http.url}/v1", "read_timeout": 10.0}
    profile = Profile(name="p", protocol="chat", **(usual | fields))
    return Talk(create(profile, api_key=key), tools=TOOLS)


async def test_every_round_sends_the_conversation_and_its_outputs(peer: ChatPeer) -> None:
    peer.script = [
        Say(("Let me see.",)),
        Calls((("alpha", ('{"a"', ":1}")), ("beta", ("{}",)))),
        Calls((("alpha", ("{}",)),)),
        *HELLO,
    ]
    async with talk(peer) as talking:
        end = await talking.answer("go")
    assert end.outcome is Outcome.COMPLETED
    last = peer.bodies[-1]["messages"]
    assert [message["role"] for message in last] == [
        *("user", "assistant", "tool", "tool", "assistant", "tool")
    ]
    assert last[1]["content"] == "Let me see."
    assert [call["function"] for call in last[1]["tool_calls"]] == [
        {"name": "alpha", "arguments": '{"a":1}'},
        {"name": "beta", "arguments": "{}"},
    ]
    assert [message["content"] for message in last if message["role"] == "tool"] == [
        "output of alpha",
        "output of beta",
        "output of alpha",
    ]
    assert [len(body["messages"]) for body in peer.bodies] == [1, 4, 6]


async def test_the_next_run_sends_the_same_history(peer: ChatPeer) -> None:
    peer.script = [Calls((("alpha", ("{}",)),)), *HELLO, *HELLO]
    async with talk(peer) as talking:
        await talking.answer("go")
        within = peer.bodies[-1]["messages"]
        await talking.answer("more")
    assert peer.bodies[-1]["messages"] == [
        *within,
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "more"},
    ]


async def test_thoughts_go_back_with_the_outputs_they_led_to(peer: ChatPeer) -> None:
    peer.script = [
        Raw(chunk(reasoning_content="Hm") + chunk(reasoning_content="m.")),
        Calls((("alpha", ("{}",)),)),
        *HELLO,
        *HELLO,
    ]
    async with talk(peer) as talking:
        await talking.answer("go")
        assert peer.bodies[-1]["messages"][1]["reasoning_content"] == "Hmm."
        await talking.answer("more")
    assert all("reasoning_content" not in message for message in peer.bodies[-1]["messages"])


@pytest.mark.parametrize(
    ("choice", "later"),
    [
        ("required", None),
        ({"type": "function", "function": {"name": "alpha"}}, None),
        ("none", "none"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        ),
    ],
)
async def test_a_call_is_forced_once_in_a_run(peer: ChatPeer, choice: Any, later: Any) -> None:
    call = Calls((("alpha", ("{}",)),))
    peer.script = [call, call, *HELLO, *HELLO]
    async with talk(peer, options={"tool_choice": choice}) as talking:
        await talking.answer("go")
        await talking.answer("more")
    found = [body.get("tool_choice") for body in peer.bodies]
    assert found == [choice, later, later, choice]


async def test_a_run_that_starts_over_forces_no_call_again(peer: ChatPeer) -> None:
    peer.script = [Calls((("alpha", ("{}",)),)), *HELLO]
    async with talk(peer, options={"tool_choice": "required"}) as talking:
        asked = talking.say("go")
        async with talking.provider.open(asked) as session:
            talking.results(await talking.turn(session, NewMessages()))
        again = replace(asked, history=talking.transcript.history())
        async with talking.provider.open(again) as session:
            await talking.turn(session, NewMessages())
    assert [body.get("tool_choice") for body in peer.bodies] == ["required", None]


async def test_options_may_be_others_in_later_rounds(peer: ChatPeer) -> None:
    call = Calls((("alpha", ("{}",)),))
    peer.script = [call, call, *HELLO]
    async with talk(peer) as talking:
        asked = replace(talking.say("go"), options={"max_tokens": 9})
        async with talking.provider.open(asked) as session:
            given = talking.results(await talking.turn(session, NewMessages()))
            given = replace(given, options={"max_tokens": 5})
            await talking.turn(session, talking.results(await talking.turn(session, given)))
    assert [body["max_tokens"] for body in peer.bodies] == [9, 5, 5]


async def test_a_request_that_is_repeated_holds_the_outputs_once(peer: ChatPeer) -> None:
    fail = [Reply.error(503)]

    async def intercept(request: Request) -> Reply | None:
        return fail.pop() if fail and len(peer.bodies) == 2 else None

    peer.intercept = intercept
    peer.script = [Calls((("alpha", ("{}",)),)), *HELLO]
    async with talk(peer) as talking, talking.provider.open(talking.say("go")) as session:
        results = talking.results(await talking.turn(session, NewMessages()))
        with pytest.raises(ProviderError):
            await talking.turn(session, results)
        end = await talking.turn(session, results)
    assert end.outcome is Outcome.COMPLETED
    assert peer.bodies[1] == peer.bodies[2]


# --- a run that goes on in another session --------------------------------------------------

SIGNATURE = {"google": {"thought_signature": "c2lnbmVk"}}
SEALED = {"type": "reasoning.encrypted", "data": "gAAAA", "index": 0}


def signed(*calls: str) -> Raw:
    """A round that thinks and calls, with what a server attaches to both."""
    wires = [
        {"index": at, "id": call_id, "function": {"name": "alpha", "arguments": "{}"}}
        | {"extra_content": SIGNATURE}
        for at, call_id in enumerate(calls)
    ]
    thought = chunk(reasoning="Hm.", reasoning_details=[SEALED])
    return Raw(thought + chunk(tool_calls=wires) + chunk("tool_calls") + DONE)


async def cut_off(talking: Talk, asked: RunRequest, rounds: int) -> RunRequest:
    """The request of the session that goes on after this many rounds, whose calls were run."""
    async with talking.provider.open(asked) as session:
        end = await talking.turn(session, NewMessages())
        results = talking.results(end)
        for _ in range(rounds - 1):
            results = talking.results(await talking.turn(session, results))
    left = talking.run.continuation
    assert left is not None
    kept = json.loads(json.dumps(left))
    return replace(asked, history=talking.transcript.history(), continuation=kept)


async def test_what_a_server_attached_survives_a_restart(peer: ChatPeer) -> None:
    rounds = [signed("call_a", "call_b"), signed("call_c")]

    async def intercept(request: Request) -> Reply | None:
        return Reply.sse(rounds.pop(0).data) if rounds else None

    peer.intercept = intercept
    async with talk(peer) as talking:
        again = await cut_off(talking, talking.say("go"), rounds=2)
    peer.script = list(HELLO)
    async with talk(peer) as other:
        other.transcript, other.run_id = talking.transcript, talking.run_id
        async with other.provider.open(again) as session:
            end = await other.turn(session, NewMessages())
            assert end.outcome is Outcome.COMPLETED
        assert other.run.continuation == {}  # nothing is kept of a run that is over
    messages = peer.bodies[-1]["messages"]
    assert [message["role"] for message in messages] == [
        *("user", "assistant", "tool", "tool", "assistant", "tool")
    ]
    for message in (messages[1], messages[4]):
        assert message["reasoning"] == "Hm."
        assert message["reasoning_details"] == [SEALED]
        assert all(call["extra_content"] == SIGNATURE for call in message["tool_calls"])
    assert messages[:4] == peer.bodies[1]["messages"]


async def test_a_restarted_run_of_the_old_protocol_goes_on_in_it(peer: ChatPeer) -> None:
    legacy = chunk(function_call={"name": "alpha", "arguments": "{}"})
    peer.script = [Raw(legacy + chunk("function_call") + DONE)]
    async with talk(peer) as talking:
        again = await cut_off(talking, talking.say("go"), rounds=1)
        peer.script = list(HELLO)
        async with talking.provider.open(again) as session:
            await talking.turn(session, NewMessages())
    assert peer.bodies[-1]["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "alpha", "arguments": "{}"},
        },
        {"role": "function", "name": "alpha", "content": "output of alpha"},
    ]


async def test_nothing_is_kept_of_calls_that_the_history_tells(peer: ChatPeer) -> None:
    peer.script = [Say(("Let me see.",)), Calls((("alpha", ("{}",)),)), *HELLO]
    async with talk(peer) as talking:
        await talking.answer("go")
    assert not talking.run.continuation


async def test_what_another_run_left_is_not_sent(peer: ChatPeer) -> None:
    peer.script = [signed("call_a")]
    async with talk(peer) as talking:
        again = await cut_off(talking, talking.say("go"), rounds=1)
        peer.script = list(HELLO)
        async with talking.provider.open(replace(again, run_id="run-2")) as session:
            await talking.turn(session, NewMessages())
    call = peer.bodies[-1]["messages"][1]
    assert call.keys() == {"role", "content", "tool_calls"}


async def test_a_run_cannot_be_resumed(peer: ChatPeer) -> None:
    async with talk(peer) as talking, talking.provider.open(talking.say("go")) as session:
        with pytest.raises(ProviderError) as caught:
            await talking.turn(session, Resume())
    assert caught.value.code == "run_not_found"
    assert peer.http.requests == []


# --- what servers object to -----------------------------------------------------------------


def objecting(peer: ChatPeer, key: str, message: str, status: int = 400) -> None:
    """Let the peer refuse every request that has ``key``."""

    async def intercept(request: Request) -> Reply | None:
        asked = request.method == "POST" and key in request.body
        return Reply.error(status, message) if asked else None

    peer.intercept = intercept


@pytest.mark.parametrize(
    ("key", "message", "instead"),
    [
        ("stream_options", "Unrecognized request argument supplied: stream_options", None),
        (
            "max_completion_tokens",
            "body.max_completion_tokens: Extra inputs are not permitted",
            "max_tokens",
        ),
        (
            "max_tokens",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_completion_tokens",
        ),
        ("parallel_tool_calls", "parallel_tool_calls is not supported", None),
    ],
)
async def test_what_a_server_objects_to_is_asked_otherwise_and_remembered(
    peer: ChatPeer, key: str, message: str, instead: str | None
) -> None:
    objecting(peer, key, message)
    given = {key: 7} if key != "stream_options" else {}
    peer.script = [*HELLO, *HELLO]
    async with talk(peer, options=given) as talking:
        assert (await talking.answer("go")).outcome is Outcome.COMPLETED
        assert (await talking.answer("more")).outcome is Outcome.COMPLETED
    assert len(peer.bodies) == 3
    assert [key in body for body in peer.bodies] == [True, False, False]
    if instead:
        assert [body.get(instead) for body in peer.bodies] == [None, 7, 7]


async def test_a_server_that_checks_its_input_objects_in_a_list(peer: ChatPeer) -> None:
    item = {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}

    async def intercept(request: Request) -> Reply | None:
        strict = request.method == "POST" and "stream_options" in request.body
        return Reply.json({"detail": [item]}, 422) if strict else None

    peer.intercept = intercept
    peer.script = list(HELLO)
    async with talk(peer) as talking:
        assert (await talking.answer("go")).outcome is Outcome.COMPLETED
    assert len(peer.bodies) == 2


async def test_an_objection_to_a_value_is_told(peer: ChatPeer) -> None:
    objecting(peer, "max_tokens", "max_tokens is too large: 99. At most 10 completion tokens.")
    async with talk(peer, options={"max_tokens": 99}) as talking:
        with pytest.raises(ProviderError, match="too large"):
            await talking.answer("go")
    assert len(peer.bodies) == 1


@pytest.mark.parametrize("message", ["stream_options is unknown", "bad tool call id"])
async def test_an_objection_that_stays_is_told(peer: ChatPeer, message: str) -> None:
    objecting(peer, "messages", message)
    async with talk(peer) as talking:
        with pytest.raises(ProviderError, match=message):
            await talking.answer("go")
    assert len(peer.bodies) == 2


async def test_call_ids_are_shortened_for_a_server_that_wants_them_short(peer: ChatPeer) -> None:
    async def intercept(request: Request) -> Reply | None:
        ids = [m["tool_call_id"] for m in request.body.get("messages", []) if m["role"] == "tool"]
        if any(len(each) != 9 or not each.isalnum() for each in ids):
            message = "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9."
            return Reply.error(400, message)
        return None

    peer.intercept = intercept
    peer.script = [Calls((("alpha", ("{}",)), ("beta", ("{}",)))), *HELLO, *HELLO]
    async with talk(peer) as talking:
        assert (await talking.answer("go")).outcome is Outcome.COMPLETED
        assert (await talking.answer("more")).outcome is Outcome.COMPLETED
    assert len(peer.bodies) == 4


@pytest.mark.parametrize(("options", "whose"), [({}, "server's own"), ({"max_tokens": 9}, "of 9 ")])
async def test_who_reaches_a_limit_is_told_whose(
    peer: ChatPeer, options: dict[str, Any], whose: str
) -> None:
    peer.script = [Raw(chunk(content="x") + chunk("length") + DONE)]
    async with talk(peer, options=options) as talking:
        end = await talking.answer("go")
    assert whose in end.reason


# --- models ---------------------------------------------------------------------------------


async def test_the_thread_chooses_the_model_then_the_profile(peer: ChatPeer) -> None:
    peer.script = [*HELLO, *HELLO]
    async with talk(peer, model="profiles") as talking:
        await talking.answer("go")
        request = replace(talking.say("more"), model="threads")
        async with talking.provider.open(request) as session:
            await talking.turn(session, NewMessages())
    assert [body["model"] for body in peer.bodies] == ["profiles", "threads"]


async def test_a_server_on_this_machine_answers_with_its_first_model(peer: ChatPeer) -> None:
    peer.script = list(HELLO)
    async with talk(peer, model=None) as talking:
        await talking.answer("go")
    assert peer.http.lines == ["GET /v1/models", "POST /v1/chat/completions"]
    assert peer.bodies[0]["model"] == "first-model"


async def test_without_a_model_nothing_is_asked(peer: ChatPeer) -> None:
    peer.models = []
    async with talk(peer, model=None) as talking:
        with pytest.raises(ProviderError) as caught:
            await talking.answer("go")
    assert caught.value.code == "no_model"
    assert "Choose" in caught.value.hint
    async with talk(peer, model=None, base_url="https://example.org/v1") as talking:
        with pytest.raises(ProviderError) as caught:
            await talking.answer("go")
    assert caught.value.code == "no_model"


@pytest.mark.parametrize(
    "error",
    [
        Reply.error(404, "The model `gtp-small` does not exist", "model_not_found"),
        Reply.error(404, "model 'gtp-small' not found"),
        Reply.error(400, "invalid model gtp-small", "model_not_found"),
    ],
)
async def test_a_model_that_is_not_there_names_those_that_are(peer: ChatPeer, error: Reply) -> None:
    peer.models = ["whisper", "gpt-small", "gpt-large"]

    async def intercept(request: Request) -> Reply | None:
        return error if request.method == "POST" else None

    peer.intercept = intercept
    async with talk(peer, model="gtp-small") as talking:
        with pytest.raises(ProviderError, match="gtp-small") as caught:
            await talking.answer("go")
    assert caught.value.code == "model_not_found"
    assert "gpt-small, gpt-large" in caught.value.hint


async def test_a_server_without_a_list_does_not_hide_the_first_error(peer: ChatPeer) -> None:
    async def intercept(request: Request) -> Reply | None:
        return Reply.error(404, "model 'm' not found") if request.method == "POST" else Reply(500)

    peer.intercept = intercept
    async with talk(peer) as talking:
        with pytest.raises(ProviderError, match="model 'm' not found"):
            await talking.answer("go")


# --- servers that do not stream -------------------------------------------------------------


async def test_a_whole_answer_instead_of_a_stream_is_shown(peer: ChatPeer) -> None:
    function = {"name": "alpha", "arguments": '{"a":1}'}
    call = {"id": "call_1", "type": "function", "function": function}
    answers = [
        ({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"),
        ({"role": "assistant", "content": "hello \u2028 you"}, "stop"),
    ]

    async def intercept(request: Request) -> Reply | None:
        message, finish = answers.pop(0)
        choice = {"index": 0, "message": message, "finish_reason": finish}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        body = {"object": "chat.completion", "choices": [choice], "usage": usage}
        spread = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\r\n")
        return Reply(200, spread.encode(), {"content-type": "application/json"})

    peer.intercept = intercept
    async with talk(peer) as talking:
        assert (await talking.answer("go")).outcome is Outcome.COMPLETED
    assert talking.text == "hello \u2028 you"
    assert talking.run.usage is not None
    assert talking.run.usage.total_tokens == 24
    assert peer.bodies[1]["messages"][-1]["content"] == "output of alpha"


@pytest.mark.parametrize("body", [{"choices": []}, {"object": "list", "data": []}, {}])
async def test_json_that_is_no_answer_is_an_error(peer: ChatPeer, body: Any) -> None:
    async def intercept(request: Request) -> Reply | None:
        return Reply.json(body)

    peer.intercept = intercept
    async with talk(peer) as talking:
        with pytest.raises(ProviderError) as caught:
            await talking.answer("go")
    assert caught.value.code == "not_streaming"


# --- keys and addresses ---------------------------------------------------------------------


async def test_a_key_goes_along_and_none_is_made_up(peer: ChatPeer) -> None:
    peer.script = [*HELLO, *HELLO]
    async with talk(peer, key="sk-chat-0123456789") as talking:
        await talking.answer("go")
    async with talk(peer) as talking:
        await talking.answer("go")
    found = [request.headers.get("authorization") for request in peer.http.requests]
    assert found == ["Bearer sk-chat-0123456789", None]


async def test_azure_names_the_model_in_the_address(peer: ChatPeer) -> None:
    asked: list[Request] = []

    async def intercept(request: Request) -> Reply | None:
        asked.append(request)
        return Reply.sse(chunk("stop", content="hello"))

    peer.intercept = intercept
    fields = {"dialect": "azure", "api_version": "2024-10-21", "base_url": peer.http.url}
    async with talk(peer, key="azure-test-key", model="deployed", **fields) as talking:
        assert (await talking.answer("go")).outcome is Outcome.COMPLETED
    assert asked[0].path == "/openai/deployments/deployed/chat/completions"
    assert asked[0].headers["api-key"] == "azure-test-key"


async def test_a_key_that_the_server_repeats_is_kept_nowhere(peer: ChatPeer) -> None:
    peer.script = [Raw(chunk(content="your key is sk-chat-0123456789!")), End()]
    async with talk(peer, key="sk-chat-0123456789") as talking:
        await talking.answer("go")
    assert "sk-chat-0123456789" not in talking.text
    raw = [signal.data for signal in talking.signals if isinstance(signal, WireReceived)]
    assert not any("sk-chat-0123456789" in data for data in raw)


async def test_a_silent_server_is_left(peer: ChatPeer) -> None:
    peer.script = [Say(("begun",)), Pause(asyncio.Event())]
    async with talk(peer, read_timeout=0.2) as talking:
        end = await talking.answer("go")
    assert end.outcome is Outcome.DISCONNECTED
    assert end.error is not None
    assert end.error.code == "read_timeout"
    assert talking.text == "begun"
