"""How a run object says that it ended, and what it used."""

from __future__ import annotations

from tui.core.events import TurnFinished
from tui.core.models import JsonObject, Outcome, Usage
from tui.providers import words
from tui.providers.fields import count, obj, text

TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})
ACTIVE = frozenset({"queued", "in_progress", "requires_action", "cancelling"})


def decode_usage(run: JsonObject) -> Usage | None:
    """The run's token counts, or None while it has none."""
    usage = obj(run, "usage")
    if not usage:
        return None
    # The hosted API and its specification disagree about the plural.
    prompt = obj(usage, "prompt_token_details") or obj(usage, "prompt_tokens_details")
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        total_tokens=count(usage, "total_tokens"),
        cached_tokens=count(prompt, "cached_tokens"),
        reasoning_tokens=count(obj(usage, "completion_tokens_details"), "reasoning_tokens"),
    )


def decode_end(status: str, run: JsonObject) -> TurnFinished | None:
    """The end of a run with this terminal status; None for any other status."""
    if status == "completed":
        return TurnFinished(outcome=Outcome.COMPLETED)
    if status == "cancelled":
        # One that was cancelled from here is not read to its end.
        return TurnFinished(outcome=Outcome.CANCELLED, reason=words.CANCELLED_ELSEWHERE)
    if status == "expired":
        return TurnFinished(outcome=Outcome.EXPIRED, error=words.EXPIRED)
    if status == "incomplete":
        reason = text(obj(run, "incomplete_details"), "reason")
        reason = words.incomplete_reason(reason, run.get("max_completion_tokens"))
        return TurnFinished(outcome=Outcome.INCOMPLETE, reason=reason)
    if status == "failed":
        return decode_failure(obj(run, "last_error"))
    return None


def decode_failure(error: JsonObject) -> TurnFinished:
    """The end of a run that failed with this ``{code, message}`` (or ``{type, message}``)."""
    problem = words.run_problem(
        text(error, "code") or text(error, "type"),
        text(error, "message"),
        fallback="The run failed and the provider did not say why.",
    )
    return TurnFinished(outcome=Outcome.FAILED, error=problem)
