"""Who may talk to the server: the API key, and which hosts a server without one answers to."""

from __future__ import annotations

import hmac
import ipaddress
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.core.errors import ConfigError
from tui.server.errors import ApiError, error_response


class AccessGuard:
    """ASGI middleware: checks ``Authorization: Bearer`` or ``api-key``, and numbers requests.

    Without a key only requests addressed to a loopback host are answered: a web page that points
    a name of its own at this machine (DNS rebinding) carries that name in its Host header.
    """

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
            await send(message)

        problem = self._problem(Headers(scope=scope))
        if problem is None:
            await self._app(scope, receive, numbered)
        else:
            await error_response(problem)(scope, receive, numbered)

    def _problem(self, headers: Headers) -> ApiError | None:
        if self._key is None:
            return None if is_loopback(_host_name(headers.get("host", ""))) else _WRONG_HOST
        given = _given_key(headers)
        if given is None:
            return _NO_KEY
        same = hmac.compare_digest(given.encode("latin-1"), self._key)
        return None if same else _WRONG_KEY


_NO_KEY = ApiError(
    401,
    "You didn't provide an API key. Provide it in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or in an api-key header.",
)
_WRONG_KEY = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
_WRONG_HOST = ApiError(
    403, "This server has no API key and answers only requests addressed to a loopback host."
)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_key(host: str, *, key_set: bool) -> None:
    """Refuse to listen where others can connect without a key. Raises ConfigError."""
    if key_set or is_loopback(host):
        return
    raise ConfigError(
        f"Listening on {host} would let anyone on the network use this server.",
        hint="Set an API key (--api-key or TICKERTAPE_API_KEY), or listen on 127.0.0.1.",
    )


def _given_key(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("api-key")


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if ":" in host else host
