"""The Catalog service: profiles, models and tools as the screen and the command line list them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from tui.config.checking import without_login
from tui.config.discovery import address, answering, key_found
from tui.config.local_file import change, put
from tui.config.presets import PRESETS, lacks_address, located
from tui.config.secrets import missing_key
from tui.config.settings_file import profile_of
from tui.core.models import ModelInfo, ToolSpec
from tui.core.ports import Toolset
from tui.core.services import ProfileInfo
from tui.core.settings import Profile, Settings

ListModels: TypeAlias = Callable[[str], Awaitable[Sequence[ModelInfo]]]

_BUILT_IN = "the built-in model, no key and no network needed"


@dataclass(slots=True)
class SettingsInForce:
    """The settings as they are now; whoever must notice a change holds this, not its value."""

    value: Settings


class ConfigCatalog:
    """Profiles from the settings and the presets, tools from the toolset.

    ``models`` asks a profile's server; ``local`` is where a new default is written down.
    """

    def __init__(
        self, current: SettingsInForce, toolset: Toolset, *, local: Path, models: ListModels
    ) -> None:
        self._current = current
        self._toolset = toolset
        self._local = local
        self._models = models

    async def profiles(self) -> Sequence[ProfileInfo]:
        settings = self._current.value
        default = profile_of(settings, None)
        others = (each for name, each in settings.profiles.items() if name != default.name)
        return tuple(describe(profile) for profile in (default, *others))

    async def discover(self) -> Sequence[ProfileInfo]:
        known = self._current.value.profiles
        built_on = {profile.preset for profile in known.values()}
        candidates = [
            preset
            for name, preset in zip(PRESETS, map(located, PRESETS.values()), strict=True)
            if name not in known and name not in built_on and not lacks_address(preset)
        ]
        models = await answering(candidates)
        found = []
        for preset in candidates:
            if preset.name in models:
                here = replace(preset, model=models[preset.name])
                found.append(_found(here, f"answers at {address(preset)}"))
            elif said := key_found(preset, os.environ):
                found.append(_found(preset, said))
        return tuple(found)

    async def models(self, profile: str) -> Sequence[ModelInfo]:
        return await self._models(profile)

    async def make_default(self, profile: str, model: str = "") -> None:
        settings = self._current.value
        chosen = profile_of(settings, profile)
        await asyncio.to_thread(self._remember, chosen, model)
        if model:
            chosen = replace(chosen, model=model)
        self._current.value = replace(
            self._current.value,
            default_profile=chosen.name,
            profiles={**self._current.value.profiles, chosen.name: chosen},
        )

    def _remember(self, chosen: Profile, model: str) -> None:
        change(self._local, lambda data: _write_default(data, chosen, model))

    async def tools(self) -> Sequence[ToolSpec]:
        return await self._toolset.specs()


def _write_default(data: dict[str, object], chosen: Profile, model: str) -> None:
    put(data, ("default_profile",), chosen.name)
    if model:
        put(data, ("profiles", chosen.name, "model"), model)


def describe(profile: Profile) -> ProfileInfo:
    """A profile as one line shows it; never with its key, which is not even looked for."""
    where = without_login(profile.base_url or "api.openai.com")
    return ProfileInfo(
        name=profile.name,
        protocol=profile.protocol,
        model=profile.model or "",
        detail=_BUILT_IN if profile.embedded else where,
        embedded=profile.embedded,
        asks=bool(profile.key_command) or profile.keyring,
        context_window=profile.context_window,
        prices=profile.prices,
        problem=missing_key(profile),
    )


def _found(preset: Profile, said: str) -> ProfileInfo:
    return replace(describe(preset), configured=False, found=said)
