"""Starting, stopping, restarting and expiring; many runs at once; what reaches the log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.server.conftest import Peer, decode_events, until
from tests.server.scripted import (
    Hold,
    Script,
    ScriptedProvider,
    Step,
    call,
    end,
    outputs_of,
    say,
)
from tui.core.errors import ConfigError, TickertapeError
from tui.core.models import JsonObject
from tui.core.ports import AssistantStore, RunRequest, TurnInput
from tui.server.access import is_loopback, require_key
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore
from tui.server.serve import run_server
from tui.server.settings import ServerSettings

KEY = "sk-very-secret"


@contextmanager
def served(
    script: Script, *, store: AssistantStore | None = None, **settings: Any
) -> Iterator[tuple[httpx2.Client, ScriptedProvider, EmbeddedServer]]:
    """A server of the test's own."""
    provider = ScriptedProvider(script)
    app = create_app(
        provider=provider,
        store=store or MemoryAssistantStore(),
        api_key=KEY,
        models=["m"],
        settings=ServerSettings(**settings),
    )
    server = EmbeddedServer(app)
    url = server.start()
    headers = {"authorization": f"Bearer {KEY}"}
    try:
        with httpx2.Client(base_url=url, headers=headers, timeout=20) as client:
            yield client, provider, server
    finally:
        server.stop()


def prepare(client: httpx2.Client) -> tuple[str, JsonObject]:
    """The runs' path of a new thread, and the body that starts one."""
    assistant = client.post("/assistants", json={"model": "m"}).json()["id"]
    thread = client.post("/threads/", json={})
    assert thread.status_code == 404
    thread_id = client.post("/threads", json={}).json()["id"]
    client.post(f"/threads/{thread_id}/messages", json={"role": "user", "content": "hi"})
    return f"/threads/{thread_id}/runs", {"assistant_id": assistant}


def until_status(client: httpx2.Client, path: str, status: str) -> JsonObject:
    """Poll the newest run below the path; the test's time-out bounds it."""
    while True:
        run: JsonObject = client.get(path).json()["data"][0]
        if run["status"] == status:
            return run


def waiting(*_: object) -> list[Step]:
    return call(("c", "f", "{}"))


def test_a_run_expires_when_nobody_brings_outputs() -> None:
    with served(waiting, run_expiry=0.05) as (client, _, _):
        path, body = prepare(client)
        client.post(path, json={**body, "stream": True})
        run = until_status(client, path, "expired")
        assert (run["required_action"], run["expires_at"]) == (None, None)
        one = f"{path}/{run['id']}"
        step = client.get(f"{one}/steps").json()["data"][0]
        assert step["status"] == "expired"
        assert step["expired_at"]
        outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "late"}]}
        late = client.post(f"{one}/submit_tool_outputs", json=outputs)
        assert late.status_code == 400
        assert late.json()["error"]["message"] == (
            'Runs in status "expired" do not accept tool outputs.'
        )
        again = client.post(path.replace("runs", "messages"), json={"role": "user", "content": "x"})
        assert again.status_code == 200


def test_outputs_are_late_as_soon_as_the_time_is_up() -> None:
    with served(waiting, run_expiry=0.05) as (client, provider, _):
        provider.slow_to_cancel = True
        path, body = prepare(client)
        client.post(path, json={**body, "stream": True})
        while not provider.cancelled:
            pass
        run = client.get(path).json()["data"][0]
        outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "late"}]}
        late = client.post(f"{path}/{run['id']}/submit_tool_outputs", json=outputs)
        assert late.status_code == 400
        assert 'status "expired" do not' in late.json()["error"]["message"]
        provider.release("cancel")
        until_status(client, path, "expired")


def test_outputs_in_time_stop_the_clock() -> None:
    def script(request: RunRequest, given: TurnInput, turn: int) -> list[Step]:
        return waiting() if turn == 1 else [Hold("beyond the expiry"), *say("ok"), end()]

    with served(script, run_expiry=0.5) as (client, provider, _):
        path, body = prepare(client)
        client.post(path, json={**body, "stream": True})
        run = until_status(client, path, "requires_action")
        outputs = {"tool_outputs": [{"tool_call_id": "c", "output": "o"}]}
        client.post(f"{path}/{run['id']}/submit_tool_outputs", json=outputs)
        # A clock that still ran would end this run long before the other one.
        other, body = prepare(client)
        client.post(other, json={**body, "stream": True})
        until_status(client, other, "expired")
        provider.release("beyond the expiry")
        until_status(client, path, "completed")


@pytest.mark.parametrize("streams", [0, 5])
def test_it_stops_within_two_seconds_with_streams_open(streams: int) -> None:
    with served(lambda *_: [*say("a")[:3], Hold("for ever")]) as (client, provider, server):
        responses = []
        for _ in range(streams):
            path, body = prepare(client)
            request = client.build_request("POST", path, json={**body, "stream": True})
            responses.append(client.send(request, stream=True))
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 2
        for response in responses:
            # Broken off, so that no client takes what it has for the whole.
            with pytest.raises(httpx2.RemoteProtocolError):
                response.read()
        assert provider.closed
        with pytest.raises(httpx2.ConnectError):
            client.get("/models")


def test_it_stops_within_two_seconds_when_a_client_does_not_read() -> None:
    flood = [*say(*["x" * 100_000] * 200)[:-2], Hold("for ever")]
    with served(lambda *_: flood) as (client, _, server):
        path, body = prepare(client)
        request = client.build_request("POST", path, json={**body, "stream": True})
        response = client.send(request, stream=True)
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 2
        response.close()


async def test_a_response_ends_when_its_client_leaves() -> None:
    provider = ScriptedProvider(lambda *_: [*say("a")[:3], Hold("for ever")])
    app = create_app(provider=provider, store=MemoryAssistantStore(), api_key=None, models=["m"])
    server = EmbeddedServer(app)
    open_responses = app.state.runs._streams._open  # nothing else shows a response left behind
    with httpx2.Client(base_url=server.start(), timeout=20) as client:
        path, body = prepare(client)
        with client.stream("POST", path, json={**body, "stream": True}) as response:
            chunks = response.iter_bytes()
            next(chunks)
            assert len(open_responses) == 1
        await until(lambda: not open_responses)
        assert client.get(path).json()["data"][0]["status"] == "in_progress"
    await asyncio.to_thread(server.stop)


def test_stopping_is_harmless_before_the_start_and_twice() -> None:
    app = create_app(
        provider=ScriptedProvider(waiting), store=MemoryAssistantStore(), api_key="k", models=[]
    )
    server = EmbeddedServer(app)
    before = set(threading.enumerate())
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert set(threading.enumerate()) == before


def test_a_server_that_cannot_start_says_so() -> None:
    class Broken(MemoryAssistantStore):
        def page(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no disk")

    app = create_app(provider=ScriptedProvider(waiting), store=Broken(), api_key="k", models=[])
    with pytest.raises(TickertapeError, match="did not start"):
        EmbeddedServer(app).start()


def test_runs_that_a_stop_interrupted_are_failed_by_the_next_start() -> None:
    def script(request: RunRequest, given: TurnInput, turn: int) -> list[Step]:
        text = request.history[-1].text
        return waiting() if text == "call" else [*say("half")[:3], Hold("for ever")]

    store = MemoryAssistantStore()
    paths: list[str] = []
    with served(script, store=store) as (client, _, _):
        for text, status in (("call", "requires_action"), ("say", "in_progress")):
            path, body = prepare(client)
            extra = [{"role": "user", "content": text}]
            client.post(path, json={**body, "additional_messages": extra})
            until_status(client, path, status)
            paths.append(path)
        messages = paths[1].replace("runs", "messages")
        while client.get(messages).json()["data"][0]["role"] != "assistant":
            pass
    with served(lambda *_: [*say("fine"), end()], store=store) as (client, _, _):
        for path in paths:
            run = client.get(path).json()["data"][0]
            assert run["status"] == "failed"
            assert run["last_error"]["code"] == "server_error"
            assert "stopped" in run["last_error"]["message"]
            assert run["required_action"] is None
            steps = client.get(f"{path}/{run['id']}/steps").json()["data"]
            assert [step["status"] for step in steps] == ["failed"]
        answer = client.get(messages).json()["data"][0]
        assert answer["status"] == "incomplete"
        assert answer["incomplete_details"] == {"reason": "run_failed"}
        body = {"assistant_id": client.get("/assistants").json()["data"][0]["id"], "stream": True}
        events = decode_events(client.post(paths[0], json=body).content)
        assert events[-2][0] == "thread.run.completed"


async def test_fifty_runs_at_once(peer: Peer, async_client: openai.AsyncOpenAI) -> None:
    def script(request: RunRequest, given: TurnInput, turn: int) -> list[Step]:
        name = request.history[0].text
        if turn == 1:
            return [Hold("all are here"), *call((f"c{name}", "f", "{}"))]
        return [*say(f"{name} got {outputs_of(given)[f'c{name}']}"), end()]

    assistant = peer.assistant(script)
    runs = async_client.beta.threads.runs

    async def one(number: int) -> str:
        thread: Any = {"messages": [{"role": "user", "content": str(number)}]}
        stream = await async_client.beta.threads.create_and_run(
            assistant_id=assistant, thread=thread, stream=True
        )
        run: Any = None
        async for event in stream:
            if event.event == "thread.run.created" and number == 49:
                peer.provider.release("all are here")
            if event.event == "thread.run.requires_action":
                run = event.data
        outputs: Any = [{"tool_call_id": f"c{number}", "output": f"o{number}"}]
        again = await runs.submit_tool_outputs(
            run.id, thread_id=run.thread_id, tool_outputs=outputs, stream=True
        )
        return "".join(
            [
                str(event.data.delta.content)
                async for event in again
                if event.event == "thread.message.delta"
            ]
        )

    answers = await asyncio.gather(*(one(number) for number in range(50)))
    for number, answer in enumerate(answers):
        assert f"'{number} got o{number}'" in answer


def test_deleting_a_thread_ends_its_run_and_leaves_nothing() -> None:
    store = MemoryAssistantStore()
    with served(lambda *_: [*say("a")[:3], Hold("for ever")], store=store) as (client, _, _):
        path, body = prepare(client)
        with client.stream("POST", path, json={**body, "stream": True}) as got:
            texts = got.iter_text()
            seen = ""
            while "thread.message.delta" not in seen:
                seen += next(texts)
            assert client.delete(path.removesuffix("/runs")).json()["deleted"]
            seen += "".join(texts)
        assert "thread.run.cancelled" in seen
        for name, data in decode_events(seen.encode())[:-1]:
            kind: Any = name.split(".")[-2]
            assert store.get(kind, data["id"]) is None
        assert client.get(path).status_code == 404


def test_the_key_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> list[Step]:
        raise RuntimeError("a bug")

    caplog.set_level(logging.DEBUG)
    with served(broken) as (client, _, _):
        path, body = prepare(client)
        text = client.post(path, json={**body, "stream": True}).text
        text += client.get("/models", headers={"authorization": f"Bearer {KEY}x"}).text
        text += client.get("/nothing").text
    assert "a bug" in caplog.text
    assert KEY not in caplog.text + text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_only_loopback_may_go_without_a_key(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    require_key(host, key_set=True)
    if loopback:
        require_key(host, key_set=False)
    else:
        with pytest.raises(ConfigError, match="anyone on the network"):
            require_key(host, key_set=False)


def test_without_a_key_only_loopback_names_are_answered() -> None:
    app = create_app(
        provider=ScriptedProvider(waiting), store=MemoryAssistantStore(), api_key=None, models=["m"]
    )
    server = EmbeddedServer(app)
    url = server.start()
    port = url.split(":")[2].split("/")[0]
    try:
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
            assert httpx2.get(f"{url}/models", headers={"host": host}).status_code == 200
        for host in (f"evil.example.org:{port}", "evil.example.org", f"127.0.0.1.evil.org:{port}"):
            response = httpx2.get(f"{url}/models", headers={"host": host})
            assert response.status_code == 403
    finally:
        server.stop()


def app_without_key() -> Any:
    return create_app(
        provider=ScriptedProvider(waiting), store=MemoryAssistantStore(), api_key=None, models=["m"]
    )


def test_serve_refuses_the_network_without_a_key_and_a_taken_port() -> None:
    heard: list[str] = []
    with pytest.raises(ConfigError, match="anyone"):
        run_server(app_without_key(), "0.0.0.0", 0, heard.append)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Cannot listen on .* port {port}"):
            run_server(app_without_key(), "127.0.0.1", port, heard.append)
    with pytest.raises(ConfigError, match=r"Cannot listen on .* port 99999"):
        run_server(app_without_key(), "127.0.0.1", 99_999, heard.append)
    assert heard == []


_SERVE = """
import sys
from tests.server.scripted import Hold, ScriptedProvider, say
from tui.server.app import create_app
from tui.server.memory import MemoryAssistantStore
from tui.server.serve import run_server

provider = ScriptedProvider(lambda *_: [*say("a")[:3], Hold("for ever")])
app = create_app(provider=provider, store=MemoryAssistantStore(), api_key=None, models=["m"])
run_server(app, sys.argv[1], 0, lambda url: print(url, flush=True))
print("stopped", provider.closed, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_serve_cleanly_with_a_stream_open(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _SERVE, "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            assert url.endswith("/v1")
            with httpx2.Client(base_url=url, timeout=20) as client:
                path, body = prepare(client)
                request = client.build_request("POST", path, json={**body, "stream": True})
                response = client.send(request, stream=True)
                begun = time.monotonic()
                process.send_signal(number)
                out, err = process.communicate(timeout=10)
                assert time.monotonic() - begun < 2
                response.close()
            assert (out, err, process.returncode) == ("stopped True\n", "", 0)
        finally:
            process.kill()


def test_nothing_heavy_is_imported_with_the_light_parts() -> None:
    code = (
        "import sys, tui.server, tui.server.memory, tui.server.settings\n"
        "print({'starlette', 'uvicorn', 'openai', 'pydantic', 'httpx2'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
