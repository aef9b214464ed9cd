"""What went wrong, in words for a person: one place for sentences, hints and their cleaning."""

from __future__ import annotations

import re

from tui.core.models import Problem

MAX_DETAIL = 400

# C0, DEL, C1, line and paragraph separators, bidirectional controls, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

RETRY_HINT = "Wait a moment and retry."

_HINTS = {
    "model_not_found": "Set model in the profile to one that the server has.",
    "rate_limit_exceeded": "Wait a moment and retry; if it stays, check the account's quota.",
    "insufficient_quota": "The account's quota is used up: check plan and billing.",
    "server_error": "The fault is on the server's side: retry, or try another model.",
    "invalid_prompt": "The server refuses this prompt: rephrase it, or start a new thread.",
    "context_length_exceeded": "The conversation is too long for the model: start a new thread.",
    "content_filter": "Rephrase the message; the provider's filter stopped the answer.",
}

_REASONS = {
    "max_completion_tokens": "the limit of completion tokens was reached",
    "max_tokens": "the limit of completion tokens was reached",
    "max_prompt_tokens": "the limit of prompt tokens was reached",
    "content_filter": "the provider's content filter stopped the answer",
}


def plain(text: str, limit: int = MAX_DETAIL) -> str:
    """Foreign text as one line that no terminal acts upon, cut to ``limit`` characters."""
    text = " ".join(text[: limit * 4].split())
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def run_problem(code: str, message: str, *, fallback: str) -> Problem:
    """The problem that a server reported about a run (``last_error``, an ``error`` event)."""
    code, message = plain(code, 80), plain(message)
    said = message or fallback
    sentence = f"{said} ({code})" if code and code not in said else said
    return Problem(code=code or "failed", message=sentence, hint=hint_for(code) or RETRY_HINT)


def hint_for(code: str) -> str:
    """What to do about a server's error code; empty for one that is not known."""
    return _HINTS.get(code, "")


def incomplete_reason(reason: str) -> str:
    """Why a run stopped short, in words."""
    return _REASONS.get(reason, plain(reason) or "the provider did not say why")


CANCELLED_ELSEWHERE = "It was stopped on the server, not from here."
TRUNCATED = Problem(
    code="truncated",
    message="The stream ended without saying how the run ended.",
    hint="What arrived is kept. Retry, or ask the model to go on.",
)
EXPIRED = Problem(
    code="expired",
    message="The run expired before it was finished.",
    hint="Runs wait for tool outputs only for a while (usually ten minutes): retry.",
)
UNSUPPORTED_ACTION = Problem(
    code="unsupported_action",
    message="The run waits for something that Tickertape cannot give.",
    hint="Only function tool outputs are supported; change the assistant's tools.",
)
