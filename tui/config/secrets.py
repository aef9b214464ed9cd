"""Finds API keys; a key is handed on in memory only and never written anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tui.core.errors import ConfigError
from tui.core.settings import Profile


def api_key(profile: Profile, environ: Mapping[str, str] = os.environ) -> str | None:
    """The profile's key from its environment variable; None when it wants none.

    Raises ConfigError when the variable is not set.
    """
    if not profile.api_key_env:
        return None
    key = environ.get(profile.api_key_env, "").strip()
    if not key:
        raise ConfigError(
            f"The profile {profile.name!r} needs a key, but {profile.api_key_env} is not set.",
            hint=f'Run: export {profile.api_key_env}=... (or set api_key_env = "" if the '
            "endpoint wants none).",
            code="no_key",
        )
    return key
