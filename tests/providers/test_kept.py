"""What is kept of a run for a later session is of use to its own protocol only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.providers.assistants_peer import End, Raw, Say
from tests.providers.chat_peer import ChatPeer, chunk
from tests.providers.conversation import Conversation
from tests.providers.responses_peer import ResponsesPeer, whole
from tui.core.models import Outcome
from tui.core.ports import NewMessages, Provider, RunRequest
from tui.core.settings import Profile
from tui.providers.registry import create

CALL = {"type": "function_call", "call_id": "c1", "name": "alpha", "arguments": "{}"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}


def _responses(peer: ResponsesPeer) -> Provider:
    url = f"{peer.http.url}/v1"
    return create(Profile(name="p", protocol="responses", base_url=url, model="m"), api_key="k")


def _chat(peer: ChatPeer) -> Provider:
    url = f"{peer.http.url}/v1"
    return create(Profile(name="p", protocol="chat", base_url=url, model="m"), api_key="k")


async def _interrupted(talk: Conversation) -> RunRequest:
    """A run that waits for one call, as another session finds it once the call is answered."""
    asked = talk.say("go")
    async with talk.provider.open(asked) as session:
        end = await talk.turn(session, NewMessages())
        talk.results(end)
        kept = json.loads(json.dumps(session.continuation))
    assert kept
    return replace(asked, continuation=kept, history=talk.transcript.history())


async def _goes_on(talk: Conversation, provider: Provider, request: RunRequest) -> None:
    async with provider.open(request) as session:
        end = await talk.turn(session, NewMessages())
    assert end.outcome is Outcome.COMPLETED
    await provider.close()
    await talk.provider.close()


async def test_what_responses_kept_is_not_sent_over_chat() -> None:
    old, new = ResponsesPeer(), ChatPeer()
    async with old.http, new.http:
        old.script = [Raw(whole(THOUGHT, 0) + whole(CALL, 1)), End()]
        talk = Conversation(_responses(old))
        request = await _interrupted(talk)
        new.script = [Say(("done",)), End()]
        await _goes_on(talk, _chat(new), request)
    messages = new.bodies[0]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]


async def test_what_chat_kept_is_not_sent_over_responses() -> None:
    old, new = ChatPeer(), ResponsesPeer()
    call: dict[str, Any] = {"index": 0, "id": "c1", "extra_content": {"signature": "abc"}}
    call["function"] = {"name": "alpha", "arguments": "{}"}
    async with old.http, new.http:
        old.script = [Raw(chunk(tool_calls=[call]) + chunk("tool_calls"))]
        talk = Conversation(_chat(old))
        request = await _interrupted(talk)
        new.script = [Say(("done",)), End()]
        await _goes_on(talk, _responses(new), request)
    items = new.bodies[0]["input"]
    assert [item.get("type", item.get("role")) for item in items] == [
        "user",
        "function_call",
        "function_call_output",
    ]
