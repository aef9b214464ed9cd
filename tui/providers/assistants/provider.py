"""The Assistants protocol as a Provider: one client and one assistant for all its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tui.core.models import MessageId, ModelInfo
from tui.core.ports import Capabilities, RunRequest, RunSession
from tui.core.settings import Profile
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.directory import AssistantDirectory
from tui.providers.assistants.session import AssistantsSession
from tui.providers.models import list_models
from tui.providers.transport import Transport


class AssistantsProvider:
    """A ``Provider`` for OpenAI-compatible servers, Azure OpenAI and Foundry ("classic")."""

    def __init__(self, profile: Profile, api_key: str | None) -> None:
        self._profile = profile
        self._transport = Transport(profile, api_key)
        self._api = AssistantsApi(self._transport)
        self._directory = AssistantDirectory(self._api, profile)
        self._tips: dict[str, MessageId] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(tools=self._profile.tools, server_state=True)

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        session = AssistantsSession(
            api=self._api,
            directory=self._directory,
            tips=self._tips,
            profile=self._profile,
            request=request,
        )
        try:
            yield session
        finally:
            await session.close()

    async def models(self) -> Sequence[ModelInfo]:
        return await list_models(self._transport)

    async def close(self) -> None:
        await self._transport.close()
