"""What can answer: the profiles, what else was found on this machine, and the models of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui.core.models import ModelInfo
from tui.core.services import Catalog, ProfileInfo
from tui.core.thread import Run
from tui.ui.cost import cost_text


class Models:
    """The catalogue as the screen knows it. What asks something may raise TickertapeError."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._profiles: dict[str, ProfileInfo] = {}
        self.default: ProfileInfo | None = None
        self.found: tuple[ProfileInfo, ...] = ()

    async def start(self) -> None:
        """Learn the configured profiles, the default first."""
        profiles = await self._catalog.profiles()
        self._profiles = {profile.name: profile for profile in profiles}
        self.default = profiles[0] if profiles else None

    @property
    def are_only_built_in(self) -> bool:
        """Whether nobody has configured anything yet."""
        return all(each.embedded for each in self._profiles.values() if each.configured)

    async def discover(self) -> Sequence[ProfileInfo]:
        """What could be used and is not configured."""
        self.found = tuple(await self._catalog.discover())
        self._profiles.update({each.name: each for each in self.found})
        return self.found

    def profiles(self) -> list[ProfileInfo]:
        """All that are known."""
        return list(self._profiles.values())

    async def offered(self, profile: str) -> Sequence[ModelInfo]:
        """What the profile's server offers."""
        return await self._catalog.models(profile)

    async def make_default(self, profile: str, model: str) -> None:
        """New threads use these from now on."""
        await self._catalog.make_default(profile, model)
        if (chosen := self.target(profile, model)) is not None:
            self.default = self._profiles[profile] = replace(chosen, configured=True)

    def profile(self, name: str) -> ProfileInfo | None:
        """The profile of that name, or the default for a name that nothing has any longer."""
        return self._profiles.get(name, self.default)

    def target(self, profile: str, model: str) -> ProfileInfo | None:
        """A profile with the model that is used of it; the default if none is named."""
        if not profile:
            return self.default
        known = self._profiles.get(profile) or ProfileInfo(name=profile, protocol="")
        return replace(known, model=model) if model else known

    def cost_of(self, run: Run) -> str:
        """What the run cost, if its profile has prices for its model."""
        profile = self._profiles.get(run.profile)
        return "" if profile is None else cost_text(run.usage, profile.prices.get(run.model))
