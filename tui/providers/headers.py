"""A profile's own headers, with the values that it leaves to the environment."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from tui.core.errors import ConfigError
from tui.core.settings import FROM_ENVIRONMENT, Profile

if TYPE_CHECKING:
    import httpx2

_KEYS = ("auth", "key", "token")


def headers_of(profile: Profile) -> dict[str, str]:
    """The headers as they are sent. Raises ConfigError for a variable that is not set."""
    return {**profile.headers, **secret_headers(profile)}


def secret_headers(profile: Profile) -> dict[str, str]:
    """Those whose values come from the environment: nobody may see them. Raises ConfigError."""
    named = header_variables(profile).items()
    return {name: _value(profile, name, variable) for name, variable in named}


def header_variables(profile: Profile) -> dict[str, str]:
    """The names of these variables, by header."""
    return {
        name: value.removeprefix(FROM_ENVIRONMENT)
        for name, value in profile.headers.items()
        if value.startswith(FROM_ENVIRONMENT)
    }


def sends_credential(headers: Mapping[str, str]) -> bool:
    """Whether one of these, by its name, may be what a server takes for a key."""
    return any(word in name.lower() for name in headers for word in _KEYS)


def without_made_up_key(own: Mapping[str, str]) -> Callable[[httpx2.Request], Awaitable[None]]:
    """The SDK insists on a key; a server without one should not get to see a made-up one."""
    made_up = {"authorization", "api-key"} - {name.lower() for name in own}

    async def remove(request: httpx2.Request) -> None:
        for name in made_up:
            request.headers.pop(name, None)

    return remove


def _value(profile: Profile, header: str, variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"The profile {profile.name!r} takes its header {header} from {variable}, which is not "
            "set.",
            hint=f"Run: export {variable}=...",
            code="no_key",
        )
    return value
