"""Finds what can be talked to without any configuration: keys and local servers.

Asked with plain streams: importing an HTTP client would take longer than the answer may.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tui.core.settings import Profile

_SECONDS = 0.3
_MAX_BYTES = 1_000_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def key_found(profile: Profile, environ: Mapping[str, str]) -> str:
    """``GROQ_API_KEY is set``, or nothing; a profile without a key variable never says so."""
    is_set = profile.api_key_env and environ.get(profile.api_key_env, "").strip()
    return f"{profile.api_key_env} is set" if is_set else ""


async def answering(profiles: Iterable[Profile]) -> dict[str, str]:
    """Which of the local profiles' servers list models now: the first model by profile name.

    Takes at most 300 ms for all of them; what is late counts as absent.
    """
    local = [profile for profile in profiles if is_local(profile)]
    asked = [asyncio.create_task(_first_model(profile)) for profile in local]
    if not asked:
        return {}
    try:
        await asyncio.wait(asked, timeout=_SECONDS)
    finally:
        for task in asked:
            task.cancel()
        models = await asyncio.gather(*asked, return_exceptions=True)
    return {
        profile.name: model
        for profile, model in zip(local, models, strict=True)
        if isinstance(model, str)
    }


def is_local(profile: Profile) -> bool:
    """Whether its server is on this machine."""
    return urlsplit(profile.base_url or "").hostname in _LOOPBACK


def address(profile: Profile) -> str:
    """Host and port of its server."""
    return urlsplit(profile.base_url or "").netloc


async def _first_model(profile: Profile) -> str | None:
    parts = urlsplit(profile.base_url or "")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=_MAX_BYTES)
    try:
        # In HTTP 1.0 the end of the connection is the end of the answer.
        request = f"GET {parts.path}/models HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
        writer.write(request.encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1:2] != [b"200"]:
            return None
        return _first_id(await _body(reader))
    finally:
        writer.transport.abort()  # nobody waits for a last word


async def _body(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while len(body) <= _MAX_BYTES and (chunk := await reader.read(65536)):
        body += chunk
    return bytes(body)


def _first_id(body: bytes) -> str | None:
    """The first model's id; empty for a server without one. Raises ValueError for no such list."""
    found: Any = json.loads(body)
    if not isinstance(found, dict) or not isinstance(found.get("data"), list):
        return None
    models = [each.get("id") for each in found["data"] if isinstance(each, dict)]
    return next((model for model in models if isinstance(model, str)), "")
