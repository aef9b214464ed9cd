"""What can be set about the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``run_expiry`` is how many seconds a run waits for tool outputs.

    A run's model that is one of ``default_models`` leaves it to the provider which one answers,
    ``context_window`` is how many tokens that one takes, if it is known, and ``upstream`` the host
    of its server, which clients are not told.
    """

    run_expiry: float = 600.0
    max_body_bytes: int = 16 * 1024 * 1024
    default_models: tuple[str, ...] = ("default",)
    context_window: int | None = None
    upstream: str = ""
