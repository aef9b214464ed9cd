"""What can be set about the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """``run_expiry`` is how many seconds a run waits for tool outputs."""

    run_expiry: float = 600.0
    max_body_bytes: int = 16 * 1024 * 1024
