"""The Chat Completions protocol as a Provider: one client for all its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tui.core.models import ModelInfo
from tui.core.ports import Capabilities, RunRequest, RunSession
from tui.core.settings import Profile
from tui.providers.chat.amendments import Amendments
from tui.providers.chat.exchange import ChatExchange
from tui.providers.exchange import ExchangeSession
from tui.providers.models import list_models
from tui.providers.transport import Transport


class ChatProvider:
    """A ``Provider`` for whatever calls itself OpenAI-compatible."""

    def __init__(self, profile: Profile, api_key: str | None) -> None:
        self._profile = profile
        self._transport = Transport(profile, api_key)
        self._amendments = Amendments()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(tools=self._profile.tools)

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        exchange = ChatExchange(
            transport=self._transport,
            profile=self._profile,
            request=request,
            amendments=self._amendments,
        )
        session = ExchangeSession(self._transport, exchange)
        try:
            yield session
        finally:
            await session.close()

    async def models(self) -> Sequence[ModelInfo]:
        return await list_models(self._transport)

    async def close(self) -> None:
        await self._transport.close()
