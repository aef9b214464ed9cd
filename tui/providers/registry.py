"""From a protocol's name to its provider, importing only the one that is asked for."""

from __future__ import annotations

import importlib

from tui.core.ports import Provider
from tui.core.settings import Profile

_SDK = {
    "assistants": "openai.resources.beta.threads",
    "responses": "openai.resources.responses",
    "chat": "openai.resources.chat.completions",
}


def create(profile: Profile, *, api_key: str | None) -> Provider:
    """The provider for a profile. Sends nothing yet."""
    match profile.protocol:
        case "assistants":
            from tui.providers.assistants.provider import AssistantsProvider

            return AssistantsProvider(profile, api_key)
        case "responses":
            from tui.providers.responses.provider import ResponsesProvider

            return ResponsesProvider(profile, api_key)
        case "chat":
            from tui.providers.chat.provider import ChatProvider

            return ChatProvider(profile, api_key)


def warm(profile: Profile) -> None:
    """Import what the profile's first request needs. Takes a second: never on an event loop."""
    importlib.import_module(_SDK[profile.protocol])
