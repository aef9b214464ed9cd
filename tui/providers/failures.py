"""Turns whatever HTTP and the SDK raise into ProviderError: a sentence, a hint, and what to do.

Nothing here imports the SDK: it is passed in by whoever has loaded it. Keys never get through:
server texts are redacted, and the SDK's exceptions (which hold requests with their headers) are
never chained to ours.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tui.core.errors import ProviderError
from tui.core.models import Problem
from tui.providers.fields import obj, parse_object, text
from tui.providers.words import RETRY_HINT, hint_for, plain

_MIN_SECRET = 6


@dataclass(frozen=True, slots=True)
class Secrets:
    """Strings that must not leave this room; ``repr`` does not show them either."""

    values: tuple[str, ...]

    @classmethod
    def of(cls, api_key: str | None, headers: Mapping[str, str]) -> Secrets:
        """The key, and header values that look like credentials."""
        words = ("auth", "key", "token", "secret", "cookie")
        found = [v for k, v in headers.items() if any(word in k.lower() for word in words)]
        found += [value.split(" ", 1)[1] for value in found if " " in value]
        candidates = [api_key or "", *found]
        return cls(tuple(value for value in candidates if len(value) >= _MIN_SECRET))

    def redact(self, text: str) -> str:
        """``text`` with every secret blotted out."""
        for value in self.values:
            if value in text:
                text = text.replace(value, "[key removed]")
        return text

    def __repr__(self) -> str:
        return f"Secrets({len(self.values)})"


@dataclass(frozen=True, slots=True)
class _Words:
    code: str
    message: str
    hint: str
    retryable: bool = False


_REFUSED = _Words(
    "bad_request", "The server refused the request", "See what it says, and the docs."
)
_STATUS = {
    400: _REFUSED,
    401: _Words("unauthorized", "The server does not accept the key", "Check the profile's key."),
    402: _Words(
        "insufficient_quota", "The account has no credit left", "Check the account's plan."
    ),
    403: _Words("forbidden", "The key may not do this", "Check the key's rights and the project."),
    404: _Words("not_found", "The server has nothing at this address", "Check base_url and ids."),
    408: _Words("timeout", "The server gave up waiting for the request", RETRY_HINT, True),
    409: _Words("conflict", "The server is busy with the same thread", RETRY_HINT, True),
    413: _Words("too_large", "The request is too large", "Start a new thread or send less."),
    422: _REFUSED,
    429: _Words("rate_limit_exceeded", "The rate limit or the quota is used up", RETRY_HINT, True),
}
_SERVER_FAULT = _Words("server_error", "The server failed", RETRY_HINT, True)
_REDIRECT = _Words(
    "redirected", "The server sent the request elsewhere", "Put the new address in base_url."
)


def status_error(
    status: int, headers: Mapping[str, str], body: str, *, host: str, secrets: Secrets
) -> ProviderError:
    """The error for a response whose status is not a success."""
    words = _STATUS.get(status) or _by_class(status)
    detail, code = _detail(body)
    if 300 <= status < 400:
        detail = headers.get("location", "")
    message = f"{words.message} ({host} answered {status})"
    delay = retry_after(headers)
    hint = hint_for(code) or words.hint
    if delay is not None and delay >= 1:
        hint = f"The server asks to wait {delay:.0f} s. {hint}"
    if detail:
        message += f": {plain(secrets.redact(detail))}"
    return ProviderError(
        message if detail else message + ".",
        hint=hint,
        code=plain(code, 80) or words.code,
        retryable=words.retryable and code != "insufficient_quota",
        retry_after=delay,
        status=status,
    )


def _by_class(status: int) -> _Words:
    if status >= 500:
        return _SERVER_FAULT
    return _REDIRECT if 300 <= status < 400 else _REFUSED


def _detail(body: str) -> tuple[str, str]:
    """What an error body says, and its code; a web page says nothing."""
    data = parse_object(body)
    if data is None:
        stripped = body.lstrip()
        return ("a web page" if stripped.startswith("<") else stripped), ""
    error = obj(data, "error") or data
    message = text(error, "message") or text(data, "error") or text(data, "detail")
    return message, text(error, "code")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from Retry-After as number or date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            seconds = _until(value)
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _until(date: str) -> float:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return -1.0


def connection_error(
    error: BaseException, httpx: Any, *, host: str, seconds: float
) -> ProviderError:
    """The error for a request that got no response. ``httpx`` is the loaded HTTP library."""
    if isinstance(error, httpx.ConnectError):
        return _cannot_connect(error, host)
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return ProviderError(
            f"{host} did not answer within {seconds:g} s.",
            hint="Check base_url and the network; connect_timeout sets how long to wait.",
            code="connect_timeout",
            retryable=True,
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return ProviderError(
            "The profile's address or headers cannot be used for a request.",
            hint="base_url has to start with http:// or https://; headers must be plain text.",
            code="bad_address",
        )
    return ProviderError(
        broken(error, httpx, host=host, read_timeout=seconds).message,
        hint=RETRY_HINT,
        code="connection_lost",
        retryable=True,
        sent=True,
    )


def _cannot_connect(error: BaseException, host: str) -> ProviderError:
    causes = _chain(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ProviderError(
            f"The connection to {host} could not be secured.",
            hint="The certificate is not trusted here, or the port does not speak TLS.",
            code="tls",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return ProviderError(
            f"There is no host {host}.",
            hint="Check base_url for typing errors, and the network.",
            code="unknown_host",
            retryable=True,
        )
    return ProviderError(
        f"Nothing answers at {host}.",
        hint="Is the server running, and is the port right?",
        code="connection_refused",
        retryable=True,
    )


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        if isinstance(at, BaseExceptionGroup):
            found.extend(at.exceptions)
        at = at.__cause__ or at.__context__
    return found


def broken(error: BaseException, httpx: Any, *, host: str, read_timeout: float) -> Problem:
    """Why a connection that had been working did not go on."""
    if isinstance(error, httpx.ReadTimeout):
        return Problem(
            code="read_timeout",
            message=f"{host} was silent for {read_timeout:g} s.",
            hint="What arrived is kept. Retry, or raise the profile's read_timeout.",
        )
    return Problem(
        code="connection_lost",
        message=f"The connection to {host} broke.",
        hint="What arrived is kept. Retry when the connection is back.",
    )


def not_a_stream(host: str, body: str, secrets: Secrets) -> ProviderError:
    """The error for a successful response that is no event stream."""
    if body.lstrip().startswith("<"):
        return ProviderError(
            f"{host} answered with a web page instead of a stream.",
            hint="Check base_url: it may lack /v1, or a proxy or login page stands in between.",
            code="not_an_api",
        )
    detail = plain(secrets.redact(_detail(body)[0]), 200)
    return ProviderError(
        f"{host} answered without streaming{': ' + detail if detail else '.'}",
        hint="Check base_url; the server has to support streamed runs.",
        code="not_streaming",
        sent=True,
    )


def not_json(host: str) -> ProviderError:
    """The error for a successful response that should have been a JSON object."""
    return ProviderError(
        f"{host} did not answer with JSON.",
        hint="Check base_url: it may lack /v1, or a proxy or login page stands in between.",
        code="not_an_api",
    )


def too_large(host: str, limit: int) -> ProviderError:
    """The error for an answer that was left because it did not end."""
    return ProviderError(
        f"{host} sent an answer of more than {limit:,} bytes, which was not read further.",
        hint="The server or a proxy before it is at fault. What arrived is kept.",
        code="answer_too_large",
    )


def not_an_api(host: str) -> ProviderError:
    """The error for an object without the id that every object of the API has."""
    return ProviderError(
        f"{host} answered, but not as an Assistants API does.",
        hint="Check base_url: another kind of server listens there.",
        code="not_an_api",
    )


def run_not_found(*, ever_known: bool) -> ProviderError:
    """The error for a run that the server does not have: deleted there, or never started."""
    said = "The server no longer has this run" if ever_known else "The server never got this run"
    return ProviderError(
        f"{said}.",
        hint="What arrived is kept. Retry; the conversation is sent again from here if need be.",
        code="run_not_found",
    )


def unusable(message: str, hint: str = "Check the profile in the configuration.") -> ProviderError:
    """The error for a profile that no request can be made with."""
    return ProviderError(plain(message), hint=hint, code="profile")
