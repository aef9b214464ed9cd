"""The sandbox behind the server: what a newcomer's first exchange looks like on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.server.conftest import decode_events
from tui.core.settings import SandboxSettings
from tui.sandbox.provider import SandboxProvider
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore

TOOL = {
    "type": "function",
    "function": {
        "name": "current_time",
        "description": "The current time in a time zone.",
        "parameters": {
            "type": "object",
            "properties": {"timezone": {"type": "string", "description": "An IANA time zone."}},
            "required": ["timezone"],
        },
    },
}


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    provider = SandboxProvider(SandboxSettings(rate=0))
    app = create_app(provider=provider, store=MemoryAssistantStore(), api_key=None, models=["s"])
    server = EmbeddedServer(app)
    with httpx2.Client(base_url=server.start(), timeout=20) as client:
        yield client
    server.stop()


def start(http: httpx2.Client, text: str, *tools: Any) -> tuple[str, str]:
    """The runs' path of a new thread with one message, and an assistant."""
    body = {"model": "sandbox", "tools": tools}
    assistant = http.post("/assistants", json=body).json()["id"]
    messages = [{"role": "user", "content": text}]
    thread = http.post("/threads", json={"messages": messages}).json()["id"]
    return f"/threads/{thread}/runs", assistant


def run(http: httpx2.Client, text: str, *tools: Any) -> tuple[str, list[tuple[str, Any]]]:
    path, assistant = start(http, text, *tools)
    response = http.post(path, json={"assistant_id": assistant, "stream": True})
    return path, decode_events(response.content)


def test_tools_are_called_in_parallel_and_their_outputs_used(http: httpx2.Client) -> None:
    path, events = run(http, "What is the current time in Tokyo and in Paris?", TOOL)
    name, waiting = events[-2]
    assert name == "thread.run.requires_action"
    calls = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
    zones = [json.loads(each["function"]["arguments"])["timezone"] for each in calls]
    assert zones == ["Asia/Tokyo", "Europe/Paris"]
    deltas = [data for name, data in events if name == "thread.run.step.delta"]
    assert len(deltas) > 4, "arguments come in fragments"
    outputs = [
        {"tool_call_id": each["id"], "output": f"it is 1{index}:37"}
        for index, each in enumerate(calls)
    ]
    body = {"tool_outputs": outputs, "stream": True}
    response = http.post(f"{path}/{waiting['id']}/submit_tool_outputs", json=body)
    events = decode_events(response.content)
    assert events[0][0] == "thread.run.step.completed"
    assert events[-2][0] == "thread.run.completed"
    assert events[-2][1]["usage"]["total_tokens"] > 0
    text = "".join(
        part["text"]["value"]
        for name, data in events
        if name == "thread.message.delta"
        for part in data["delta"]["content"]
    )
    assert "10:37" in text
    assert "11:37" in text


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("run_failed", "thread.run.failed"),
        ("rate_limit", "thread.run.failed"),
        ("error_event", "thread.run.failed"),
        ("unknown_event", "thread.run.completed"),
        ("refusal", "thread.run.completed"),
        ("length", "thread.run.incomplete"),
    ],
)
def test_scenarios_end_as_they_say(http: httpx2.Client, kind: str, ending: str) -> None:
    block = f'```sandbox\n[[step]]\nsay = "hello"\n\n[[step]]\nfail = "{kind}"\n```'
    _, events = run(http, block)
    assert [events[-2][0], events[-1][0]] == [ending, "done"]


def test_a_scenario_that_disconnects_breaks_the_stream_only(http: httpx2.Client) -> None:
    path, assistant = start(http, '```sandbox\n[[step]]\nfail = "disconnect"\n```')
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post(path, json={"assistant_id": assistant, "stream": True})
    while http.get(path).json()["data"][0]["status"] != "completed":
        pass
