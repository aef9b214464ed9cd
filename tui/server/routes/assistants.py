"""Assistants and models."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.server.decode import decode_assistant
from tui.server.errors import ApiError
from tui.server.models import ModelNames
from tui.server.objects import deleted, model, new_assistant
from tui.server.routes.objects import Objects, json_response


class AssistantRoutes:
    """/assistants and what is below it."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.routes = [
            Route("/assistants", self.create, methods=["POST"]),
            Route("/assistants", self.list, methods=["GET"]),
            Route("/assistants/{assistant_id}", self.retrieve, methods=["GET"]),
            Route("/assistants/{assistant_id}", self.update, methods=["POST"]),
            Route("/assistants/{assistant_id}", self.delete, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        fields.needed_text("model")
        assistant = new_assistant(decode_assistant(fields))
        self._objects.store.put("assistant", "", assistant)
        return json_response(assistant)

    async def list(self, request: Request) -> Response:
        return self._objects.list(request, "assistant", "")

    async def retrieve(self, request: Request) -> Response:
        return json_response(self._objects.assistant(request.path_params["assistant_id"]))

    async def update(self, request: Request) -> Response:
        fields = await self._objects.fields(request)
        if "model" in fields:
            fields.needed_text("model")
        changes = decode_assistant(fields)
        assistant = self._objects.assistant(request.path_params["assistant_id"]) | changes
        self._objects.store.put("assistant", "", assistant)
        return json_response(assistant)

    async def delete(self, request: Request) -> Response:
        assistant = self._objects.assistant(request.path_params["assistant_id"])
        self._objects.store.delete("assistant", assistant["id"])
        return json_response(deleted("assistant", assistant["id"]))


class ModelRoutes:
    """/models and what is below it."""

    def __init__(self, models: ModelNames) -> None:
        self._models = models
        self.routes = [
            Route("/models", self.list, methods=["GET"]),
            Route("/models/{model:path}", self.retrieve, methods=["GET"]),
        ]

    async def list(self, _request: Request) -> Response:
        data = [model(name) for name in await self._models.all()]
        return json_response({"object": "list", "data": data})

    async def retrieve(self, request: Request) -> Response:
        name = request.path_params["model"]
        if name not in await self._models.all():
            message = f"The model '{name}' does not exist."
            raise ApiError(404, message, param="model", code="model_not_found")
        return json_response(model(name))
