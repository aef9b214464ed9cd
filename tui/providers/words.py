"""What went wrong, in words for a person: one place for sentences, hints and their cleaning."""

from __future__ import annotations

import re

from tui.core.models import Problem
from tui.providers.kinds import RETRY_HINT, Said, recognise

MAX_DETAIL = 400

# C0, DEL, C1, line and paragraph separators, bidirectional controls, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_ANSWER_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_REASONS = {
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
    known = recognise(Said(message=message, code=code))
    code, message = plain(code, 80), plain(message)
    said = message or (f"{known.message}." if known else fallback)
    sentence = f"{said} ({code})" if code and code not in said else said
    return Problem(
        code=known.code if known else code or "failed",
        message=sentence,
        hint=known.hint if known else RETRY_HINT,
    )


def incomplete_reason(reason: str, limit: object = None) -> str:
    """Why a run stopped short, in words; ``limit`` is for how many tokens it was asked, if any."""
    if reason in _ANSWER_LIMITS and limit:
        given = "max_completion_tokens in the profile's options"
        return f"the limit of {plain(str(limit), 20)} completion tokens was reached ({given})"
    if reason in _ANSWER_LIMITS:
        return "the server's own limit of completion tokens was reached"
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
