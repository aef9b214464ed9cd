"""Why there is no answer: host, port, proxy, certificate, silence; each in a sentence of its own.

``httpx`` is the HTTP library, passed in by whoever has loaded it.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from tui.core.errors import ProviderError
from tui.core.models import Problem
from tui.providers.addresses import is_well_known
from tui.providers.kinds import RETRY_HINT
from tui.providers.words import plain

PROXY_VARIABLES = "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY"
_TRUST_HINT = (
    "If it is your own or your company's, name its authority's file in SSL_CERT_FILE; "
    "otherwise someone may be listening in."
)
_TLS_HINT = "The port may not speak TLS: is it http:// instead of https://?"
_CHECK_BOTH = "Check base_url for typing errors, and the network."
_CHECK_NETWORK = "Check this machine's network, and whether it needs a proxy (HTTPS_PROXY)."
# OpenSSL's numbers for what is wrong with a certificate.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = (18, 19)
_WRONG_NAME = (62, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a request goes and how long is waited. ``proxy`` is the one in between, if any."""

    host: str
    proxy: str | None = None
    connect_timeout: float
    read_timeout: float

    @property
    def first_stop(self) -> str:
        """What is connected to first, as a sentence begins with it."""
        return f"The proxy {self.proxy}" if self.proxy else self.host


def connection_error(error: BaseException, httpx: Any, route: Route) -> ProviderError:
    """The error for a request that got no response."""
    if isinstance(error, httpx.ProxyError):
        return _proxy_refused(str(error), route)
    if isinstance(error, httpx.ConnectError):
        return cannot_connect(error, route)
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return too_slow(route)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return ProviderError(
            "The profile's address or headers cannot be used for a request.",
            hint="base_url has to start with http:// or https://; headers must be plain text.",
            code="bad_address",
        )
    problem = broken(error, httpx, route)
    silent = problem.code == "read_timeout"
    return ProviderError(
        problem.message,
        hint="Retry, or raise the profile's read_timeout." if silent else RETRY_HINT,
        code=problem.code,
        retryable=True,
        sent=True,
    )


def broken(error: BaseException, httpx: Any, route: Route) -> Problem:
    """Why a connection that had been working did not go on."""
    if isinstance(error, httpx.ReadTimeout):
        return Problem(
            code="read_timeout",
            message=f"{route.host} was silent for {route.read_timeout:g} s.",
            hint="What arrived is kept. Retry, or raise the profile's read_timeout.",
        )
    return Problem(
        code="connection_lost",
        message=f"The connection to {route.host} broke.",
        hint="What arrived is kept. Retry when the connection is back.",
    )


def proxy_wants_a_name(route: Route) -> ProviderError:
    """The error for a proxy that does not know who is asking (407)."""
    return ProviderError(
        f"{route.first_stop} wants a name and a password.",
        hint=f"Put them into {PROXY_VARIABLES}: http://NAME:PASSWORD@HOST:PORT.",
        code="proxy_auth",
        status=407,
    )


def _proxy_refused(said: str, route: Route) -> ProviderError:
    status = said.partition(" ")[0]
    if status == "407":
        return proxy_wants_a_name(route)
    return ProviderError(
        f"{route.first_stop} did not connect to {route.host}: {plain(said, 80)}.",
        hint=f"Check {PROXY_VARIABLES}, or name the host in NO_PROXY.",
        code="proxy_refused",
        retryable=status.startswith("5"),
    )


def too_slow(route: Route) -> ProviderError:
    """The error for a connection that was not made in time."""
    return ProviderError(
        f"{route.first_stop} did not answer within {route.connect_timeout:g} s.",
        hint=(
            f"Check {PROXY_VARIABLES} and NO_PROXY, and the network."
            if route.proxy
            else f"{_address_or_network(route)} connect_timeout sets how long to wait."
        ),
        code="connect_timeout",
        retryable=True,
    )


def no_handshake(route: Route) -> ProviderError:
    """The error for a server that took the connection and never began to secure it."""
    return ProviderError(
        f"{route.host} took the connection, and did not secure it within "
        f"{route.connect_timeout:g} s.",
        hint=_TLS_HINT,
        code="tls",
    )


def cannot_connect(error: BaseException, route: Route) -> ProviderError:
    """The error for a connection that was not made; ``error`` or its causes say why."""
    causes = _chain(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(cause.verify_code, route.host)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ProviderError(
            f"The connection to {route.host} could not be secured.",
            hint=_TLS_HINT,
            code="tls",
        )
    unknown = any(isinstance(cause, socket.gaierror) for cause in causes)
    if route.proxy:
        return ProviderError(
            f"There is no proxy {route.proxy}."
            if unknown
            else f"Nothing answers at the proxy {route.proxy}.",
            hint=f"Check {PROXY_VARIABLES}; NO_PROXY names hosts that need none.",
            code="proxy_unreachable",
            retryable=True,
        )
    if unknown:
        return ProviderError(
            f"The host {route.host} cannot be found."
            if is_well_known(route.host)
            else f"There is no host {route.host}.",
            hint=_address_or_network(route),
            code="unknown_host",
            retryable=True,
        )
    return ProviderError(
        f"Nothing answers at {route.host}.",
        hint=_CHECK_NETWORK
        if is_well_known(route.host)
        else "Is the server running, and is the port right?",
        code="connection_refused",
        retryable=True,
    )


def _address_or_network(route: Route) -> str:
    return _CHECK_NETWORK if is_well_known(route.host) else _CHECK_BOTH


def _untrusted(number: int, host: str) -> ProviderError:
    if number in (_EXPIRED, _NOT_YET_VALID):
        what = "has expired" if number == _EXPIRED else "is not valid yet"
        sentence = f"The certificate of {host} {what}."
        hint = "Check this machine's date; if that is right, the server has to renew it."
    elif number in _SELF_SIGNED:
        sentence = f"The certificate of {host} is signed by nobody that this machine trusts."
        hint = _TRUST_HINT
    elif number in _WRONG_NAME:
        sentence = f"The certificate of {host} is for another host."
        hint = "Check the host's name in base_url; use the name that the certificate has."
    else:
        sentence = f"The certificate of {host} cannot be verified."
        hint = _TRUST_HINT
    return ProviderError(sentence, hint=hint, code="certificate")


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        if isinstance(at, BaseExceptionGroup):
            found.extend(at.exceptions)
        at = at.__cause__ or at.__context__
    return found
