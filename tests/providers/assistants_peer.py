"""A scripted Assistants server on loopback: real HTTP, real state, a model that reads a script."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.providers.http_peer import Ending, HttpPeer, Reply, Request

Json = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """A message, in these pieces."""

    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Calls:
    """Parallel calls (name, pieces of arguments), their pieces interleaved; then requires_action.

    The stream ends there and the next script item belongs to the stream after the submission.
    """

    calls: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class End:
    """The run ends with this status; ``fields`` are set on the run object."""

    status: str = "completed"
    fields: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Break:
    """The stream breaks here; what follows in the script happens without anyone listening."""

    ending: Ending


@dataclass(frozen=True)
class Raw:
    """These bytes, as they are."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """The model thinks until the test sets the event."""

    event: asyncio.Event


Item = Say | Calls | End | Break | Raw | Pause
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def frame(name: str, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\ndata: {text}\n\n".encode()


Intercept = Callable[[Request], Awaitable[Reply | None]]


class AssistantsPeer:
    """``script`` holds the model's items; each stream takes them up to where it ends.

    ``intercept`` may answer in its place.
    """

    def __init__(
        self, *, listen: socket.socket | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.script: list[Item] = []
        self.assistants: dict[str, Json] = {}
        self.rival = False  # whether another client makes an assistant just before ours
        self.threads: dict[str, list[Json]] = {}
        self.runs: dict[str, Json] = {}
        self.steps: dict[str, list[Json]] = {}
        self.outputs: list[list[Json]] = []
        self.refuse: dict[str, list[Reply]] = {}
        self.intercept: Intercept | None = None
        self.http = HttpPeer(self._handle, listen=listen, tls=tls)
        self._numbers = itertools.count(1)

    def id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    # --- HTTP ------------------------------------------------------------------------------

    async def _handle(self, request: Request) -> Reply:
        if self.intercept is not None and (reply := await self.intercept(request)):
            return reply
        if replies := self.refuse.get(request.line):
            return replies.pop(0)
        parts = request.path.removeprefix("/v1/").split("/")
        if parts[0] == "assistants":
            return self._assistants(request, parts)
        if parts[0] == "models":
            return Reply.json({"data": [{"id": "first-model"}]})
        if parts == ["threads"]:
            return Reply.json({"id": self._thread(request.body)})
        if parts == ["threads", "runs"]:
            thread_id = self._thread(request.body.get("thread", {}))
            return self._start(thread_id, request.body, new_thread=True)
        if parts[1] not in self.threads:
            return Reply.error(404, "No thread found")
        return self._in_thread(request, parts[1], parts[2:])

    def _assistants(self, request: Request, parts: list[str]) -> Reply:
        if request.method == "POST":
            if self.rival:
                self.assistants["asst_rival"] = {**request.body, "id": "asst_rival"}
            made = {"tools": [], **request.body, "id": self.id("asst")}
            self.assistants[made["id"]] = made
            return Reply.json(made)
        if len(parts) == 1:
            # One a page, so that every test pages.
            ids = list(self.assistants)
            at = ids.index(request.query["after"]) + 1 if "after" in request.query else 0
            page = [self.assistants[key] for key in ids[at : at + 1]]
            return Reply.json({"data": page, "has_more": at + 1 < len(ids)})
        found = self.assistants.get(parts[1])
        if request.method == "DELETE":
            del self.assistants[parts[1]]
        return Reply.json(found) if found else Reply.error(404, "No assistant found")

    def _in_thread(self, request: Request, thread_id: str, rest: list[str]) -> Reply:
        if rest == ["messages"]:
            return self._messages(request, thread_id)
        if rest == ["runs"] and request.method == "GET":
            mine = [run for run in self.runs.values() if run["thread_id"] == thread_id]
            return Reply.json({"data": mine[::-1], "has_more": False})
        if rest == ["runs"]:
            if request.body["assistant_id"] not in self.assistants:
                return Reply.error(404, "No assistant found")
            if self._active(thread_id):
                return Reply.error(400, f"Thread {thread_id} already has an active run.")
            return self._start(thread_id, request.body, new_thread=False)
        run = self.runs.get(rest[1])
        if run is None:
            return Reply.error(404, "No run found")
        if len(rest) == 2:
            return Reply.json(run)
        if rest[2] == "steps":
            return Reply.json({"data": self.steps[run["id"]], "has_more": False})
        if rest[2] == "cancel":
            return self._cancel(run)
        return self._submit(run, request.body)

    def _messages(self, request: Request, thread_id: str) -> Reply:
        messages = self.threads[thread_id]
        if request.method == "POST":
            if self._active(thread_id):
                return Reply.error(400, "Can't add messages while a run is active.")
            self._add_message(thread_id, request.body)
            return Reply.json(messages[-1])
        found = messages if request.query["order"] == "asc" else messages[::-1]
        if "run_id" in request.query:
            found = [m for m in found if m["run_id"] == request.query["run_id"]]
        limit = int(request.query["limit"])
        return Reply.json({"data": found[:limit], "has_more": len(found) > limit})

    def _cancel(self, run: Json) -> Reply:
        if run["status"] in ("completed", "failed", "cancelled", "incomplete", "expired"):
            return Reply.error(400, f"Cannot cancel run with status '{run['status']}'.")
        run["status"] = "cancelled"
        return Reply.json({**run, "status": "cancelling"})

    def _submit(self, run: Json, body: Json) -> Reply:
        if run["status"] != "requires_action":
            return Reply.error(400, "Runs in this status do not accept tool outputs.")
        self.outputs.append(body["tool_outputs"])
        given = {each["tool_call_id"]: each["output"] for each in body["tool_outputs"]}
        step = self.steps[run["id"]][-1]
        for call in step["step_details"]["tool_calls"]:
            call["function"]["output"] = given[call["id"]]
        step["status"] = "completed"
        run.update(status="queued", required_action=None)
        first = frame("thread.run.step.completed", step) + frame("thread.run.queued", run)
        return self._stream(run, first)

    # --- state -----------------------------------------------------------------------------

    def _thread(self, body: Json) -> str:
        thread_id = self.id("thread")
        self.threads[thread_id] = []
        for message in body.get("messages", []):
            self._add_message(thread_id, message)
        return thread_id

    def _add_message(self, thread_id: str, body: Json) -> None:
        content = [{"type": "text", "text": {"value": body["content"], "annotations": []}}]
        message = {"id": self.id("msg"), "run_id": None, "status": "completed", **body}
        self.threads[thread_id].append({**message, "content": content})

    def texts(self, thread_id: str) -> list[tuple[str, str]]:
        """The thread as (role, text)."""
        return [
            (m["role"], "".join(part["text"]["value"] for part in m["content"]))
            for m in self.threads[thread_id]
        ]

    def _active(self, thread_id: str) -> bool:
        over = ("completed", "failed", "cancelled", "incomplete", "expired")
        mine = [run for run in self.runs.values() if run["thread_id"] == thread_id]
        return any(run["status"] not in over for run in mine)

    # --- the model -------------------------------------------------------------------------

    def _start(self, thread_id: str, body: Json, *, new_thread: bool) -> Reply:
        run = {
            "id": self.id("run"),
            "thread_id": thread_id,
            "status": "queued",
            "metadata": body.get("metadata", {}),
        }
        self.runs[run["id"]] = run
        self.steps[run["id"]] = []
        first = frame("thread.created", {"id": thread_id}) if new_thread else b""
        return self._stream(run, first + frame("thread.run.created", run))

    def _stream(self, run: Json, first: bytes) -> Reply:
        reply = Reply(headers={"content-type": "text/event-stream", "x-request-id": "req_1"})
        reply.stream = self._play(run, first, reply)
        return reply

    async def _play(self, run: Json, first: bytes, reply: Reply) -> AsyncIterator[bytes]:
        yield first
        run["status"] = "in_progress"
        yield frame("thread.run.in_progress", run)
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
                for data in self._item(run, item):
                    if heard:
                        yield data
                if isinstance(item, End | Calls):
                    break
        if heard:
            yield frame("done", "[DONE]")

    def _item(self, run: Json, item: Say | Calls | End) -> Iterator[bytes]:
        if isinstance(item, Say):
            yield from self._say(run, item)
        elif isinstance(item, Calls):
            yield from self._call(run, item)
        elif run["status"] != "cancelled":
            run.update(status=item.status, usage=USAGE, **item.fields)
            yield frame(f"thread.run.{item.status}", run)

    def _say(self, run: Json, item: Say) -> Iterator[bytes]:
        message: Json = {
            "id": self.id("msg"),
            "role": "assistant",
            "run_id": run["id"],
            "status": "in_progress",
            "content": [],
            "metadata": {},
        }
        yield frame("thread.message.created", message)
        for piece in item.pieces:
            content = [{"index": 0, "type": "text", "text": {"value": piece}}]
            yield frame(
                "thread.message.delta", {"id": message["id"], "delta": {"content": content}}
            )
        value = {"value": "".join(item.pieces), "annotations": []}
        message.update(status="completed", content=[{"type": "text", "text": value}])
        self.threads[run["thread_id"]].append(message)
        yield frame("thread.message.completed", message)

    def _call(self, run: Json, item: Calls) -> Iterator[bytes]:
        step: Json = {
            "id": self.id("step"),
            "type": "tool_calls",
            "status": "in_progress",
            "step_details": {"type": "tool_calls", "tool_calls": []},
        }
        yield frame("thread.run.step.created", step)
        ids = [self.id("call") for _ in item.calls]
        for at, (name, _) in enumerate(item.calls):
            yield _delta(step, at, id=ids[at], function={"name": name, "arguments": ""})
        rounds = itertools.zip_longest(*(pieces for _, pieces in item.calls))
        for pieces in rounds:
            for at, piece in enumerate(pieces):
                if piece is not None:
                    yield _delta(step, at, function={"arguments": piece})
        calls = [
            {"id": call_id, "type": "function", "function": {"name": n, "arguments": "".join(p)}}
            for call_id, (n, p) in zip(ids, item.calls, strict=True)
        ]
        step["step_details"]["tool_calls"] = json.loads(json.dumps(calls))
        self.steps[run["id"]].append(step)
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
        run.update(status="requires_action", required_action=action)
        yield frame("thread.run.requires_action", run)


def _delta(step: Json, at: int, **call: Any) -> bytes:
    details = {"type": "tool_calls", "tool_calls": [{"index": at, "type": "function", **call}]}
    return frame("thread.run.step.delta", {"id": step["id"], "delta": {"step_details": details}})
