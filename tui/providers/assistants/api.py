"""The endpoints of the Assistants API that we use: which SDK method, which path, which body."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol

from tui.core.models import JsonObject
from tui.providers import failures
from tui.providers.fields import objects, text
from tui.providers.transport import OpenedResponse, Transport

_PAGE = 100


class _List(Protocol):
    def __call__(self, client: Any, query: JsonObject) -> AbstractAsyncContextManager[Any]: ...


class AssistantsApi:
    """Each method is one request (listings: one a page). All raise ProviderError.

    Bodies go in whole as ``extra_body``, so that options the SDK has no name for pass as well.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    # --- assistants and models -------------------------------------------------------------

    async def create_assistant(self, body: JsonObject) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.assistants.with_streaming_response.create(
                model=body["model"], extra_body=body
            )
        )

    async def retrieve_assistant(self, assistant_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.assistants.with_streaming_response.retrieve(assistant_id)
        )

    async def delete_assistant(self, assistant_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.assistants.with_streaming_response.delete(assistant_id)
        )

    def assistants(self) -> AsyncIterator[JsonObject]:
        """All assistants, the oldest first."""
        return self._pages(
            lambda client, query: client.beta.assistants.with_streaming_response.list(
                extra_query=query
            ),
            order="asc",
        )

    async def models(self) -> list[JsonObject]:
        found = await self.transport.json(
            lambda client: client.models.with_streaming_response.list()
        )
        return objects(found, "data")

    # --- threads and messages --------------------------------------------------------------

    async def create_thread(self, body: JsonObject) -> str:
        """Make a thread; returns its id."""
        made = await self.transport.json(
            lambda client: client.beta.threads.with_streaming_response.create(extra_body=body)
        )
        if not (thread_id := text(made, "id")):
            raise failures.not_an_api(self.transport.host)
        return thread_id

    async def create_message(self, thread_id: str, body: JsonObject) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.threads.messages.with_streaming_response.create(
                thread_id, role=body["role"], content=body["content"], extra_body=body
            )
        )

    async def newest_message(self, thread_id: str) -> JsonObject | None:
        """The newest message of the thread, or None when it has none."""
        query = {"order": "desc", "limit": 1}
        found = await self.transport.json(
            lambda client: client.beta.threads.messages.with_streaming_response.list(
                thread_id, extra_query=query
            )
        )
        return next(iter(objects(found, "data")), None)

    def messages_of_run(self, thread_id: str, run_id: str) -> AsyncIterator[JsonObject]:
        """The messages that a run wrote, the oldest first."""
        return self._pages(
            lambda client, query: client.beta.threads.messages.with_streaming_response.list(
                thread_id, extra_query={**query, "run_id": run_id}
            ),
            order="asc",
        )

    # --- runs and steps --------------------------------------------------------------------

    async def create_run(self, thread_id: str, body: JsonObject) -> OpenedResponse:
        return await self.transport.stream(
            lambda client: client.beta.threads.runs.with_streaming_response.create(
                thread_id, assistant_id=body["assistant_id"], stream=True, extra_body=body
            )
        )

    async def submit_tool_outputs(
        self, thread_id: str, run_id: str, body: JsonObject
    ) -> OpenedResponse:
        return await self.transport.stream(
            lambda client: client.beta.threads.runs.with_streaming_response.submit_tool_outputs(
                run_id,
                thread_id=thread_id,
                tool_outputs=body["tool_outputs"],
                stream=True,
                extra_body=body,
            )
        )

    async def retrieve_run(self, thread_id: str, run_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.threads.runs.with_streaming_response.retrieve(
                run_id, thread_id=thread_id
            )
        )

    async def cancel_run(self, thread_id: str, run_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.beta.threads.runs.with_streaming_response.cancel(
                run_id, thread_id=thread_id
            )
        )

    async def newest_runs(self, thread_id: str) -> list[JsonObject]:
        """A page of the thread's runs, the newest first."""
        query = {"order": "desc", "limit": 20}
        found = await self.transport.json(
            lambda client: client.beta.threads.runs.with_streaming_response.list(
                thread_id, extra_query=query
            )
        )
        return objects(found, "data")

    def steps(self, thread_id: str, run_id: str) -> AsyncIterator[JsonObject]:
        """The steps of a run, the oldest first."""
        return self._pages(
            lambda client, query: client.beta.threads.runs.steps.with_streaming_response.list(
                run_id, thread_id=thread_id, extra_query=query
            ),
            order="asc",
        )

    async def _pages(self, call: _List, *, order: str) -> AsyncIterator[JsonObject]:
        query: JsonObject = {"order": order, "limit": _PAGE}
        while True:
            page = await self.transport.json(partial(call, query=query))
            found = objects(page, "data")
            for item in found:
                yield item
            last = text(found[-1], "id") if found else ""
            # A server that ignores the cursor would go round for ever.
            if page.get("has_more") is not True or not last or last == query.get("after"):
                return
            query = {**query, "after": last}
