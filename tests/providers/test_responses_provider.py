"""Whole runs over Responses: what goes back to the server, what is kept, what is asked again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.providers.assistants_peer import Break, Calls, End, Item, Pause, Raw, Say
from tests.providers.conversation import Conversation, until
from tests.providers.http_peer import Reply, Request
from tests.providers.responses_peer import USAGE, ResponsesPeer, frame, whole
from tui.core.errors import ProviderError
from tui.core.events import ApprovalDecided, NoticeAdded, TextDelta, ToolFinished
from tui.core.models import Decision, Outcome, ToolOutput, ToolSpec
from tui.core.ports import NewMessages, Provider, Resume, ToolResult, ToolResults
from tui.core.settings import Profile
from tui.providers.registry import create

Json = dict[str, Any]
TOOLS = [ToolSpec(name="alpha"), ToolSpec(name="beta")]
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
CALL = {
    "type": "function_call",
    "id": "fc_9",
    "call_id": "call_9",
    "name": "alpha",
    "arguments": "{}",
}
APPROVAL = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "name": "delete",
    "server_label": "files",
    "arguments": "{}",
}
ONE_CALL = (("alpha", ("{}",)),)


@pytest.fixture
async def peer() -> AsyncIterator[ResponsesPeer]:
    made = ResponsesPeer()
    async with made.http:
        yield made


Maker = Callable[..., Provider]


@pytest.fixture
async def provider_of(peer: ResponsesPeer) -> AsyncIterator[Maker]:
    made: list[Provider] = []

    def make(**more: Any) -> Provider:
        given = {"model": "m", "read_timeout": 10.0, **more}
        profile = Profile(name="p", protocol="responses", base_url=f"{peer.http.url}/v1", **given)
        made.append(create(profile, api_key="sk-responses-test"))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def talk(provider_of: Maker) -> Conversation:
    return Conversation(provider_of(), tools=TOOLS)


@pytest.fixture
def stateful(provider_of: Maker) -> Conversation:
    return Conversation(provider_of(stateful=True), tools=TOOLS)


def thinking(*items: Json) -> list[Item]:
    """A response of these items that is then complete."""
    frames = b"".join(whole(item, at) for at, item in enumerate(items))
    return [Raw(frames), End()]


def once(line: str, reply: Reply) -> Callable[[Request], Awaitable[Reply | None]]:
    """Answers the first such request with this, and leaves the others alone."""
    replies = [reply]

    async def intercept(request: Request) -> Reply | None:
        return replies.pop() if replies and request.line == line else None

    return intercept


# --- nothing is kept on the server ----------------------------------------------------------


async def test_a_request_asks_the_server_to_keep_nothing(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    peer.script = [Say(("hi",)), End()]
    await talk.answer("go")
    (body,) = peer.bodies
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    assert body["input"] == [{"role": "user", "content": "go"}]
    assert [tool["name"] for tool in body["tools"]] == ["alpha", "beta"]
    assert peer.responses == {}


async def test_what_led_to_a_call_goes_back_with_its_output(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    peer.script = [*thinking(THOUGHT, CALL), Say(("done",)), End()]
    end = await talk.answer("go")
    assert end.outcome is Outcome.COMPLETED
    output = {"type": "function_call_output", "call_id": "call_9", "output": "output of alpha"}
    assert peer.bodies[1]["input"][1:] == [THOUGHT, CALL, output]
    assert talk.run.continuation == {}  # nothing is kept of a run that is over


async def test_outputs_given_again_after_a_fault_are_sent_once(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    peer.script = [Calls(ONE_CALL), Say(("done",)), End()]
    async with talk.provider.open(talk.say("go")) as session:
        results = talk.results(await talk.turn(session, NewMessages()))
        peer.intercept = once("POST /v1/responses", Reply.error(503, "busy"))
        with pytest.raises(ProviderError):
            await talk.turn(session, results)
        assert (await talk.turn(session, results)).outcome is Outcome.COMPLETED
    refused, answered = peer.bodies[1:]
    assert refused == answered
    assert [item.get("type") for item in answered["input"]].count("function_call_output") == 1
    assert [message.id for message in talk.transcript.path()] == ["user-1", "run-1:1", "run-1:2"]


@pytest.mark.parametrize(
    ("complaint", "left"),
    [
        ("Encrypted content is not supported with this model.", {"store"}),
        ("Unsupported parameter: 'reasoning.summary'", {"store", "include"}),
        ("Unrecognized request argument supplied: include", {"store", "reasoning"}),
        ("Unknown parameter: 'store'.", {"reasoning"}),
    ],
)
async def test_a_server_that_wants_none_of_it_is_asked_without_and_remembered(
    peer: ResponsesPeer, talk: Conversation, complaint: str, left: set[str]
) -> None:
    peer.intercept = once("POST /v1/responses", Reply.error(400, complaint))
    peer.script = [Say(("one",)), End()]
    assert (await talk.answer("go")).outcome is Outcome.COMPLETED
    assert peer.bodies[1].keys() & {"store", "include", "reasoning"} == left
    peer.script = [Say(("two",)), End()]
    await talk.answer("on")
    assert len(peer.bodies) == 3
    assert peer.bodies[2].keys() & {"store", "include", "reasoning"} == left


async def test_a_server_that_complains_of_one_thing_at_a_time_is_asked_without_both(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    async def picky(request: Request) -> Reply | None:
        named = next((name for name in ("include", "store") if name in request.body), None)
        return Reply.error(400, f"Extra inputs are not permitted: {named}") if named else None

    peer.intercept = picky
    peer.script = [Say(("one",)), End()]
    assert (await talk.answer("go")).outcome is Outcome.COMPLETED
    assert len(peer.bodies) == 3


@pytest.mark.parametrize(
    "said",
    ["temperature is out of range", "Vector store with id 'vs_1' not found."],
)
async def test_any_other_refusal_is_not_asked_again(
    peer: ResponsesPeer, talk: Conversation, said: str
) -> None:
    """Least of all without ``store``, which servers take as true."""
    peer.intercept = once("POST /v1/responses", Reply.error(400, said))
    async with talk.provider.open(talk.say("go")) as session:
        with pytest.raises(ProviderError, match=said):
            await talk.turn(session, NewMessages())
    assert len(peer.bodies) == 1


async def test_a_model_that_is_not_there_is_answered_with_those_that_are(
    peer: ResponsesPeer, provider_of: Maker
) -> None:
    talk = Conversation(provider_of(model="first-modal"))
    peer.intercept = once(
        "POST /v1/responses", Reply.error(404, "no such model", "model_not_found")
    )
    async with talk.provider.open(talk.say("go")) as session:
        with pytest.raises(ProviderError) as caught:
            await talk.turn(session, NewMessages())
    assert caught.value.code == "model_not_found"
    assert "first-model" in caught.value.hint


async def test_without_a_model_the_first_of_a_local_server_is_asked(
    peer: ResponsesPeer, provider_of: Maker
) -> None:
    talk = Conversation(provider_of(model=None))
    for _ in range(2):
        peer.script = [Say(("hi",)), End()]
        await talk.answer("go")
    assert [body["model"] for body in peer.bodies] == ["first-model"] * 2
    assert peer.http.lines.count("GET /v1/models") == 1


# --- approvals ------------------------------------------------------------------------------


def decided(talk: Conversation, *, approved: bool, reason: str = "") -> ToolResults:
    """What the engine gives when a person has decided."""
    decision = Decision(approved=approved, by="user", reason=reason)
    output = ToolOutput(text="Approved." if approved else "no", is_error=not approved)
    talk.record(ApprovalDecided(call_id="mcpr_1", decision=decision))
    talk.record(ToolFinished(call_id="mcpr_1", output=output.text, is_error=output.is_error))
    return ToolResults(results=(ToolResult(call_id="mcpr_1", output=output, decision=decision),))


@pytest.mark.parametrize("approved", [True, False])
async def test_an_approval_is_answered_with_the_request_it_is_for(
    peer: ResponsesPeer, talk: Conversation, approved: bool
) -> None:
    peer.script = [*thinking(APPROVAL), Say(("done",)), End()]
    async with talk.provider.open(talk.say("go")) as session:
        end = await talk.turn(session, NewMessages())
        assert [need.approval for need in end.needs] == [True]
        end = await talk.turn(session, decided(talk, approved=approved, reason="because"))
    assert end.outcome is Outcome.COMPLETED
    request, answer = peer.bodies[1]["input"][1:]
    assert request == APPROVAL
    assert answer == {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": approved,
        "reason": "because",
    }


async def test_a_whole_response_instead_of_a_stream_is_shown(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    said = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hello"}]}
    outputs = [[CALL], [said]]

    async def intercept(request: Request) -> Reply | None:
        response = {"object": "response", "id": "resp_1", "status": "completed", "error": None}
        return Reply.json({**response, "output": outputs.pop(0), "usage": USAGE})

    peer.intercept = intercept
    assert (await talk.answer("go")).outcome is Outcome.COMPLETED
    assert talk.text == "hello"
    assert talk.run.usage is not None
    assert talk.run.usage.total_tokens == 24


async def test_a_whole_response_that_failed_says_why(
    peer: ResponsesPeer, talk: Conversation
) -> None:
    error = {"code": "server_error", "message": "The model broke."}
    failed = {"object": "response", "id": "resp_1", "status": "failed", "error": error}

    async def intercept(request: Request) -> Reply | None:
        return Reply.json(failed)

    peer.intercept = intercept
    end = await talk.answer("go")
    assert end.outcome is Outcome.FAILED
    assert end.error is not None
    assert "The model broke." in end.error.message


# --- servers that give the same call ids in every round -------------------------------------


async def test_calls_of_later_rounds_are_told_apart(
    peer: ResponsesPeer, talk: Conversation, provider_of: Maker
) -> None:
    peer.script = [*thinking(CALL), *thinking(CALL), *thinking(CALL), Say(("done",)), End()]
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        first = await talk.turn(session, NewMessages())
        second = await talk.turn(session, talk.results(first))
        talk.results(second)
        kept = session.continuation
    again = replace(asked, history=talk.transcript.history(), continuation=kept)
    async with provider_of().open(again) as session:
        third = await talk.turn(session, NewMessages())
        await talk.turn(session, talk.results(third))
    ids = [end.needs[0].call_id for end in (first, second, third)]
    assert ids[0] == "call_9"
    assert len(set(ids)) == 3
    sent = peer.bodies[-1]["input"][1:]
    assert [item["call_id"] for item in sent] == [each for each in ids for _ in range(2)]
    assert len(talk.transcript.calls) == 3


async def test_a_server_with_state_knows_its_calls_by_its_own_ids(
    peer: ResponsesPeer, stateful: Conversation, provider_of: Maker
) -> None:
    peer.script = [*thinking(CALL), *thinking(CALL), Say(("done",)), End()]
    asked = stateful.say("go")
    async with stateful.provider.open(asked) as session:
        first = await stateful.turn(session, NewMessages())
        second = await stateful.turn(session, stateful.results(first))
        kept = json.loads(json.dumps(session.continuation))
    assert first.needs[0].call_id != second.needs[0].call_id
    told = {"id": kept["response_id"], "status": "completed", "output": [CALL]}
    peer.intercept = once(f"GET /v1/responses/{kept['response_id']}", Reply.json(told))
    again = replace(asked, history=stateful.transcript.history(), continuation=kept)
    async with provider_of(stateful=True).open(again) as session:
        resumed = await stateful.turn(session, Resume())
        assert resumed.needs == second.needs
        end = await stateful.turn(session, stateful.results(resumed))
    assert end.outcome is Outcome.COMPLETED
    assert [body["input"][0]["call_id"] for body in peer.bodies[1:]] == ["call_9", "call_9"]


# --- options of later rounds ----------------------------------------------------------------


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize(
    ("choice", "later"),
    [
        ("required", None),
        ({"type": "function", "name": "alpha"}, None),
        ("none", "none"),
        (
            {"type": "allowed_tools", "mode": "required", "tools": []},
            {"type": "allowed_tools", "mode": "auto", "tools": []},
        ),
    ],
)
async def test_a_call_is_forced_once_in_a_run(
    peer: ResponsesPeer, provider_of: Maker, choice: Any, later: Any, stateful: bool
) -> None:
    given = {"tool_choice": choice}
    talk = Conversation(provider_of(stateful=stateful, options=given), tools=TOOLS)
    call = Calls((("alpha", ("{}",)),))
    peer.script = [call, call, Say(("hello",)), End(), Say(("hello",)), End()]
    await talk.answer("go")
    await talk.answer("more")
    assert [body.get("tool_choice") for body in peer.bodies] == [choice, later, later, choice]


@pytest.mark.parametrize("stateful", [False, True])
async def test_options_may_be_others_in_later_rounds(
    peer: ResponsesPeer, provider_of: Maker, stateful: bool
) -> None:
    talk = Conversation(provider_of(stateful=stateful), tools=TOOLS)
    call = Calls((("alpha", ("{}",)),))
    peer.script = [call, call, Say(("hello",)), End()]
    asked = replace(talk.say("go"), options={"max_tokens": 9})
    async with talk.provider.open(asked) as session:
        given = talk.results(await talk.turn(session, NewMessages()))
        given = replace(given, options={"max_tokens": 5})
        await talk.turn(session, talk.results(await talk.turn(session, given)))
    assert [body["max_output_tokens"] for body in peer.bodies] == [9, 5, 5]


# --- a run that goes on in another session --------------------------------------------------


async def test_after_a_restart_encrypted_reasoning_and_approvals_go_along(
    peer: ResponsesPeer, talk: Conversation, provider_of: Maker
) -> None:
    peer.script = [*thinking(THOUGHT, CALL, APPROVAL), Say(("done",)), End()]
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        end = await talk.turn(session, NewMessages())
        kept = json.loads(json.dumps(session.continuation))
    assert {need.call_id for need in end.needs} == {"call_9", "mcpr_1"}
    decided(talk, approved=True)
    talk.record(ToolFinished(call_id="call_9", output="out"))
    again = replace(asked, history=talk.transcript.history(), continuation=kept)
    async with provider_of().open(again) as session:
        end = await talk.turn(session, NewMessages())
        assert end.outcome is Outcome.COMPLETED
        assert session.continuation == {}
    assert peer.bodies[1]["input"][1:] == [
        THOUGHT,
        CALL,
        APPROVAL,
        {"type": "function_call_output", "call_id": "call_9", "output": "out"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    ]
    assert [message.id for message in talk.transcript.path()] == ["user-1", "run-1:1", "run-1:2"]


async def test_two_rounds_before_the_restart_are_both_kept(
    peer: ResponsesPeer, talk: Conversation, provider_of: Maker
) -> None:
    second = {**CALL, "id": "fc_10", "call_id": "call_10"}
    peer.script = [*thinking(THOUGHT, CALL), *thinking({**THOUGHT, "id": "rs_2"}, second)]
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        end = await talk.turn(session, NewMessages())
        talk.results(await talk.turn(session, talk.results(end)))
        kept = session.continuation
    peer.script = [Say(("done",)), End()]
    again = replace(asked, history=talk.transcript.history(), continuation=kept)
    async with provider_of().open(again) as session:
        await talk.turn(session, NewMessages())
    ids = [item["id"] for item in peer.bodies[-1]["input"] if "id" in item]
    assert ids == ["rs_1", "fc_9", "rs_2", "fc_10"]


async def test_what_is_too_large_to_keep_goes_back_in_our_own_words(
    peer: ResponsesPeer,
    talk: Conversation,
    provider_of: Maker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.providers.kept.MAX_KEPT", 1000)
    large = {**THOUGHT, "encrypted_content": "g" * 2000}
    peer.script = [*thinking(large, CALL), Say(("done",)), End()]
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        talk.results(await talk.turn(session, NewMessages()))
        kept = session.continuation
        assert session.continuation is kept
    again = replace(asked, history=talk.transcript.history(), continuation=kept)
    async with provider_of().open(again) as session:
        assert (await talk.turn(session, NewMessages())).outcome is Outcome.COMPLETED
    types = [item.get("type") for item in peer.bodies[-1]["input"]]
    assert types == [None, "function_call", "function_call_output"]


async def test_what_another_run_left_is_not_sent(peer: ResponsesPeer, talk: Conversation) -> None:
    peer.script = [*thinking(THOUGHT, CALL)]
    async with talk.provider.open(talk.say("go")) as session:
        talk.results(await talk.turn(session, NewMessages()))
    peer.script = [Say(("fresh",)), End()]
    await talk.answer("never mind")
    assert "gAAAA" not in json.dumps(peer.bodies[-1])


# --- the server keeps responses -------------------------------------------------------------


async def test_only_what_is_new_is_sent_to_a_server_that_keeps_responses(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Calls(ONE_CALL), Say(("one",)), End()]
    await stateful.answer("go")
    peer.script = [Say(("two",)), End()]
    await stateful.answer("on")
    first, outputs, second = peer.bodies
    made = list(peer.responses)
    assert (first["store"], "previous_response_id" in first) == (True, False)
    assert first["truncation"] == "auto"
    assert [item["type"] for item in outputs["input"]] == ["function_call_output"]
    assert second["input"] == [{"role": "user", "content": "on"}]
    assert [outputs["previous_response_id"], second["previous_response_id"]] == made[:2]


async def test_another_branch_is_told_from_its_beginning(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Say(("one",)), End()]
    await stateful.answer("go")
    asked = stateful.say("on")
    first, _, last = asked.history
    peer.script = [Say(("two",)), End()]
    async with stateful.provider.open(replace(asked, history=(first, last))) as session:
        await stateful.turn(session, NewMessages())
    assert "previous_response_id" not in peer.bodies[-1]
    assert [item["content"] for item in peer.bodies[-1]["input"]] == ["go", "on"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply.error(400, "It is gone.", "previous_response_not_found"),
        Reply.error(404, "No response resp_1."),
    ],
)
async def test_a_conversation_that_the_server_forgot_is_sent_anew_and_said(
    peer: ResponsesPeer, stateful: Conversation, reply: Reply
) -> None:
    peer.script = [Say(("one",)), End()]
    await stateful.answer("go")
    peer.intercept = once("POST /v1/responses", reply)
    peer.script = [Say(("two",)), End()]
    end = await stateful.answer("on")
    assert end.outcome is Outcome.COMPLETED
    first, answer, second = (item["content"] for item in peer.bodies[-1]["input"])
    assert (first, answer[0]["text"], second) == ("go", "one", "on")
    assert sum(isinstance(signal, NoticeAdded) for signal in stateful.signals) == 1


async def test_outputs_for_a_run_that_the_server_forgot_say_that_it_is_gone(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Calls(ONE_CALL)]
    async with stateful.provider.open(stateful.say("go")) as session:
        results = stateful.results(await stateful.turn(session, NewMessages()))
        peer.responses.clear()
        with pytest.raises(ProviderError) as caught:
            await stateful.turn(session, results)
    assert caught.value.code == "run_not_found"


async def test_a_run_left_waiting_goes_on_in_another_session(
    peer: ResponsesPeer, stateful: Conversation, provider_of: Maker
) -> None:
    peer.script = [Calls(ONE_CALL), Say(("done",)), End()]
    asked = stateful.say("go")
    async with stateful.provider.open(asked) as session:
        before = await stateful.turn(session, NewMessages())
        kept = json.loads(json.dumps(session.continuation))
    again = replace(asked, continuation=kept, history=stateful.transcript.history())
    async with provider_of(stateful=True).open(again) as session:
        end = await stateful.turn(session, Resume())
        assert end.needs == before.needs
        end = await stateful.turn(session, stateful.results(end))
    assert end.outcome is Outcome.COMPLETED
    texts = [message.text for message in stateful.transcript.path()]
    assert texts == ["go", "", "done"]
    assert stateful.run.usage is not None  # of both rounds, though the session saw the first again
    assert stateful.run.usage.total_tokens == 2 * 12


async def test_what_a_run_used_before_it_was_interrupted_counts(
    peer: ResponsesPeer, stateful: Conversation, provider_of: Maker
) -> None:
    peer.script = [Calls(ONE_CALL), Calls((("beta", ("{}",)),)), Say(("done",)), End()]
    asked = stateful.say("go")
    async with stateful.provider.open(asked) as session:
        end = await stateful.turn(session, NewMessages())
        await stateful.turn(session, stateful.results(end))
        kept = json.loads(json.dumps(session.continuation))
    again = replace(asked, continuation=kept, history=stateful.transcript.history())
    async with provider_of(stateful=True).open(again) as session:
        end = await stateful.turn(session, Resume())
        end = await stateful.turn(session, stateful.results(end))
    assert end.outcome is Outcome.COMPLETED
    assert stateful.run.usage is not None
    assert stateful.run.usage.total_tokens == 3 * 12


async def test_a_lost_reply_to_outputs_is_looked_for_and_asked_again(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Calls(ONE_CALL), Say(("done",)), End()]
    async with stateful.provider.open(stateful.say("go")) as session:
        first = await stateful.turn(session, NewMessages())
        results = stateful.results(first)
        peer.intercept = once("POST /v1/responses", Reply.sse(ending="abort"))
        end = await stateful.turn(session, results)
        assert end.outcome is Outcome.DISCONNECTED
        assert (await stateful.turn(session, Resume())).needs == first.needs
        assert (await stateful.turn(session, results)).outcome is Outcome.COMPLETED
    assert [message.id for message in stateful.transcript.path()] == [
        "user-1",
        "run-1:1",
        "run-1:2",
    ]


async def test_a_run_of_which_nothing_is_known_is_not_there(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    async with stateful.provider.open(stateful.say("go")) as session:
        with pytest.raises(ProviderError) as caught:
            await stateful.turn(session, Resume())
    assert caught.value.code == "run_not_found"
    assert peer.http.requests == []


async def test_a_run_that_the_server_deleted_is_not_there(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Say(("before",)), Break("abort")]
    async with stateful.provider.open(stateful.say("go")) as session:
        await stateful.turn(session, NewMessages())
        peer.responses.clear()
        with pytest.raises(ProviderError) as caught:
            await stateful.turn(session, Resume())
    assert caught.value.code == "run_not_found"


async def test_a_background_response_is_followed_from_where_its_stream_broke(
    peer: ResponsesPeer, provider_of: Maker
) -> None:
    provider = provider_of(stateful=True, options={"background": True})
    talk = Conversation(provider)
    content = [{"type": "output_text", "text": "before after"}]
    message = {"type": "message", "id": "m", "content": content}
    delta = {"output_index": 0, "item_id": "m", "content_index": 0}

    async def follow(request: Request) -> Reply | None:
        if "stream" not in request.query:
            return None
        response = {"id": "resp_1", "status": "completed", "output": [message], "usage": USAGE}
        return Reply.sse(
            frame("response.output_text.delta", **delta, delta=" after", sequence_number=6),
            frame("response.completed", response=response, sequence_number=7),
        )

    peer.intercept = follow
    peer.script = [Raw(BEFORE), Break("abort")]
    async with provider.open(talk.say("go")) as session:
        end = await talk.turn(session, NewMessages())
        assert end.outcome is Outcome.DISCONNECTED
        end = await talk.turn(session, Resume())
    assert end.outcome is Outcome.COMPLETED
    assert peer.http.requests[-1].query == {"stream": "true", "starting_after": "5"}
    assert talk.text == "before after"


def answers_when_asked(peer: ResponsesPeer, times: int) -> None:
    """The kept response is over once it has been asked for so often."""
    content = [{"type": "output_text", "text": "before after"}]
    message = {"type": "message", "id": "m", "content": content}
    asked = 0

    async def retrieve(request: Request) -> Reply | None:
        nonlocal asked
        if request.line == "GET /v1/responses/resp_1":
            asked += 1
            if asked == times:
                peer.responses["resp_1"] |= {"status": "completed", "output": [message]}
        return None

    peer.intercept = retrieve


_sleep = asyncio.sleep


async def soon(_seconds: float) -> None:
    """Waiting takes no time."""
    await _sleep(0)


BEFORE = frame(
    "response.output_text.delta",
    output_index=0,
    item_id="m",
    content_index=0,
    delta="before",
    sequence_number=5,
)


async def test_a_background_response_is_waited_for_by_another_session(
    peer: ResponsesPeer, provider_of: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", soon)
    provider = provider_of(stateful=True, options={"background": True})
    talk = Conversation(provider)
    peer.script = [Raw(BEFORE), Break("abort")]
    asked = talk.say("go")
    async with provider.open(asked) as session:
        assert (await talk.turn(session, NewMessages())).outcome is Outcome.DISCONNECTED
        kept = session.continuation
    answers_when_asked(peer, times=30)
    async with provider.open(replace(asked, continuation=kept)) as session:
        assert (await talk.turn(session, Resume())).outcome is Outcome.COMPLETED
    assert [message.text for message in talk.transcript.path()] == ["go", "before after"]


async def test_a_response_that_does_not_end_is_not_waited_for_for_ever(
    peer: ResponsesPeer, provider_of: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", soon)
    talk = Conversation(provider_of(stateful=True))
    peer.script = [Raw(BEFORE), Break("abort")]
    async with talk.provider.open(talk.say("go")) as session:
        await talk.turn(session, NewMessages())
        peer.responses["resp_1"]["status"] = "in_progress"
        end = await talk.turn(session, Resume())
    assert end.outcome is Outcome.DISCONNECTED
    assert end.error is not None
    assert "still works" in end.error.message
    assert talk.text == "before"


@pytest.mark.parametrize("background", [True, False])
async def test_only_what_runs_in_the_background_is_told_to_stop(
    peer: ResponsesPeer, provider_of: Maker, background: bool
) -> None:
    options = {"background": True} if background else {}
    talk = Conversation(provider_of(stateful=True, options=options))
    peer.script = [Say(("begun",)), Pause(asyncio.Event())]
    async with talk.provider.open(talk.say("go")) as session:
        await until(session.turn(NewMessages()), TextDelta)
        assert await session.cancel() is Outcome.CANCELLED
    assert ("POST /v1/responses/resp_1/cancel" in peer.http.lines) is background


async def test_what_had_finished_before_it_was_stopped_is_reported_as_that(
    peer: ResponsesPeer, stateful: Conversation
) -> None:
    peer.script = [Say(("begun",)), Break("abort"), Say(("ended",)), End()]
    async with stateful.provider.open(stateful.say("go")) as session:
        end = await stateful.turn(session, NewMessages())
        assert end.outcome is Outcome.DISCONNECTED
        assert await session.cancel() is Outcome.COMPLETED
