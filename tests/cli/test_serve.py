"""``serve`` as a program: the official SDK against it, keys, a second one, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.cli.conftest import Tickertape

# The SDK marks this API so; that is why there is a server of ours.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:(The Assistants API is )?deprecated:DeprecationWarning"
)

_KEY = "a-key-for-the-test"
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@contextmanager
def _serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], openai.OpenAI]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TICKERTAPE_API_KEY": _KEY},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        base_url = process.stdout.readline().strip()
        with openai.OpenAI(base_url=base_url, api_key=_KEY, max_retries=0) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(autouse=True)
def _fast_sandbox() -> None:
    config = Path(os.environ["TICKERTAPE_HOME"]) / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[sandbox]\nrate = 0\n", encoding="utf-8")


class _Handler(openai.AssistantEventHandler):
    """What a program written for the hosted service does with parallel calls."""

    def __init__(self, client: openai.OpenAI, log: dict[str, list[Any]]) -> None:
        super().__init__()
        self.client, self.log = client, log

    def on_tool_call_created(self, tool_call: Any) -> None:
        self.log["created"].append(tool_call.function.name)

    def on_tool_call_delta(self, delta: Any, snapshot: Any) -> None:
        self.log["deltas"].append(delta.function.arguments)

    def on_tool_call_done(self, tool_call: Any) -> None:
        self.log["done"].append(json.loads(tool_call.function.arguments))

    def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self.log["text"].append(delta.value)

    def on_end(self) -> None:
        run = self.current_run
        assert run is not None
        if run.status != "requires_action":
            return
        assert run.required_action is not None
        calls = run.required_action.submit_tool_outputs.tool_calls
        with self.client.beta.threads.runs.submit_tool_outputs_stream(
            thread_id=run.thread_id,
            run_id=run.id,
            tool_outputs=[{"tool_call_id": call.id, "output": "sunny, 21 °C"} for call in calls],
            event_handler=_Handler(self.client, self.log),
        ) as stream:
            stream.until_done()


def test_an_event_handler_of_the_official_sdk_sees_parallel_calls_whole() -> None:
    log: dict[str, list[Any]] = {"created": [], "deltas": [], "done": [], "text": []}
    with _serving("--memory") as (_, client):
        tools: Any = [_WEATHER]
        assistant = client.beta.assistants.create(model="sandbox", tools=tools)
        thread = client.beta.threads.create()
        client.beta.threads.messages.create(
            thread.id, role="user", content="What is the weather in Oslo and in Bergen?"
        )
        with client.beta.threads.runs.stream(
            thread_id=thread.id,
            assistant_id=assistant.id,
            event_handler=_Handler(client, log),
        ) as stream:
            stream.until_done()
    assert log["created"] == ["get_weather", "get_weather"]
    assert log["done"] == [{"city": "Oslo"}, {"city": "Bergen"}]
    assert len(log["deltas"]) > 2
    assert "sunny, 21 °C" in "".join(log["text"])


def test_it_keeps_its_state_over_a_restart_and_wants_its_key() -> None:
    with _serving() as (_, client):
        thread = client.beta.threads.create(metadata={"kept": "yes"})
        wrong = client.with_options(api_key="wrong")
        with pytest.raises(openai.AuthenticationError):
            wrong.beta.threads.retrieve(thread.id)
    with _serving() as (_, client):
        assert client.beta.threads.retrieve(thread.id).metadata == {"kept": "yes"}


def test_a_second_server_on_the_same_state_says_so(tickertape: Tickertape) -> None:
    with _serving():
        second = tickertape("serve", "--port", "0")
        assert second.returncode == 1
        assert second.stdout == ""
        assert "serve" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_signal_stops_it_and_breaks_open_streams_off() -> None:
    scenario = "```sandbox\nrate = 30\n[[step]]\nsay = { tokens = 5000 }\n```"
    with _serving("--memory") as (process, client):
        assistant = client.beta.assistants.create(model="sandbox")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": scenario}])
        stream = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id, stream=True)
        next(event for event in stream if event.event == "thread.message.delta")
        process.send_signal(signal.SIGINT)
        with pytest.raises(openai.APIConnectionError):
            list(stream)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
