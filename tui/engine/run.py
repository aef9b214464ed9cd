"""One run from its first request to its end: turn -> tools -> turn, until a terminal state.

Written once and used twice: the client's conversations drive it against a remote provider, the
server drives it against the model behind it (its toolset waits for submitted outputs).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from tui.core import events as e
from tui.core.errors import ProviderError, TickertapeError
from tui.core.models import Outcome, Problem
from tui.core.ports import (
    ApprovalPolicy,
    NewMessages,
    Provider,
    ResponseOpened,
    Resume,
    RunRequest,
    RunSession,
    Signal,
    ToolResults,
    Toolset,
    TurnInput,
    WireFault,
    WireReceived,
)
from tui.core.settings import Limits
from tui.engine.calls import CallRunner, Decisions

_CANCEL_TIMEOUT = 5.0
_RETRY_BASE = 0.5


class Recorder(Protocol):
    """Who is told what happens in a run, in order."""

    def emit(self, event: e.Event, *, turn: int | None = None, wire: int | None = None) -> None:
        """Record an event; ``wire`` is the index of the raw event that it came from."""
        ...

    def wire(self, received: WireReceived | ResponseOpened) -> None:
        """Record what the transport received."""
        ...

    async def fault(self, fault: WireFault) -> Outcome | None:
        """Play a fault the sandbox asked for; an outcome ends the turn, None goes on."""
        ...

    async def barrier(self) -> None:
        """Return when everything recorded is durable."""
        ...


@dataclass(slots=True)
class _Turn:
    """What one stream has said so far."""

    round: int
    wire: int | None = None
    shown: bool = False
    end: e.TurnFinished | None = None


@dataclass(slots=True, kw_only=True)
class RunLoop:
    """Drives one run. ``run`` may be called once; ``cancel`` at any moment, from its loop.

    ``decisions`` is where answers to ApprovalRequested arrive.
    """

    provider: Provider
    toolset: Toolset
    policy: ApprovalPolicy
    recorder: Recorder
    limits: Limits = field(default_factory=Limits)
    decisions: Decisions = field(default_factory=Decisions)
    _cancelled_as: Outcome | None = None
    _work: asyncio.Task[e.TurnFinished] | None = None

    def cancel(self, outcome: Outcome = Outcome.CANCELLED) -> None:
        """Stop stream and tools, then the remote run; ``run`` returns with what really happened.

        ``outcome`` is what the run ends as unless the provider finished it first.
        """
        if self._cancelled_as is not None:
            return
        self._cancelled_as = outcome
        if self._work is not None:
            self._work.cancel()

    async def run(self, request: RunRequest) -> Outcome:
        """Run to the end and record RunFinished; raises nothing but its own task's cancellation."""
        end = await self._guarded(request)
        self.recorder.emit(
            e.RunFinished(outcome=end.outcome, reason=end.reason, error=end.error)
        )
        return end.outcome
