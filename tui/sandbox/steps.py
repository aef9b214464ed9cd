"""The small language between deciding what to say and streaming it: rules and scenarios emit it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tui.core.models import Outcome, PartKind, Problem, ToolOutput
from tui.core.ports import WireFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """One part of text, streamed in tokens. ``rate`` None means: the sandbox's own."""

    text: str
    kind: PartKind = PartKind.TEXT
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call to make; ``arguments`` is the raw text that is streamed, JSON or not."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTools:
    """Calls made in parallel; the turn ends after them and waits for their outputs."""

    calls: tuple[PlannedCall, ...]
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Silence of ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakWire:
    """A fault that whoever serves the sandbox plays; ``after`` counts tokens of later steps."""

    fault: WireFault
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTurn:
    """The turn ends here in this way; later steps are not reached."""

    outcome: Outcome
    reason: str = ""
    error: Problem | None = None


Step: TypeAlias = Say | CallTools | Wait | BreakWire | EndTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedCall:
    """A call of an earlier round with what came back; None when no output was handed in."""

    call: PlannedCall
    output: ToolOutput | None


Rounds: TypeAlias = Sequence[Sequence[FinishedCall]]
Plan: TypeAlias = Callable[[Rounds], Sequence[Step]]
"""From the rounds of calls that are finished to the steps of the next turn."""
