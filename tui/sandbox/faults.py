"""The kinds of failure a scenario can ask for: some the model's own, some of the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from tui.core.models import Outcome, PartKind, Problem
from tui.core.ports import WireFault, WireFaultKind
from tui.sandbox.play import LENGTH
from tui.sandbox.steps import BreakWire, CallTools, EndTurn, PlannedCall, Say, Step

_RETRY_SECONDS = 20.0

_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind: the keys it takes beside ``kind``, and how it becomes a step."""

    takes: tuple[str, ...]
    step: Callable[[_Values, float | None], Step]


def _wire(kind: WireFaultKind, values: _Values, _rate: float | None) -> Step:
    fault = WireFault(
        kind=kind, seconds=values.get("seconds", 0.0), message=values.get("message", "")
    )
    return BreakWire(fault=fault, after=values.get("after", 0))


def _run_failed(values: _Values, _rate: float | None) -> Step:
    message = values.get("message", "The sandbox was asked to fail here.")
    return EndTurn(
        outcome=Outcome.FAILED,
        error=Problem(code="server_error", message=message, hint="Send the message again."),
    )


def _rate_limit(values: _Values, _rate: float | None) -> Step:
    seconds = values.get("seconds", _RETRY_SECONDS)
    message = values.get("message", "Rate limit reached for requests.")
    return EndTurn(
        outcome=Outcome.FAILED,
        error=Problem(
            code="rate_limit_exceeded",
            message=f"{message} Please try again in {seconds:g}s.",
            hint=f"Wait {seconds:g} seconds, then send the message again.",
        ),
    )


def _length(_values: _Values, _rate: float | None) -> Step:
    return EndTurn(outcome=Outcome.INCOMPLETE, reason=LENGTH)


def _refusal(values: _Values, rate: float | None) -> Step:
    message = values.get("message", "I'm sorry, but I cannot help with that.")
    return Say(text=message, kind=PartKind.REFUSAL, rate=rate)


def _malformed_arguments(values: _Values, rate: float | None) -> Step:
    call = PlannedCall(
        name=values.get("name", "calculate"),
        arguments=values.get("arguments", '{"expression": "17*'),
    )
    return CallTools(calls=(call,), rate=rate)


_WIRE_KEYS: dict[WireFaultKind, tuple[str, ...]] = {
    "error_event": ("message", "after"),
    "stall": ("seconds", "after"),
    "unknown_event": ("message", "after"),
}
WIRE_FAULTS: dict[str, Failure] = {
    kind: Failure(_WIRE_KEYS.get(kind, ("after",)), partial(_wire, kind))
    for kind in get_args(WireFaultKind)
}
MODEL_FAILURES: dict[str, Failure] = {
    "run_failed": Failure(("message",), _run_failed),
    "rate_limit": Failure(("message", "seconds"), _rate_limit),
    "malformed_arguments": Failure(("name", "arguments"), _malformed_arguments),
    "refusal": Failure(("message",), _refusal),
    "length": Failure((), _length),
}
FAILURES: dict[str, Failure] = {**WIRE_FAULTS, **MODEL_FAILURES}
