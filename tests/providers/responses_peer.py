"""A scripted Responses server on loopback: real HTTP, real state, a model that reads a script."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.providers.assistants_peer import (
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

USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 12,
}
ANSWERS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "mcp_approval_request": "mcp_approval_response",
}


def frame(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def whole(item: Json, at: int = 0) -> bytes:
    """An item that appears all at once."""
    return frame("response.output_item.done", output_index=at, item=item)


class ResponsesPeer:
    """``script`` holds the model's items; each stream takes them up to where it ends.

    ``intercept`` may answer in its place. A response is in ``responses`` if it was to be stored;
    a broken stream goes on without anyone listening.
    """

    def __init__(self) -> None:
        self.script: list[Item] = []
        self.responses: dict[str, Json] = {}
        self.intercept: Intercept | None = None
        self.http = HttpPeer(self._handle)
        self._numbers = itertools.count(1)

    def id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    @property
    def bodies(self) -> list[Json]:
        """What was asked of the model, in order."""
        return [each.body for each in self.http.requests if each.line == "POST /v1/responses"]

    # --- HTTP -------------------------------------------------------------------------------

    async def _handle(self, request: Request) -> Reply:
        if self.intercept is not None and (reply := await self.intercept(request)):
            return reply
        if request.line == "GET /v1/models":
            return Reply.json({"data": [{"id": "first-model"}]})
        if request.line == "POST /v1/responses":
            return self._create(request.body)
        _, _, response_id, *verb = request.path.strip("/").split("/")
        response = self.responses.get(response_id)
        if response is None:
            return Reply.error(404, f"Response with id '{response_id}' not found.")
        if verb == ["cancel"]:
            response["status"] = "cancelled"
        return Reply.json(response)

    def _create(self, body: Json) -> Reply:
        previous = body.get("previous_response_id")
        if previous is not None and previous not in self.responses:
            message = f"Previous response with id '{previous}' not found."
            return Reply.error(400, message, "previous_response_not_found")
        before = self.responses[previous]["output"] if previous else []
        if missing := _unanswered([*before, *body["input"]]):
            return Reply.error(400, f"No tool output found for {missing}.")
        response = {
            "id": self.id("resp"),
            "status": "in_progress",
            "output": [],
            "background": body.get("background", False),
        }
        if body.get("store", True):
            self.responses[response["id"]] = response
        return self.stream(response)

    def stream(self, response: Json) -> Reply:
        reply = Reply(headers={"content-type": "text/event-stream", "x-request-id": "req_1"})
        reply.stream = self._play(response, reply)
        return reply

    # --- the model --------------------------------------------------------------------------

    async def _play(self, response: Json, reply: Reply) -> AsyncIterator[bytes]:
        yield frame("response.created", response=response)
        yield frame("response.in_progress", response=response)
        heard = True
        while self.script:
            item = self.script.pop(0)
            if isinstance(item, Pause):
                await item.event.wait()
            elif isinstance(item, Break):
                heard, reply.ending = False, item.ending
            elif isinstance(item, Raw):
                yield item.data
            else:
                for data in self._item(response, item):
                    if heard:
                        yield data
                if isinstance(item, End | Calls):
                    break

    def _item(self, response: Json, item: Say | Calls | End) -> Iterator[bytes]:
        if isinstance(item, Say):
            yield from self._say(response["output"], item)
            return
        if isinstance(item, Calls):
            yield from self._call(response["output"], item)
            item = End()
        fields = dict(item.fields)
        if "last_error" in fields:
            fields["error"] = fields.pop("last_error")
        if response["status"] != "cancelled":
            response |= {"status": item.status, "usage": USAGE, **fields}
            yield frame(f"response.{item.status}", response=response)

    def _say(self, output: list[Json], item: Say) -> Iterator[bytes]:
        at = len(output)
        message: Json = {"id": self.id("msg"), "type": "message", "role": "assistant"}
        where = {"item_id": message["id"], "output_index": at, "content_index": 0}
        yield frame("response.output_item.added", output_index=at, item={**message, "content": []})
        part: Json = {"type": "output_text", "text": "", "annotations": []}
        yield frame("response.content_part.added", **where, part=part)
        for piece in item.pieces:
            yield frame("response.output_text.delta", **where, delta=piece)
        text = "".join(item.pieces)
        message |= {"status": "completed", "content": [{**part, "text": text}]}
        output.append(message)
        yield frame("response.output_text.done", **where, text=text)
        yield whole(message, at)

    def _call(self, output: list[Json], item: Calls) -> Iterator[bytes]:
        calls: list[Json] = [
            {"type": "function_call", "id": self.id("fc"), "call_id": self.id("call"), "name": name}
            for name, _ in item.calls
        ]
        first = len(output)
        for at, call in enumerate(calls, first):
            added = {**call, "arguments": "", "status": "in_progress"}
            yield frame("response.output_item.added", output_index=at, item=added)
        for pieces in itertools.zip_longest(*(pieces for _, pieces in item.calls)):
            for at, piece in enumerate(pieces):
                if piece is not None:
                    yield frame(
                        "response.function_call_arguments.delta",
                        item_id=calls[at]["id"],
                        output_index=first + at,
                        delta=piece,
                    )
        for at, (call, (_, pieces)) in enumerate(zip(calls, item.calls, strict=True), first):
            call |= {"arguments": "".join(pieces), "status": "completed"}
            output.append(call)
            yield whole(call, at)


def _unanswered(items: list[Json]) -> set[str]:
    """The calls without an answer, which the hosted API refuses."""
    asked = {_id(item) for item in items if item.get("type") in ANSWERS}
    answered = {
        item.get("call_id") or item["approval_request_id"]
        for item in items
        if item.get("type") in ANSWERS.values()
    }
    return asked - answered


def _id(item: Json) -> str:
    return str(item.get("call_id") or item["id"])
