"""What ``tickertape doctor`` asks, where waiting for it as a person does would take too long."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from tests.providers.assistants_peer import Pause
from tests.providers.chat_peer import ChatPeer, chunk
from tests.providers.http_peer import Reply, Request
from tui.core.settings import Profile
from tui.providers.diagnosis import Check, Diagnosis
from tui.providers.registry import create

CALL = {"index": 0, "id": "c1", "function": {"name": "get_time", "arguments": '{"ci'}}


@pytest.fixture
async def peer() -> AsyncIterator[ChatPeer]:
    peer = ChatPeer()
    async with peer.http:
        yield peer


async def checks(url: str, connect_timeout: float = 10.0) -> dict[str, Check]:
    profile = Profile(
        name="p",
        protocol="chat",
        base_url=f"{url}/v1",
        model="first-model",
        connect_timeout=connect_timeout,
    )
    provider = create(profile, api_key=None)
    try:
        return {check.name: check async for check in Diagnosis(profile, provider).checks()}
    finally:
        await provider.close()


async def test_a_call_that_takes_too_long_is_not_waited_for(
    peer: ChatPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.providers.diagnosis._TOOL_SECONDS", 0.2)

    async def intercept(request: Request) -> Reply | None:
        peer.script = [Pause(asyncio.Event())]  # for whoever offers a tool
        answers = request.method == "POST" and b"get_time" not in request.raw
        return Reply.sse(chunk("stop", content="OK")) if answers else None

    peer.intercept = intercept
    begin = time.monotonic()
    found = await checks(peer.http.url)
    assert time.monotonic() - begin < 10
    assert (found["stream"].state, found["tools"].state) == ("ok", "not checked")
    assert found["tools"].said == "a tool was offered, and the model did not call it within 0.2 s"


async def test_the_beginning_of_a_call_is_enough(peer: ChatPeer) -> None:
    async def intercept(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        if b"get_time" not in request.raw:
            return Reply.sse(chunk("stop", content="OK"))

        async def stream() -> AsyncIterator[bytes]:
            yield chunk(tool_calls=[CALL])
            await asyncio.Event().wait()

        return Reply(headers={"content-type": "text/event-stream"}, stream=stream())

    peer.intercept = intercept
    async with asyncio.timeout(10):
        found = await checks(peer.http.url)
    assert found["tools"].state == "ok"


async def test_an_answer_without_a_word_is_told(peer: ChatPeer) -> None:
    async def intercept(request: Request) -> Reply | None:
        return Reply.sse(chunk("stop")) if request.method == "POST" else None

    peer.intercept = intercept
    found = await checks(peer.http.url)
    assert found["stream"].said.startswith("an answer without a word came")


async def test_a_server_that_never_secures_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody ever reads what comes
        port = server.getsockname()[1]
        found = await checks(f"https://127.0.0.1:{port}", connect_timeout=0.2)
    assert found["TCP"].state == "ok"
    assert found["TLS"].state == "failed"
    assert "http:// instead of https://" in found["TLS"].hint
