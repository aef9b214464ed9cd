"""Runs and their steps: starting, watching, polling, cancelling, submitting outputs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.core.models import JsonObject
from tui.server.decode import (
    check_tools,
    decode_messages,
    decode_outputs,
    decode_run,
    inherit,
)
from tui.server.errors import bad_request
from tui.server.fields import Fields
from tui.server.live import LiveRun, outputs_refused
from tui.server.objects import new_run, now
from tui.server.routes.objects import Objects, json_response
from tui.server.routes.threads import add_messages, create_thread
from tui.server.runs import ActiveRuns


class RunRoutes:
    """/threads/runs, and /threads/{thread_id}/runs with what is below it."""

    def __init__(self, objects: Objects, runs: ActiveRuns) -> None:
        self._objects = objects
        self._runs = runs
        many, one = "/threads/{thread_id}/runs", "/threads/{thread_id}/runs/{run_id}"
        self.routes = [
            Route("/threads/runs", self.create_with_thread, methods=["POST"]),
            Route(many, self.create, methods=["POST"]),
            Route(many, self.list, methods=["GET"]),
            Route(one, self.retrieve, methods=["GET"]),
            Route(one, self.update, methods=["POST"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/submit_tool_outputs", self.submit, methods=["POST"]),
            Route(f"{one}/steps", self.list_steps, methods=["GET"]),
            Route(f"{one}/steps/{{step_id}}", self.retrieve_step, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        thread_id = self._objects.thread(request)["id"]
        body = self._decode_run(fields)
        extra = fields.text("additional_instructions")
        messages = decode_messages(fields, "additional_messages")
        stream = fields.flag("stream")
        self._runs.check_idle(thread_id)
        add_messages(self._objects.store, thread_id, messages)
        live = self._start(thread_id, body, extra)
        response = self._runs.watch(live) if stream else json_response(live.record.run)
        live.announce()
        return response

    async def create_with_thread(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        body = self._decode_run(fields)
        stream = fields.flag("stream")
        given = fields.object("thread") or Fields({})
        thread = create_thread(self._objects.store, given)
        live = self._start(thread["id"], body, None)
        response = self._runs.watch(live) if stream else json_response(live.record.run)
        live.record.publish("thread.created", thread)
        live.announce()
        return response

    async def list(self, request: Request) -> Response:
        return self._objects.list(request, "run", self._objects.thread(request)["id"])

    async def retrieve(self, request: Request) -> Response:
        return json_response(self._objects.run(request))

    async def update(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        run = self._objects.run(request)
        live = self._runs.get(run["id"])
        if live is not None:
            run = live.record.run
        if "metadata" in fields:
            run["metadata"] = fields.metadata() or {}
        self._objects.store.put("run", run["thread_id"], run)
        return json_response(run)

    async def cancel(self, request: Request) -> Response:
        run = self._objects.run(request)
        live = self._runs.get(run["id"])
        if live is None:
            raise bad_request(f"Cannot cancel run with status '{run['status']}'.")
        live.cancel()
        return json_response(live.record.run)

    async def submit(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        outputs = decode_outputs(fields)
        stream = fields.flag("stream")
        run = self._objects.run(request)
        live = self._runs.get(run["id"])
        if live is None:
            raise outputs_refused(run["status"])
        live.check_outputs(outputs)
        watching = self._runs.watch(live) if stream else None
        live.submit(outputs)
        return watching or json_response(live.record.run)

    async def list_steps(self, request: Request) -> Response:
        return self._objects.list(request, "step", self._objects.run(request)["id"])

    async def retrieve_step(self, request: Request) -> Response:
        return json_response(self._objects.step(request))

    def _decode_run(self, fields: Fields) -> JsonObject:
        """Everything the new run takes from the request and from its assistant."""
        assistant_id = fields.needed_text("assistant_id")
        given = decode_run(fields)
        assistant = self._objects.assistant(assistant_id, param="assistant_id")
        body = inherit(assistant, given) | {"assistant_id": assistant_id}
        check_tools(body)
        self._runs.check_tools(body)
        return body

    def _start(self, thread_id: str, body: JsonObject, extra: str | None) -> LiveRun:
        run = new_run(thread_id, now() + int(self._runs.expiry), body)
        return self._runs.start(run, extra)
