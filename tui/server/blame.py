"""Why a run failed, as its client may know it: no key, and no address of the model behind."""

from __future__ import annotations

from tui.core.models import JsonObject, Problem

_NO_REASON = "The model behind this server failed without saying why."
_OWN_KEY = "The model behind this server does not accept the server's own key."
_OUT_OF_REACH = "This server cannot reach the model behind it. Its log says why."

# The API knows three codes. What a client does about them: wait, ask otherwise, give up.
_CODES = {
    "rate_limit_exceeded": "rate_limit_exceeded",
    "insufficient_quota": "rate_limit_exceeded",
    "context_length_exceeded": "invalid_prompt",
    "content_filter": "invalid_prompt",
    "invalid_prompt": "invalid_prompt",
    "bad_request": "invalid_prompt",
    "too_large": "invalid_prompt",
}
_SENTENCES = {
    **dict.fromkeys(("unauthorized", "forbidden", "invalid_api_key"), _OWN_KEY),
    **dict.fromkeys(
        (
            "bad_address",
            "certificate",
            "connect_timeout",
            "connection_refused",
            "not_an_api",
            "not_streaming",
            "profile",
            "proxy_auth",
            "proxy_refused",
            "proxy_unreachable",
            "redirected",
            "tls",
            "unknown_host",
        ),
        _OUT_OF_REACH,
    ),
}


def last_error(problem: Problem | None, *, upstream: str) -> JsonObject:
    """The run's ``last_error``; ``upstream`` is the host that must not be named."""
    if problem is None:
        return {"code": "server_error", "message": _NO_REASON}
    message = _SENTENCES.get(problem.code, problem.message)
    if upstream:
        message = message.replace(upstream, "the model's server")
    return {"code": _CODES.get(problem.code, "server_error"), "message": message}
