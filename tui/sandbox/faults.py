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
    """One kind: the keys it takes beside ``kind``, what it does, and how it becomes a step."""

    takes: tuple[str, ...]
    does: str
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


_DOES: dict[WireFaultKind, tuple[tuple[str, ...], str]] = {
    "error_event": (("message", "after"), "the stream sends an error event and ends"),
    "disconnect": (("after",), "the connection is closed in the middle"),
    "truncate": (("after",), "the stream ends early, in good order but without its last event"),
    "stall": (("seconds", "after"), "nothing arrives for `seconds` (0: until the client gives up)"),
    "malformed": (("after",), "one event of the stream is not valid JSON"),
    "unknown_event": (("message", "after"), "one event has a name that nobody knows"),
}
WIRE_FAULTS: dict[str, Failure] = {
    kind: Failure(_DOES[kind][0], _DOES[kind][1], partial(_wire, kind))
    for kind in get_args(WireFaultKind)
}
MODEL_FAILURES: dict[str, Failure] = {
    "run_failed": Failure(("message",), "the run fails with server_error", _run_failed),
    "rate_limit": Failure(
        ("message", "seconds"), "the run fails with rate_limit_exceeded", _rate_limit
    ),
    "malformed_arguments": Failure(
        ("name", "arguments"), "a tool is called with broken JSON", _malformed_arguments
    ),
    "refusal": Failure(("message",), "the model refuses, and the run completes", _refusal),
    "length": Failure((), f"the run ends incomplete ({LENGTH})", _length),
}
FAILURES: dict[str, Failure] = {**WIRE_FAULTS, **MODEL_FAILURES}
