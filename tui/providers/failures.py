"""Turns answers that are no use into ProviderError: a sentence, a hint, and what to do.

Keys never get through: server texts are redacted, and the SDK's exceptions (which hold requests
with their headers) are never chained to ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from tui.core.errors import ProviderError
from tui.providers.addresses import CHECK
from tui.providers.kinds import CONTEXT, RETRY_HINT, Kind, Said, read_error, recognise
from tui.providers.redaction import Secrets
from tui.providers.words import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Who answered. ``address_hint`` is what to do when it is not the one that was meant.

    ``absent_hint`` is what to do when nothing is there, of a server that has answered before;
    ``keyless`` is the name of a profile that sends no key. Both may be empty.
    """

    host: str
    secrets: Secrets
    address_hint: str = CHECK
    absent_hint: str = ""
    keyless: str = ""


def _kind(code: str, message: str, hint: str, *, retryable: bool = False) -> Kind:
    return Kind(code=code, message=message, hint=hint, retryable=retryable)


_REFUSED = _kind("bad_request", "The server refused the request", "See what it says, and the docs.")
_NOTHING_HERE = _kind("not_found", "The server has nothing at this address", "")
_STATUS = {
    400: _REFUSED,
    401: _kind("unauthorized", "The server does not accept the key", "Check the profile's key."),
    402: _kind("insufficient_quota", "The account has no credit left", "Check the account's plan."),
    403: _kind("forbidden", "The key may not do this", "Check the key's rights and the project."),
    404: _NOTHING_HERE,
    405: _NOTHING_HERE,
    408: _kind("timeout", "The server gave up waiting for the request", RETRY_HINT, retryable=True),
    409: _kind("conflict", "The server is busy with the same thread", RETRY_HINT, retryable=True),
    413: _kind("too_large", "The request is too large", "Start a new thread or send less."),
    422: _REFUSED,
    429: _kind(
        "rate_limit_exceeded",
        "The rate limit or the quota is used up",
        "Wait a moment and retry; if it stays, check the account's quota.",
        retryable=True,
    ),
}
_SERVER_FAULT = _kind("server_error", "The server failed", RETRY_HINT, retryable=True)
_REDIRECT = _kind(
    "redirected", "The server sent the request elsewhere", "Put the new address in base_url."
)
# What these statuses say is plain; words in the message make nothing else of it than this.
_ONLY = {401: ("unauthorized",), 429: ("insufficient_quota",)}


def status_error(
    status: int, headers: Mapping[str, str], body: str, who: Answerer
) -> ProviderError:
    """The error for a response whose status is not a success."""
    said = read_error(who.secrets.redact(body))
    if 300 <= status < 400:
        said = Said(message=who.secrets.redact(headers.get("location", "")))
    known = recognise(said)
    if known is not None and known.code not in _ONLY.get(status, (known.code,)):
        known = None
    kind = known or _STATUS.get(status) or _by_class(status)
    if kind.code == "unauthorized" and who.keyless:
        kind = _wants_key(who.keyless)
    hint = kind.hint or who.absent_hint or who.address_hint
    delay = retry_after(headers)
    if delay is not None and delay >= 1:
        hint = f"The server asks to wait {delay:.0f} s. {hint}"
    return ProviderError(
        _sentence(f"{kind.message} ({who.host} answered {status})", said),
        hint=hint,
        code=kind.code if known else plain(said.code, 80) or kind.code,
        retryable=kind.retryable,
        retry_after=delay,
        status=status,
        context_window=said.window if kind.code == CONTEXT else None,
    )


def _wants_key(profile: str) -> Kind:
    hint = (
        f"Name the key's variable with api_key_env in the profile {profile!r}, or run: "
        f"tickertape config set-key {profile}"
    )
    return _kind("unauthorized", "The server wants a key, and the profile has none", hint)


def _sentence(ours: str, said: Said) -> str:
    detail = plain(said.message)
    return f"{ours}: {detail}" if detail else f"{ours}."


def _by_class(status: int) -> Kind:
    if status >= 500:
        return _SERVER_FAULT
    return _REDIRECT if 300 <= status < 400 else _REFUSED


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


def not_a_stream(body: str, who: Answerer) -> ProviderError:
    """The error for a successful response that is no event stream."""
    if body.lstrip().startswith("<"):
        return ProviderError(
            f"{who.host} answered with a web page instead of a stream.",
            hint=who.address_hint,
            code="not_an_api",
        )
    said = read_error(who.secrets.redact(body))
    known = recognise(said)
    ours = known.message if known else f"{who.host} answered without streaming"
    return ProviderError(
        _sentence(ours, said),
        hint=known.hint if known else "Check base_url; the server has to support streaming.",
        code=known.code if known else "not_streaming",
        sent=known is None,
        context_window=said.window if known and known.code == CONTEXT else None,
    )


def not_json(who: Answerer) -> ProviderError:
    """The error for a successful response that should have been a JSON object."""
    return ProviderError(
        f"{who.host} did not answer with JSON.", hint=who.address_hint, code="not_an_api"
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
