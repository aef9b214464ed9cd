"""What an event costs from bytes to our events, against the SDK's typed stream on the same bytes.

Run with ``pytest -m slow -s tests/bench/test_decode.py``; it prints processor time an event and
their ratio. It fails only when ours costs more than half, the best of several rounds each, so that
a busy machine does not decide.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from tui.core.events import ArgumentsDelta, TextDelta
from tui.core.settings import Profile
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.chat.decode import ChatDecoder
from tui.providers.responses.decode import ResponsesDecoder
from tui.providers.stream import Decoder, StreamReader
from tui.providers.transport import OpenedResponse, Transport

EVENTS, ROUNDS = 1000, 5
WORDS = [f"word{number} " for number in range(EVENTS)]
PIECES = [f'"k{number}": {number}, ' for number in range(EVENTS)]


def frame(data: Any, name: str = "") -> bytes:
    return f"{f'event: {name}{chr(10)}' if name else ''}data: {json.dumps(data)}\n\n".encode()


# --- the same answer in each protocol, as the hosted servers spell it -----------------------------


def chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return frame(
        {
            "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
            "object": "chat.completion.chunk",
            "created": 1741569952,
            "model": "gpt-5.5-2026-08-07",
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            "obfuscation": "x7FqLw2",
        }
    )


def chat_stream() -> list[bytes]:
    def call(**function: Any) -> dict[str, Any]:
        return {"tool_calls": [{"index": 0, **function}]}

    begin = call(id="call_1", type="function", function={"name": "f", "arguments": ""})
    return [
        chat({"role": "assistant", "content": "", "refusal": None}),
        *(chat({"content": word}) for word in WORDS),
        chat(begin),
        *(chat(call(function={"arguments": piece})) for piece in PIECES),
        chat({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]


def responses_stream() -> list[bytes]:
    number = iter(range(10 * EVENTS))

    def event(name: str, **data: Any) -> bytes:
        return frame({"type": name, "sequence_number": next(number), **data}, name)

    item = {"id": "fc_67ccd2bf17f0819081ff3bb2cf6508e6", "type": "function_call", "name": "f"}
    message = {"id": "msg_67ccd2bf17f0819081ff3bb2cf6508e6", "type": "message", "content": []}
    words = {"item_id": message["id"], "output_index": 0, "content_index": 0, "logprobs": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    added, text = "response.output_item.added", "response.output_text.delta"
    arguments = "response.function_call_arguments.delta"
    call = {**item, "call_id": "call_1", "arguments": "", "status": "in_progress"}
    return [
        event("response.created", response={"id": "resp_1", "status": "in_progress", "output": []}),
        event(added, output_index=0, item={**message, "role": "assistant"}),
        event("response.content_part.added", **words, part=part),
        *(event(text, **words, delta=word, obfuscation="x7FqLw2") for word in WORDS),
        event(added, output_index=1, item=call),
        *(
            event(arguments, item_id=item["id"], output_index=1, delta=p, obfuscation="x7Fq")
            for p in PIECES
        ),
        event("response.completed", response={"id": "resp_1", "status": "completed", "output": []}),
    ]


def assistants_stream() -> list[bytes]:
    message, step = {"id": "msg_1"}, {"id": "step_1"}

    def words(word: str) -> bytes:
        text = {"value": word, "annotations": []}
        delta = {"content": [{"index": 0, "type": "text", "text": text}]}
        data = {**message, "object": "thread.message.delta", "delta": delta}
        return frame(data, "thread.message.delta")

    def piece(text: str, **more: Any) -> bytes:
        call = {"index": 0, "type": "function", "function": {"arguments": text, **more}}
        if more:
            call["id"] = "call_1"
        details = {"type": "tool_calls", "tool_calls": [call]}
        data = {**step, "object": "thread.run.step.delta", "delta": {"step_details": details}}
        return frame(data, "thread.run.step.delta")

    return [
        frame({**message, "object": "thread.message", "content": []}, "thread.message.created"),
        *map(words, WORDS),
        piece("", name="f"),
        *map(piece, PIECES),
        frame("[DONE]", "done"),
    ]


# --- both ways to read it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Protocol:
    name: str
    chunks: Sequence[bytes]
    decoder: Callable[[], Decoder]
    raw: Callable[[openai.AsyncOpenAI], Any]
    typed: Callable[[openai.AsyncOpenAI], Awaitable[Any]]


def _runs(client: openai.AsyncOpenAI) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return client.beta.threads.runs


ASKED: dict[str, Any] = {"model": "m", "messages": [], "stream": True}
INPUT: dict[str, Any] = {"model": "m", "input": "x", "stream": True}
RUN: dict[str, Any] = {"thread_id": "t", "assistant_id": "a", "stream": True}
PROTOCOLS = [
    Protocol(
        "chat",
        chat_stream(),
        lambda: ChatDecoder("run"),
        lambda client: client.chat.completions.with_streaming_response.create(**ASKED),
        lambda client: client.chat.completions.create(**ASKED),
    ),
    Protocol(
        "responses",
        responses_stream(),
        lambda: ResponsesDecoder("run"),
        lambda client: client.responses.with_streaming_response.create(**INPUT),
        lambda client: client.responses.create(**INPUT),
    ),
    Protocol(
        "assistants",
        assistants_stream(),
        AssistantsDecoder,
        lambda client: _runs(client).with_streaming_response.create(**RUN),
        lambda client: _runs(client).create(**RUN),
    ),
]


class Chunks(httpx2.AsyncByteStream):
    """Every event in a piece of its own, as a slow model's network brings them."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def client_for(protocol: Protocol) -> openai.AsyncOpenAI:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Chunks(protocol.chunks))

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return openai.AsyncOpenAI(api_key="sk-bench", base_url="http://h/v1", http_client=http_client)


async def ours(protocol: Protocol, client: openai.AsyncOpenAI) -> int:
    """Everything from bytes to our events, raw events and their redaction included."""
    transport = Transport(Profile(name="p", base_url="http://h/v1"), "sk-bench-0123456789abcdef")
    manager = protocol.raw(client)
    opened = OpenedResponse(await manager.__aenter__(), manager)
    reader = StreamReader(transport, protocol.decoder())
    return len([s async for s in reader.read(opened) if isinstance(s, TextDelta | ArgumentsDelta)])


async def typed(protocol: Protocol, client: openai.AsyncOpenAI) -> int:
    return len([event async for event in await protocol.typed(client)])


async def best(
    read: Callable[[Protocol, openai.AsyncOpenAI], Awaitable[int]], protocol: Protocol
) -> float:
    """Microseconds of processor time an event, in the best round."""
    async with client_for(protocol) as client:
        assert await read(protocol, client) >= 2 * EVENTS  # also builds types, outside the clock
        costs = []
        for _ in range(ROUNDS):
            begin = time.process_time()
            await read(protocol, client)
            costs.append(time.process_time() - begin)
    return min(costs) / len(protocol.chunks) * 1e6


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_bytes_to_events_cost_at_most_half(protocol: Protocol) -> None:
    mine, theirs = await best(ours, protocol), await best(typed, protocol)
    print(
        f"\n{protocol.name}: ours {mine:.0f} us an event, the SDK's typed stream {theirs:.0f} us, "
        f"ratio {mine / theirs:.2f}"
    )
    assert mine <= theirs / 2
