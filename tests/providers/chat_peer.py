"""A scripted Chat Completions server on loopback: real HTTP, a model that reads a script."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.providers.assistants_peer import (
    USAGE,
    Break,
    Calls,
    End,
    Intercept,
    Item,
    Json,
    Pause,
    Raw,
    Say,
)
from tests.providers.http_peer import HttpPeer, Reply, Request


def frame(data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    """A chunk with one choice."""
    return frame({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


DONE = frame("[DONE]")


class ChatPeer:
    """``script`` holds the model's items; each stream takes them up to where it ends.

    ``intercept`` may answer in its place, ``models`` is what the server lists.
    """

    def __init__(self) -> None:
        self.script: list[Item] = []
        self.models = ["first-model"]
        self.intercept: Intercept | None = None
        self.http = HttpPeer(self._handle)
        self._numbers = itertools.count(1)

    @property
    def bodies(self) -> list[Json]:
        """What was asked of the model, in order."""
        return [request.body for request in self.http.requests if request.method == "POST"]

    async def _handle(self, request: Request) -> Reply:
        if self.intercept is not None and (reply := await self.intercept(request)):
            return reply
        if request.line == "GET /v1/models":
            return Reply.json({"data": [{"id": model} for model in self.models]})
        if request.line != "POST /v1/chat/completions":
            return Reply.error(404, "no such address")
        if unanswered := _unanswered(request.body["messages"]):
            return Reply.error(400, f"no tool message for {unanswered}")
        reply = Reply(headers={"content-type": "text/event-stream", "x-request-id": "req_1"})
        reply.stream = self._play(reply)
        return reply

    async def _play(self, reply: Reply) -> AsyncIterator[bytes]:
        yield chunk(role="assistant", content="")
        while self.script:
            item = self.script.pop(0)
            if isinstance(item, Pause):
                await item.event.wait()
            elif isinstance(item, Break):
                reply.ending = item.ending
                return
            elif isinstance(item, Raw):
                yield item.data
            else:
                for data in self._item(item):
                    yield data
                if isinstance(item, End | Calls):
                    break
        yield DONE

    def _item(self, item: Say | Calls | End) -> Iterator[bytes]:
        if isinstance(item, Say):
            yield from (chunk(content=piece) for piece in item.pieces)
        elif isinstance(item, Calls):
            yield from self._call(item)
            yield from _end("tool_calls")
        elif item.status == "failed":
            yield frame({"error": item.fields["last_error"]})
        else:
            yield from _end({"completed": "stop", "incomplete": "length"}[item.status])

    def _call(self, item: Calls) -> Iterator[bytes]:
        for at, (name, _) in enumerate(item.calls):
            function = {"name": name, "arguments": ""}
            call_id = f"call_{next(self._numbers)}"
            call = {"index": at, "id": call_id, "type": "function", "function": function}
            yield chunk(tool_calls=[call])
        for pieces in itertools.zip_longest(*(pieces for _, pieces in item.calls)):
            for at, piece in enumerate(pieces):
                if piece is not None:
                    yield chunk(tool_calls=[{"index": at, "function": {"arguments": piece}}])


def _end(reason: str) -> Iterator[bytes]:
    yield chunk(reason)
    yield frame({"choices": [], "usage": USAGE})


def _unanswered(messages: list[Json]) -> set[str]:
    """The calls whose outputs do not follow at once, which the hosted API refuses."""
    missing: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            missing.remove(message["tool_call_id"])
        elif missing:
            return missing
        missing |= {call["id"] for call in message.get("tool_calls", [])}
    return missing
