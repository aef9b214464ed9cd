"""Chat and Responses against ``llmock``, a mock of hosted services that others wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.providers.conversation import Conversation
from tui.core.errors import ProviderError
from tui.core.events import ArgumentsDelta, TextDelta
from tui.core.models import Outcome, ToolSpec
from tui.core.ports import NewMessages
from tui.core.settings import Profile, WireProtocol
from tui.providers.registry import create

TEXT = "The quick brown fox jumps over the lazy dog."
ARGUMENTS = {"city": "Łódź", "units": "metric", "days": [1, 2, 3]}
WEATHER = ToolSpec(
    name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)
# In a process of its own, on a free port, until its input ends.
SERVE = """
import sys
from llmock.testing import LLMockServer
with LLMockServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""

Script = Callable[..., None]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", SERVE], stderr=subprocess.DEVNULL, **pipes)
    try:
        assert process.stdout is not None
        found = process.stdout.readline().strip()
        assert found.startswith("http://127.0.0.1:"), "llmock did not start"
        yield found
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def script(url: str) -> Script:
    """Tell the server what to do with the next requests."""

    def post(path: str, body: Any) -> None:
        request = urllib.request.Request(f"{url}/_llmock/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10):
            pass

    post("reset", {})
    return lambda *behaviours: post("scenario", {"behaviors": list(behaviours)})


@pytest.fixture(params=["chat", "responses"])
async def talk(
    request: pytest.FixtureRequest, url: str, script: Script
) -> AsyncIterator[Conversation]:
    protocol: WireProtocol = request.param
    profile = Profile(
        name="llmock", protocol=protocol, base_url=f"{url}/v1", model="gpt-4o", read_timeout=1.0
    )
    provider = create(profile, api_key="sk-llmock")
    yield Conversation(provider, tools=[WEATHER])
    await provider.close()


def says(text: str) -> dict[str, Any]:
    return {"type": "reply", "text": text}


def calls(*arguments: dict[str, Any]) -> dict[str, Any]:
    tool_calls = [{"name": "weather", "arguments": each} for each in arguments]
    return {"type": "reply", "tool_calls": tool_calls}


def breaks(kind: str, after_chunks: int, **more: Any) -> dict[str, Any]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after_chunks, **more}


def fails(status: int, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, **more}


async def test_text_comes_in_pieces(talk: Conversation, script: Script) -> None:
    script(says(TEXT))
    end = await talk.answer("hello")
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == TEXT
    assert sum(isinstance(signal, TextDelta) for signal in talk.signals) > 3
    usage = talk.run.usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


async def test_arguments_come_in_pieces_and_the_outputs_go_back(
    talk: Conversation, script: Script
) -> None:
    script(calls(ARGUMENTS, {"city": "Oslo"}), says(TEXT))
    async with talk.provider.open(talk.say("the weather?")) as session:
        end = await talk.turn(session, NewMessages())
        assert [json.loads(need.arguments) for need in end.needs] == [ARGUMENTS, {"city": "Oslo"}]
        assert sum(isinstance(signal, ArgumentsDelta) for signal in talk.signals) > 4
        end = await talk.turn(session, talk.results(end))
    assert end.outcome is Outcome.COMPLETED
    assert talk.text == TEXT


async def test_it_calls_the_tool_that_fits_and_ends_once_it_has_the_output(
    talk: Conversation,
) -> None:
    """Nothing is scripted: its own rules decide from the request, so it has to understand it."""
    end = await talk.answer("What is the weather?")
    assert end.outcome is Outcome.COMPLETED
    (call,) = talk.transcript.calls_of(talk.run_id)
    assert (call.name, str(call.output)) == ("weather", "output of weather")
    assert talk.text


async def test_arguments_that_are_no_json_are_passed_on_as_they_are(
    talk: Conversation, script: Script
) -> None:
    script({"type": "tool_fault", "kind": "malformed_arguments"}, says(TEXT))
    end = await talk.answer("the weather?")
    assert end.outcome is Outcome.COMPLETED
    (call,) = talk.transcript.calls_of(talk.run_id)
    with pytest.raises(ValueError, match="char"):
        json.loads(str(call.arguments))


@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        (breaks("disconnect", 6), Outcome.DISCONNECTED, "connection_lost"),
        (breaks("truncate", 6), Outcome.TRUNCATED, "truncated"),
        (breaks("stall", 6, stall_seconds=30), Outcome.DISCONNECTED, "read_timeout"),
    ],
)
async def test_a_broken_stream_keeps_what_arrived(
    talk: Conversation, script: Script, fault: dict[str, Any], outcome: Outcome, code: str
) -> None:
    script(says(TEXT), fault)
    end = await talk.answer("hello")
    assert end.outcome is outcome
    assert end.error is not None
    assert end.error.code == code
    assert talk.text
    assert TEXT.startswith(talk.text)
    assert talk.text != TEXT


async def test_a_call_that_was_cut_off_is_not_made(talk: Conversation, script: Script) -> None:
    script(calls(ARGUMENTS), breaks("disconnect", 5))
    end = await talk.answer("the weather?")
    assert (end.outcome, end.needs) == (Outcome.DISCONNECTED, ())
    (call,) = talk.transcript.calls_of(talk.run_id)
    assert json.dumps(ARGUMENTS).startswith(str(call.arguments))


async def test_a_malformed_event_is_passed_over(talk: Conversation, script: Script) -> None:
    script(says(TEXT), breaks("malformed", 6))
    end = await talk.answer("hello")
    assert end.outcome is Outcome.COMPLETED
    assert talk.text.startswith("The ")
    assert talk.text.endswith(" dog.")
    # Responses say the whole text once more; in chat the piece is lost, and that is told.
    assert talk.text == TEXT or talk.run.notices


@pytest.mark.parametrize(
    ("fault", "code", "retryable"),
    [
        (fails(401), "unauthorized", False),
        (fails(429, retry_after=7), "rate_limit_exceeded", True),
        (fails(503, retry_after=2), "server_error", True),
        (fails(400, code="context_length_exceeded"), "context_length_exceeded", False),
    ],
)
async def test_refusals(
    talk: Conversation, script: Script, fault: dict[str, Any], code: str, retryable: bool
) -> None:
    script(fault)
    with pytest.raises(ProviderError) as caught:
        await talk.answer("hello")
    assert caught.value.code == code
    assert caught.value.retryable is retryable
    assert caught.value.retry_after == fault.get("retry_after")
    assert caught.value.hint


async def test_it_finds_no_fault_with_how_it_is_asked(talk: Conversation, url: str) -> None:
    """llmock judges its clients: no hidden repetition, no truncated stream taken for a whole."""
    await talk.answer("What is the weather?")
    with urllib.request.urlopen(f"{url}/_llmock/verdict", timeout=10) as response:
        verdict = json.load(response)
    assert verdict["findings"] == []
