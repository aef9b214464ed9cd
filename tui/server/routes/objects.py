"""What all routes need: finding objects, listing them, and answering with JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tui.core.errors import NotFoundError
from tui.core.models import JsonObject
from tui.core.ports import AssistantStore, ObjectKind
from tui.server.errors import ApiError, not_found
from tui.server.fields import Fields
from tui.server.objects import listing
from tui.server.requests import decode_page, read_fields
from tui.server.wire import encode_json


def json_response(data: Any) -> Response:
    """Status 200 with a JSON body."""
    return Response(encode_json(data), media_type="application/json")


@dataclass(frozen=True, slots=True)
class Objects:
    """The store as requests see it: what is not there is a 404."""

    store: AssistantStore
    max_body_bytes: int

    async def fields(self, request: Request) -> Fields:
        """The request's body."""
        return await read_fields(request, self.max_body_bytes)

    def assistant(self, assistant_id: str, *, param: str | None = None) -> JsonObject:
        """The assistant; ``param`` is set when the request body named it."""
        found = self.store.get("assistant", assistant_id)
        if found is None:
            raise not_found("assistant", assistant_id, param=param)
        return found

    def thread(self, request: Request) -> JsonObject:
        """The thread of the path."""
        thread_id = request.path_params["thread_id"]
        found = self.store.get("thread", thread_id)
        if found is None:
            raise not_found("thread", thread_id)
        return found

    def message(self, request: Request) -> JsonObject:
        """The message of the path, in the thread of the path."""
        self.thread(request)
        return self._child(request, "message", "thread_id")

    def run(self, request: Request) -> JsonObject:
        """The run of the path, in the thread of the path."""
        self.thread(request)
        return self._child(request, "run", "thread_id")

    def step(self, request: Request) -> JsonObject:
        """The step of the path, in the run of the path."""
        self.run(request)
        return self._child(request, "step", "run_id")

    def _child(self, request: Request, kind: ObjectKind, parent_field: str) -> JsonObject:
        object_id = request.path_params[f"{kind}_id"]
        found = self.store.get(kind, object_id)
        if found is None or found[parent_field] != request.path_params[parent_field]:
            raise not_found("run step" if kind == "step" else kind, object_id)
        return found

    def list(
        self, request: Request, kind: ObjectKind, parent: str, match: JsonObject | None = None
    ) -> Response:
        """One page of a parent's objects, as the query asks for it."""
        page = decode_page(request.query_params)
        try:
            found, more = self.store.page(kind, parent, page, match)
        except NotFoundError as error:
            raise ApiError(404, error.message) from error
        return json_response(listing(found, more=more))
