"""The Catalog service: profiles and tools as the screen and the command line list them."""

from __future__ import annotations

from collections.abc import Sequence

from tui.config.secrets import api_key
from tui.core.errors import ConfigError
from tui.core.models import Problem, ToolSpec
from tui.core.ports import Toolset
from tui.core.services import ProfileInfo
from tui.core.settings import Profile, Settings

_BUILT_IN = "the built-in model, no key and no network needed"


class ConfigCatalog:
    """Profiles from the settings, tools from the toolset."""

    def __init__(self, settings: Settings, toolset: Toolset) -> None:
        self._settings = settings
        self._toolset = toolset

    async def profiles(self) -> Sequence[ProfileInfo]:
        default = self._settings.default_profile
        ordered = sorted(self._settings.profiles.values(), key=lambda each: each.name != default)
        return tuple(describe(profile) for profile in ordered)

    async def tools(self) -> Sequence[ToolSpec]:
        return await self._toolset.specs()


def describe(profile: Profile) -> ProfileInfo:
    """A profile as one line shows it; never with its key."""
    return ProfileInfo(
        name=profile.name,
        protocol=profile.protocol,
        model=profile.model or "",
        detail=_BUILT_IN if profile.embedded else profile.base_url or "api.openai.com",
        embedded=profile.embedded,
        problem=_problem(profile),
    )


def _problem(profile: Profile) -> Problem | None:
    try:
        api_key(profile)
    except ConfigError as error:
        return error.problem
    return None
