"""What is known of how many tokens each model takes: from settings, its server, or an error."""

from __future__ import annotations

import asyncio
import logging

from tui.core.errors import TickertapeError
from tui.core.ports import Provider, RunRequest
from tui.core.settings import Profile
from tui.engine.context import tokens_of

_log = logging.getLogger(__name__)

_ASK_SECONDS = 3.0
# Any model takes so many: for less nobody has to be asked.
_SMALL = 1500


class Windows:
    """Context windows by profile and model; each server is asked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], int | None] = {}

    async def of(self, provider: Provider, profile: Profile, request: RunRequest) -> int | None:
        """How many tokens the model takes; None when nobody knows, or nobody has to."""
        if provider.capabilities.server_state:
            return None
        key = (profile.name, request.model)
        if key not in self._known:
            if profile.context_window is None and tokens_of(request) < _SMALL:
                return None
            self._known[key] = profile.context_window or await _ask(provider, request.model)
        return self._known[key]

    def learn(self, profile: Profile, request: RunRequest, window: int | None) -> None:
        """Remember what a run came to know."""
        if window is not None:
            self._known[profile.name, request.model] = window


async def _ask(provider: Provider, model: str | None) -> int | None:
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            models = await provider.models()
    except (TickertapeError, TimeoutError) as error:
        # Then the model itself will say when it is too much.
        _log.info("the server does not tell its models: %s", error)
        return None
    if model is None:
        return models[0].context_window if len(models) == 1 else None
    return next((each.context_window for each in models if each.id == model), None)
