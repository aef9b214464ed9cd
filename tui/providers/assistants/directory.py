"""Which assistant answers: the profile's, the environment's, or one of our own, made once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, ToolSpec
from tui.core.settings import Profile
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.request import ASSISTANT_MARK, encode_assistant, encode_tools
from tui.providers.fields import obj, objects, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """An assistant on the server, and the tools it brings along (in wire form)."""

    id: str
    tools: tuple[JsonObject, ...] = ()

    def run_tools(self, specs: Sequence[ToolSpec]) -> list[JsonObject] | None:
        """The tools to declare for a run, or None to leave the assistant's own in place.

        Declaring any replaces all, so the ones that the server runs itself are repeated.
        """
        own_functions = any(tool.get("type") == "function" for tool in self.tools)
        if own_functions or not specs:
            return None
        return [*self.tools, *encode_tools(specs)]


class AssistantDirectory:
    """Finds or makes the assistant once; several runs that ask at the same time share it."""

    def __init__(self, api: AssistantsApi, profile: Profile) -> None:
        self._api = api
        self._profile = profile
        self._found: Assistant | None = None
        self._lock = asyncio.Lock()

    async def assistant(self, model: str | None) -> Assistant:
        """The assistant; ``model`` is for one that has to be made. Raises ProviderError."""
        async with self._lock:
            if self._found is None:
                self._found = await self._look_up(model or self._profile.model)
            return self._found

    def forget(self) -> None:
        """The server no longer knows it: look again next time."""
        self._found = None

    async def _look_up(self, model: str | None) -> Assistant:
        named = self._profile.assistant_id or os.environ.get("OPENAI_ASSISTANT_ID", "").strip()
        if named:
            return _decode(await self._named(named))
        found = await self._marked()
        return _decode(found or await self._make(model or await self._first_model()))

    async def _marked(self) -> JsonObject | None:
        """The oldest assistant that Tickertape made, if there is one."""
        async for body in self._api.assistants():
            mark = obj(body, "metadata")
            if all(mark.get(key) == value for key, value in ASSISTANT_MARK.items()):
                return body
        return None

    async def _make(self, model: str) -> JsonObject:
        """Make one; had another first start the same idea, keep the older of the two."""
        made = await self._api.create_assistant(encode_assistant(model))
        oldest = await self._marked()
        if oldest is None or text(oldest, "id") == text(made, "id"):
            return made
        await self._api.delete_assistant(text(made, "id"))
        return oldest

    async def _named(self, assistant_id: str) -> JsonObject:
        try:
            return await self._api.retrieve_assistant(assistant_id)
        except ProviderError as error:
            if error.status != 404:
                raise
            raise ProviderError(
                f"The server has no assistant {assistant_id}.",
                hint="Check assistant_id (or OPENAI_ASSISTANT_ID), or leave it out to have one "
                "made.",
                code="assistant_not_found",
                status=404,
            ) from None

    async def _first_model(self) -> str:
        models = await self._api.models()
        name = next((found for model in models if (found := text(model, "id"))), "")
        if not name:
            raise ProviderError(
                f"The profile {self._profile.name!r} names no model, and the server lists none.",
                hint="Set model or assistant_id in the profile.",
                code="no_model",
            )
        return name


def _decode(body: JsonObject) -> Assistant:
    assistant_id = text(body, "id")
    if not assistant_id:
        raise ProviderError(
            "The server's assistant has no id.",
            hint="Check base_url: this does not look like an Assistants API.",
            code="not_an_api",
        )
    return Assistant(id=assistant_id, tools=tuple(objects(body, "tools")))
