"""The Responses protocol as a Provider: one client for all its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tui.core.models import ModelInfo
from tui.core.ports import Capabilities, RunRequest, RunSession
from tui.core.settings import Profile
from tui.providers.exchange import ExchangeSession
from tui.providers.models import list_models
from tui.providers.responses.api import ResponsesApi
from tui.providers.responses.exchange import StatelessExchange
from tui.providers.responses.stateful import StatefulSession
from tui.providers.transport import Transport


class ResponsesProvider:
    """A ``Provider`` for OpenAI, Azure OpenAI (v1) and the many servers that speak the same."""

    def __init__(self, profile: Profile, api_key: str | None) -> None:
        self._profile = profile
        self._transport = Transport(profile, api_key)
        self._api = ResponsesApi(self._transport, profile)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(tools=self._profile.tools, server_state=self._profile.stateful)

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        session = self._session(request)
        try:
            yield session
        finally:
            await session.close()

    def _session(self, request: RunRequest) -> ExchangeSession | StatefulSession:
        if self._profile.stateful:
            return StatefulSession(self._api, self._profile, request)
        exchange = StatelessExchange(self._api, self._profile, request)
        return ExchangeSession(self._transport, exchange)

    async def models(self) -> Sequence[ModelInfo]:
        return await list_models(self._transport)

    async def close(self) -> None:
        await self._transport.close()
