"""Threads and their messages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.core.models import JsonObject
from tui.core.ports import AssistantStore
from tui.server.decode import decode_message, decode_messages, decode_thread
from tui.server.fields import Fields
from tui.server.objects import deleted, new_message, new_thread
from tui.server.routes.objects import Objects, json_response
from tui.server.runs import ActiveRuns


def create_thread(store: AssistantStore, fields: Fields) -> JsonObject:
    """A stored thread with its first messages."""
    messages = decode_messages(fields, "messages")
    thread = new_thread(decode_thread(fields))
    store.put("thread", "", thread)
    add_messages(store, thread["id"], messages)
    return thread


def add_messages(store: AssistantStore, thread_id: str, messages: list[JsonObject]) -> None:
    """Store new messages at the end of a thread."""
    for fields in messages:
        store.put("message", thread_id, new_message(thread_id, fields))


class ThreadRoutes:
    """/threads."""

    def __init__(self, objects: Objects, runs: ActiveRuns) -> None:
        self._objects = objects
        self._runs = runs
        self.routes = [
            Route("/threads", self.create, methods=["POST"]),
            Route("/threads/{thread_id}", self.retrieve, methods=["GET"]),
            Route("/threads/{thread_id}", self.update, methods=["POST"]),
            Route("/threads/{thread_id}", self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        return json_response(create_thread(self._objects.store, fields))

    async def retrieve(self, request: Request) -> Response:
        return json_response(self._objects.thread(request))

    async def update(self, request: Request) -> Response:
        changes = decode_thread(await self._objects.fields(request))
        thread = self._objects.thread(request) | changes
        self._objects.store.put("thread", "", thread)
        return json_response(thread)

    async def delete(self, request: Request) -> Response:
        thread = self._objects.thread(request)
        self._runs.abandon(thread["id"])
        self._objects.store.delete("thread", thread["id"])
        return json_response(deleted("thread", thread["id"]))


class MessageRoutes:
    """/threads/{thread_id}/messages."""

    def __init__(self, objects: Objects, runs: ActiveRuns) -> None:
        self._objects = objects
        self._runs = runs
        many, one = "/threads/{thread_id}/messages", "/threads/{thread_id}/messages/{message_id}"
        self.routes = [
            Route(many, self.create, methods=["POST"]),
            Route(many, self.list, methods=["GET"]),
            Route(one, self.retrieve, methods=["GET"]),
            Route(one, self.update, methods=["POST"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        thread_id = self._objects.thread(request)["id"]
        message = new_message(thread_id, decode_message(fields))
        self._runs.check_writable(thread_id)
        self._objects.store.put("message", thread_id, message)
        return json_response(message)

    async def list(self, request: Request) -> Response:
        thread_id = self._objects.thread(request)["id"]
        run_id = request.query_params.get("run_id")
        match = {"run_id": run_id} if run_id else None
        return self._objects.list(request, "message", thread_id, match)

    async def retrieve(self, request: Request) -> Response:
        return json_response(self._objects.message(request))

    async def update(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        message = self._objects.message(request)
        if "metadata" in fields:
            message["metadata"] = fields.metadata() or {}
        self._objects.store.put("message", message["thread_id"], message)
        return json_response(message)

    async def delete(self, request: Request) -> Response:
        message = self._objects.message(request)
        self._objects.store.delete("message", message["id"])
        return json_response(deleted("thread.message", message["id"]))
