"""From a protocol's name to its provider, importing only the one that is asked for."""

from __future__ import annotations

from tui.core.errors import ConfigError
from tui.core.ports import Provider
from tui.core.settings import Profile

PROTOCOLS = ("assistants",)


def create(profile: Profile, *, api_key: str | None) -> Provider:
    """The provider for a profile. Sends nothing yet.

    Raises ConfigError for a protocol that is not served from here.
    """
    if profile.protocol == "assistants":
        from tui.providers.assistants.provider import AssistantsProvider

        return AssistantsProvider(profile, api_key)
    raise ConfigError(
        f"The profile {profile.name!r} uses an unknown protocol: {profile.protocol}.",
        hint=f"Known here: {', '.join(PROTOCOLS)}.",
    )


def warm(profile: Profile) -> None:
    """Import what the profile's first request needs. Takes a second: never on an event loop."""
    if profile.protocol == "assistants":
        import openai.resources.beta.threads  # noqa: F401 - imported to be there later
