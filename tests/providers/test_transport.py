"""What the SDK puts on the wire for each dialect, and every way a request can fail, in words."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.providers.conversation import request, user
from tests.providers.http_peer import HttpPeer, Reply, Request
from tui.core.errors import ProviderError
from tui.core.events import TurnFinished
from tui.core.models import Outcome
from tui.core.ports import NewMessages, Resume, Signal
from tui.core.settings import Profile
from tui.providers.assistants.api import AssistantsApi
from tui.providers.registry import create
from tui.providers.transport import Transport

KEY = "sk-secret-0123456789"
DONE = b'event: thread.run.completed\ndata: {"id": "run_1"}\n\nevent: done\ndata: [DONE]\n\n'


class Peer(HttpPeer):
    """Answers everything the same way; ``reply`` may be changed at any time."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.reply: Reply | None = None

    async def _answer(self, asked: Request) -> Reply:
        if self.reply is not None:
            return self.reply
        if asked.method == "GET":
            return Reply.json({"id": "asst_1", "tools": [], "data": []})
        return Reply.sse(DONE) if b'"stream"' in asked.raw else Reply.json({"id": "made_1"})


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    found = Peer()
    async with found:
        yield found


def profile(base_url: str, **more: Any) -> Profile:
    given = {"assistant_id": "asst_1", "read_timeout": 2.0, "connect_timeout": 2.0, **more}
    return Profile(name="p", base_url=base_url, **given)


async def answer(settings: Profile, key: str | None = KEY, **more: Any) -> list[Signal]:
    provider = create(settings, api_key=key)
    try:
        async with provider.open(request(user("u", "hi"), **more)) as session:
            return [signal async for signal in session.turn(NewMessages())]
    finally:
        await provider.close()
        await provider.close()


async def fails(settings: Profile, key: str | None = KEY) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await answer(settings, key)
    assert caught.value.hint, "an error has to say what to do"
    return caught.value


# --- dialects -----------------------------------------------------------------------------------


async def test_openai_puts_the_key_in_authorization(peer: Peer) -> None:
    await answer(profile(f"{peer.url}/v1", headers={"X-Team": "blue"}))
    get, post, run = peer.requests
    assert get.line == "GET /v1/assistants/asst_1"
    assert (post.line, run.line) == ("POST /v1/threads", "POST /v1/threads/made_1/runs")
    assert post.query == {}
    assert post.headers["authorization"] == f"Bearer {KEY}"
    assert post.headers["openai-beta"] == "assistants=v2"
    assert post.headers["x-team"] == "blue"
    assert "api-key" not in post.headers


async def test_a_server_without_keys_gets_none(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-someone-else")
    await answer(profile(f"{peer.url}/v1"), None)
    assert all("authorization" not in asked.headers for asked in peer.requests)


async def test_azure_puts_the_key_in_its_own_header_and_names_the_version(peer: Peer) -> None:
    settings = profile(peer.url + "/", dialect="azure", api_version="2024-05-01-preview")
    await answer(settings)
    for asked in peer.requests:
        assert asked.query == {"api-version": "2024-05-01-preview"}
        assert asked.headers["api-key"] == KEY
        assert "authorization" not in asked.headers
    assert peer.lines == [
        "GET /openai/assistants/asst_1",
        "POST /openai/threads",
        "POST /openai/threads/made_1/runs",
    ]


async def test_foundry_is_openai_with_a_version(peer: Peer) -> None:
    await answer(profile(f"{peer.url}/api/projects/p1", dialect="foundry"))
    assert peer.lines == [
        "GET /api/projects/p1/assistants/asst_1",
        "POST /api/projects/p1/threads",
        "POST /api/projects/p1/threads/made_1/runs",
    ]
    for asked in peer.requests:
        assert asked.query == {"api-version": "v1"}
        assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_every_endpoint_goes_where_the_api_has_it(peer: Peer) -> None:
    transport = Transport(profile(f"{peer.url}/v1"), KEY)
    api = AssistantsApi(transport)
    await api.create_assistant({"model": "m"})
    assert [item async for item in api.assistants()] == []
    assert await api.models() == []
    await api.create_thread({"messages": []})
    await api.create_message("t", {"role": "user", "content": "x"})
    assert await api.newest_message("t") is None
    assert [item async for item in api.messages_of_run("t", "r")] == []
    await (await api.create_run("t", {"assistant_id": "a", "stream": True})).close()
    outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "o"}], "stream": True}
    await (await api.submit_tool_outputs("t", "r", outputs)).close()
    await api.retrieve_run("t", "r")
    await api.cancel_run("t", "r")
    assert await api.newest_runs("t") == []
    assert [item async for item in api.steps("t", "r")] == []
    await transport.close()
    assert peer.lines == [
        "POST /v1/assistants",
        "GET /v1/assistants",
        "GET /v1/models",
        "POST /v1/threads",
        "POST /v1/threads/t/messages",
        "GET /v1/threads/t/messages",
        "GET /v1/threads/t/messages",
        "POST /v1/threads/t/runs",
        "POST /v1/threads/t/runs/r/submit_tool_outputs",
        "GET /v1/threads/t/runs/r",
        "POST /v1/threads/t/runs/r/cancel",
        "GET /v1/threads/t/runs",
        "GET /v1/threads/t/runs/r/steps",
    ]
    assert peer.requests[6].query == {"order": "asc", "limit": "100", "run_id": "r"}
    assert peer.requests[8].body == outputs


async def test_options_and_instructions_pass_through(peer: Peer) -> None:
    settings = profile(
        f"{peer.url}/v1",
        model="from-profile",
        instructions="be brief",
        additional_instructions="and kind",
        options={"temperature": 0.5, "metadata": "not yours"},
    )
    await answer(settings, options={"top_p": 0.1}, model="from-run", instructions="be long")
    body = peer.requests[-1].body
    assert body["temperature"] == 0.5
    assert body["top_p"] == 0.1
    assert body["model"] == "from-run"
    assert body["instructions"] == "be long"
    assert body["additional_instructions"] == "and kind"
    assert body["metadata"] == {"tickertape_run_id": "run"}


async def test_ids_are_quoted_in_paths(peer: Peer) -> None:
    transport = Transport(profile(f"{peer.url}/v1"), KEY)
    await AssistantsApi(transport).retrieve_assistant("a/../b?c")
    await transport.close()
    assert peer.requests[0].path == "/v1/assistants/a/../b?c"  # decoded by the peer, as one segment
    assert peer.requests[0].query == {}


async def test_a_proxy_is_never_used_for_this_machine(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await answer(profile(f"{peer.url}/v1"))
    assert len(peer.requests) == 3


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "retryable", "words"),
    [
        (400, "bad_request", False, "refused"),
        (401, "unauthorized", False, "key"),
        (403, "forbidden", False, "may not"),
        (408, "timeout", True, "gave up"),
        (409, "conflict", True, "busy"),
        (413, "too_large", False, "too large"),
        (418, "bad_request", False, "refused"),
        (422, "bad_request", False, "refused"),
        (429, "rate_limit_exceeded", True, "limit"),
        (500, "server_error", True, "server failed"),
        (503, "server_error", True, "server failed"),
        (529, "server_error", True, "server failed"),
    ],
)
async def test_every_status_is_told_in_words_and_sent_once(
    peer: Peer, status: int, code: str, retryable: bool, words: str
) -> None:
    peer.reply = Reply.json({"error": {"message": f"because {KEY}"}}, status)
    error = await fails(profile(f"{peer.url}/v1"))
    assert (error.status, error.code, error.retryable) == (status, code, retryable)
    assert words in error.message
    assert "because" in error.message
    assert not error.sent
    assert len(peer.requests) == 1


async def test_404_for_a_wrong_address(peer: Peer) -> None:
    peer.reply = Reply(404, b"<html><body>Not here</body></html>", {"content-type": "text/html"})
    error = await fails(profile(peer.url, assistant_id=None))
    assert error.code == "not_found"
    assert "a web page" in error.message
    assert "base_url" in error.hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_passed_on(
    peer: Peer, headers: dict[str, str], seconds: float | None
) -> None:
    peer.reply = Reply.json({"error": {"message": "slow down"}}, 429, **headers)
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.retry_after == seconds


async def test_retry_after_as_a_date(peer: Peer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    peer.reply = Reply.json({}, 503, retry_after=date)
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.retry_after is not None
    assert 50 < error.retry_after <= 60


async def test_a_used_up_quota_is_not_retried(peer: Peer) -> None:
    peer.reply = Reply.error(429, "no credit", "insufficient_quota")
    error = await fails(profile(f"{peer.url}/v1"))
    assert (error.code, error.retryable) == ("insufficient_quota", False)


async def test_a_redirect_is_not_followed_with_the_key(peer: Peer) -> None:
    peer.reply = Reply(307, b"", {"location": "http://127.0.0.1:1/elsewhere"})
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.code == "redirected"
    assert "/elsewhere" in error.message
    assert len(peer.requests) == 1


async def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    error = await fails(profile(f"http://127.0.0.1:{port}/v1"))
    assert (error.code, error.retryable, error.sent) == ("connection_refused", True, False)
    assert f"127.0.0.1:{port}" in error.message


async def test_no_such_host() -> None:
    error = await fails(profile("http://tickertape.invalid/v1"))
    assert error.code == "unknown_host"
    assert "tickertape.invalid" in error.message
    assert not error.sent


async def test_a_port_that_speaks_no_tls() -> None:
    async def plain_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain_http, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await fails(profile(f"https://127.0.0.1:{port}/v1"))
    assert error.code == "tls"
    assert not error.retryable


@pytest.mark.parametrize("lost", ["/assistants", "/threads", "/runs"])
async def test_only_a_run_whose_answer_was_lost_may_have_started(peer: Peer, lost: str) -> None:
    """What comes before it is looked up when asked for again, so it can be repeated."""
    usual = peer._handler

    async def hang_up(asked: Request) -> Reply:
        if asked.method == "POST" and asked.path.endswith(lost):
            raise ConnectionResetError
        return await usual(asked)

    peer._handler = hang_up
    error = await fails(profile(f"{peer.url}/v1", assistant_id=None, model="m"))
    assert (error.code, error.retryable) == ("connection_lost", True)
    assert error.sent is (lost == "/runs")


async def test_a_server_that_says_nothing_is_given_up(peer: Peer) -> None:
    usual = peer._handler

    async def silent(asked: Request) -> Reply:
        if asked.path.endswith("/runs"):
            await asyncio.Event().wait()
        return await usual(asked)

    peer._handler = silent
    error = await fails(profile(f"{peer.url}/v1", read_timeout=0.2))
    assert error.sent
    assert "0.2 s" in error.message


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("text/html", "not_an_api"),
        ("text/event-stream", "not_an_api"),
        ("application/json", "not_an_api"),
    ],
)
async def test_a_web_page_with_status_200(peer: Peer, content_type: str, code: str) -> None:
    page = b"\n <!doctype html><html>Sign in</html>"

    async def answer_page(asked: Request) -> Reply:
        if not asked.path.endswith("/runs"):
            return Reply.json({"id": "made_1"})
        return Reply(200, page, {"content-type": content_type})

    peer._handler = answer_page
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.code == code
    assert "web page" in error.message


async def test_a_web_page_where_json_should_be(peer: Peer) -> None:
    peer.reply = Reply(200, b"<html>", {"content-type": "text/html"})
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.code == "not_an_api"
    assert "JSON" in error.message


async def test_a_server_that_does_not_stream(peer: Peer) -> None:
    async def whole(asked: Request) -> Reply:
        return Reply.json({"id": "x", "object": "thread.run"})

    peer._handler = whole
    error = await fails(profile(f"{peer.url}/v1"))
    assert (error.code, error.sent) == ("not_streaming", True)


async def test_an_event_beyond_all_size_ends_the_turn_in_words(peer: Peer) -> None:
    big = b"data: " + b"x" * (17 * 1024 * 1024)

    async def flood(asked: Request) -> Reply:
        ours = asked.path.endswith("/runs")
        return Reply.sse(big) if ours else Reply.json({"id": "made_1"})

    peer._handler = flood
    *_, end = await answer(profile(f"{peer.url}/v1"))
    assert isinstance(end, TurnFinished)
    assert end.outcome is Outcome.DISCONNECTED
    assert end.error is not None
    assert end.error.code == "event_too_large"


@pytest.mark.parametrize(("status", "code"), [(200, "answer_too_large"), (500, "server_error")])
async def test_an_answer_without_end_is_left(peer: Peer, status: int, code: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 1024 * 1024

    peer.reply = Reply(status, headers={"content-type": "application/json"}, stream=endless())
    error = await fails(profile(f"{peer.url}/v1"))
    assert error.code == code
    assert sent < 48  # MB; what fits into the buffers of two sockets is not much


async def test_a_run_that_was_never_asked_for_is_not_found(peer: Peer) -> None:
    provider = create(profile(f"{peer.url}/v1"), api_key=KEY)
    async with provider.open(request(user("u", "hi"))) as session:
        with pytest.raises(ProviderError) as caught:
            [signal async for signal in session.turn(Resume())]
    assert (caught.value.code, caught.value.sent) == ("run_not_found", False)
    assert peer.requests == []


# --- profiles that cannot work --------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        profile("localhost:8080/v1"),
        profile("ftp://localhost/v1"),
        profile("http://localhost/v1?api-version=1"),
        profile("http://localhost", dialect="azure"),
        Profile(name="p", dialect="azure", api_version="v"),
        Profile(name="p", dialect="foundry"),
        profile("http://127.0.0.1:1/v1", headers={"x": "ünsendbar\u2028"}),
    ],
)
async def test_an_unusable_profile_is_refused_before_anything_is_sent(settings: Profile) -> None:
    error = await fails(settings)
    assert error.code in ("profile", "bad_address")
    assert not error.retryable
    assert not error.sent


# --- secrets and start-up -------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["refused", "401", "bad header", "bad url"])
async def test_the_key_is_in_no_error_and_in_no_traceback(peer: Peer, case: str) -> None:
    header_key = "hdr-secret-987654"
    url = {"refused": "http://127.0.0.1:1/v1", "bad url": f"http://h/v1?{KEY}"}.get(case)
    peer.reply = Reply.error(401, f"Incorrect API key provided: {KEY} / {header_key}")
    headers = {"X-Api-Key": header_key} | ({"X-Bad": "\u2028"} if case == "bad header" else {})
    error = await fails(profile(url or f"{peer.url}/v1", headers=headers))
    shown = "".join(traceback.TracebackException.from_exception(error).format())
    text = f"{error} {error!r} {error.problem} {shown}"
    assert KEY not in text
    assert header_key not in text
    at = error.__traceback__
    while at is not None:
        own = "tui/providers/transport" in at.tb_frame.f_code.co_filename
        assert not own or KEY not in repr(at.tb_frame.f_locals)
        at = at.tb_next


def test_importing_the_registry_and_the_provider_loads_no_sdk() -> None:
    code = (
        "import sys, json\n"
        "import tui.providers.registry, tui.providers.assistants.provider\n"
        "heavy = ('openai', 'httpx2', 'pydantic', 'jiter', 'anyio')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == []
