"""When a run is not given another round: it costs too much, or gets nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.core.events import TurnFinished
from tui.core.models import Need, Outcome, Problem, Usage
from tui.core.ports import ToolResult
from tui.core.settings import Limits

# A model that makes the same call again after it failed may have a reason; not so often.
_SAME_FAILURES = 5


@dataclass(slots=True, kw_only=True)
class Bounds:
    """The bounds of one run."""

    limits: Limits
    _failures: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, needs: Sequence[Need], results: Sequence[ToolResult]) -> None:
        """These calls had these outputs."""
        for need, result in zip(needs, results, strict=True):
            if result.output.is_error and result.decision is None:
                self._failures[need.name, need.arguments] += 1

    def stop(self, end: TurnFinished, *, rounds: int, usage: Usage) -> TurnFinished | None:
        """How the run ends although the provider waits for outputs; None when it may go on."""
        if not end.needs:
            return TurnFinished(outcome=Outcome.FAILED, error=_NO_CALLS)
        if self.limits.max_tokens and usage.total_tokens >= self.limits.max_tokens:
            return _stopped(
                "max_tokens",
                f"after {usage.total_tokens:,} tokens.",
                "Raise limits.max_tokens in the configuration if it needs more.",
            )
        if rounds > self.limits.max_rounds:
            return _stopped(
                "max_rounds",
                f"after {self.limits.max_rounds} rounds of tool calls.",
                "Raise limits.max_rounds in the configuration if it needs more.",
            )
        for need in end.needs:
            if self._failures[need.name, need.arguments] >= _SAME_FAILURES:
                return _stopped(
                    "same_failure",
                    f"because the model asked for the same failing call of {need.name} again, "
                    f"after {_SAME_FAILURES} times.",
                    "Tell it what to do instead, or try another model.",
                )
        return None


_NO_CALLS = Problem(
    code="no_calls",
    message="The provider waits for tool outputs but names no calls.",
    hint="Retry; if it happens again, report it with the raw events of this run.",
)


def _stopped(code: str, why: str, hint: str) -> TurnFinished:
    problem = Problem(code=code, message=f"The run was stopped {why}", hint=hint)
    return TurnFinished(outcome=Outcome.INCOMPLETE, reason=code, error=problem)
