"""Which models there are: what the provider's server says, remembered for a minute."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from tui.core.errors import TickertapeError
from tui.core.ports import Provider

_log = logging.getLogger(__name__)

_SECONDS = 60.0
_ASK_SECONDS = 10.0


class ModelNames:
    """The provider's models; ``known`` are shown while its server does not tell."""

    def __init__(self, provider: Provider, known: Sequence[str]) -> None:
        self._provider = provider
        self._known = tuple(known)
        self._names: tuple[str, ...] = ()
        self._asked = -_SECONDS
        self._asking = asyncio.Lock()

    async def all(self) -> tuple[str, ...]:
        """The names, in the order of the provider's server."""
        async with self._asking:
            if time.monotonic() - self._asked >= _SECONDS:
                self._names = await self._ask()
                self._asked = time.monotonic()
        return self._names

    async def _ask(self) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                models = await self._provider.models()
        except (TickertapeError, TimeoutError) as error:
            _log.info("the models behind this server cannot be listed: %s", error)
            return self._known
        return tuple(model.id for model in models) or self._known
