"""One turn of a run: ask, take what streams back, ask again in sight, follow up a broken stream."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from tui.core import events as e
from tui.core.errors import ProviderError, TickertapeError
from tui.core.models import JsonObject, Outcome, Problem, Usage
from tui.core.ports import (
    Checkpoint,
    ResponseOpened,
    Resume,
    RunSession,
    Signal,
    ToolResults,
    TurnInput,
    WireFault,
    WireReceived,
)
from tui.core.settings import Limits

_log = logging.getLogger(__name__)

_RETRY_BASE = 0.5
_TRUNCATED = Problem(
    code="truncated",
    message="The answer ended before it was complete.",
    hint="Retry, or send a message to go on from what is there.",
)
_BROKEN = {
    Outcome.DISCONNECTED: "The connection was lost. Asking the server what became of the run.",
    Outcome.TRUNCATED: "The stream ended too early. Asking the server what became of the run.",
}


_ONCE_MORE = "The connection was lost before anything came. Asking once more."
_TIMED_OUT = "read_timeout"
# Failures that servers also tell in a stream that has begun, instead of by its status.
_PASSING = frozenset({"rate_limit_exceeded", "server_error", "model_loading"})


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


@dataclass(slots=True, kw_only=True)
class Turns:
    """The turns of one run. ``round`` is the one that goes on, ``wire`` its last raw event.

    ``wire_before`` raw events came before this session, ``wire_events`` have come so far.
    ``resumable``: the server can be asked what became of a run. ``usage`` is what the run has used
    so far, ``usage_before`` of that before this session. ``told_window`` is how many tokens the
    model takes, once the server complained. ``refused``: the last request gave no stream, however
    often it was sent; ``shown``: something of its answer was. ``once``: the next request makes the
    server run what was approved, so it must not arrive twice.
    """

    recorder: Recorder
    limits: Limits = field(default_factory=Limits)
    resumable: bool = True
    round: int = 1
    usage: Usage = field(default_factory=Usage)
    usage_before: Usage = field(default_factory=Usage)
    told_window: int | None = None
    wire: int | None = None
    wire_before: int = 0
    wire_events: int = 0
    refused: bool = False
    shown: bool = False
    once: bool = False

    def go_on(self, *, wire_events: int, usage: Usage) -> None:
        """The first session of this process follows others, of processes that are gone."""
        self.wire_before, self.usage = wire_events, usage
        if not self.resumable:  # a server that keeps the run counts all of it itself
            self.usage_before = usage

    def start_over(self) -> None:
        """A new session follows, which counts raw events and tokens from 0 again."""
        self.wire_before, self.usage_before = self.wire_events, self.usage

    async def settled(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        """A turn whose broken stream has been followed up: the remote run may still be going."""
        for attempt in range(1, 2 + self.limits.max_retries):
            self.wire, self.refused, self.shown = None, False, False
            end = await self._turn(session, given)
            if end.outcome not in _BROKEN:
                if end.error is None or not self._passes(end.error, attempt):
                    return end
                await self._wait_to_retry(attempt, _backoff(attempt), end.error.message)
                continue
            if not self.resumable:
                if self.refused or not self._may_be_repeated(end):
                    return end
                self.recorder.emit(e.NoticeAdded(text=_ONCE_MORE), turn=self.round)
                continue
            self.recorder.emit(e.NoticeAdded(text=_BROKEN[end.outcome]), turn=self.round)
            settled = await self._followed_up(session, given, end)
            if settled is not None:
                return settled
        return end

    async def _followed_up(
        self, session: RunSession, given: TurnInput, end: e.TurnFinished
    ) -> e.TurnFinished | None:
        """What became of a turn that broke off; None when it never arrived: ask once more."""
        try:
            resumed = await self.asked(session, Resume())
        except TickertapeError as error:
            if error.code == "run_not_found" and self.wire is None:
                return None
            _log.info("could not settle the run: %s", error)
            return end
        if isinstance(given, ToolResults) and _waits_for_the_same(resumed, given):
            return None  # the tools have run and must not run again
        return end if resumed.outcome in _BROKEN else resumed

    async def _turn(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        try:
            return await self.asked(session, given)
        except ProviderError as error:
            self.refused, self.told_window = True, error.context_window
            return _after_error(error)

    async def asked(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        """One turn, asked for again in sight while there is a point in it."""
        looking = isinstance(given, Resume)
        for attempt in itertools.count(1):
            self.recorder.emit(e.TurnStarted(round=self.round), turn=self.round)
            try:
                return await self.stream(session, given)
            except ProviderError as error:
                repeatable = looking or not error.sent or self._costs_only_tokens(error)
                delay = self._retry_delay(error, attempt, repeatable=repeatable)
                if delay is None:
                    raise
                await self._wait_to_retry(attempt, delay, error.message)
        raise AssertionError("unreachable: count() does not end")

    async def _wait_to_retry(self, attempt: int, delay: float, reason: str) -> None:
        retry = e.RetryScheduled(attempt=attempt, delay=delay, reason=reason)
        self.recorder.emit(retry, turn=self.round)
        await asyncio.sleep(delay)

    def _passes(self, problem: Problem, attempt: int) -> bool:
        """Whether what a stream told instead of an answer may be over in a moment."""
        if self.resumable or self.refused or self.shown or self.once:
            return False
        return problem.code in _PASSING and attempt <= self.limits.max_retries

    def _may_be_repeated(self, end: e.TurnFinished) -> bool:
        """Nothing came, so nothing is lost; but a server that was silent will be so again."""
        came = self.shown or self.wire is not None
        return not (came or self.once) and (end.error is None or end.error.code != _TIMED_OUT)

    def _costs_only_tokens(self, error: ProviderError) -> bool:
        """Whether asking again can do no harm: a server without memory keeps nothing twice."""
        return not (self.resumable or self.once) and error.code != _TIMED_OUT

    def _retry_delay(self, error: ProviderError, attempt: int, *, repeatable: bool) -> float | None:
        """Seconds to wait before trying again, or None when there is no point."""
        if not (error.retryable and repeatable) or attempt > self.limits.max_retries:
            return None
        if error.retry_after is not None:
            fits = error.retry_after <= self.limits.max_retry_delay
            return error.retry_after if fits else None
        return _backoff(attempt)

    async def stream(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        number = self.round
        continuation = session.continuation
        async with contextlib.aclosing(_closable(session.turn(given))) as signals:
            async for signal in signals:
                if isinstance(signal, WireReceived):
                    self._take_wire(signal)
                    continue
                if isinstance(signal, ResponseOpened):
                    self.recorder.wire(signal)
                    continue
                if isinstance(signal, Checkpoint):
                    continuation = self._tell_continuation(session, continuation)
                    await self.recorder.barrier()
                    continue
                event = await self._played(signal) if isinstance(signal, WireFault) else signal
                if event is None:
                    continue
                continuation = self._tell_continuation(session, continuation)
                self.shown = self.shown or isinstance(event, e.PartStarted)
                if isinstance(event, e.UsageReported):
                    self.usage = self.usage_before + event.usage
                    event = e.UsageReported(usage=self.usage)
                self.recorder.emit(event, turn=number, wire=self.wire)
                if isinstance(event, e.TurnFinished):
                    return event
        end = e.TurnFinished(outcome=Outcome.TRUNCATED, error=_TRUNCATED)
        self.recorder.emit(end, turn=number, wire=self.wire)
        return end

    def _take_wire(self, received: WireReceived) -> None:
        if self.wire_before:
            received = replace(received, index=received.index + self.wire_before)
        self.wire, self.wire_events = received.index, received.index + 1
        self.recorder.wire(received)

    def _tell_continuation(self, session: RunSession, known: JsonObject) -> JsonObject:
        """Record what a later session needs, if that has changed."""
        now = session.continuation
        if now is not known:
            self.recorder.emit(e.ContinuationChanged(continuation=now), turn=self.round)
        return now

    async def _played(self, fault: WireFault) -> e.TurnFinished | None:
        outcome = await self.recorder.fault(fault)
        if outcome is None:
            return None
        message = fault.message or f"The sandbox played the fault {fault.kind}."
        problem = Problem(code=fault.kind, message=message, hint="It was asked to. Go on.")
        return e.TurnFinished(outcome=outcome, error=problem)


def _backoff(attempt: int) -> float:
    seconds: float = _RETRY_BASE * 2.0 ** (attempt - 1)
    # Jitter keeps many clients from coming back together; nothing here is a secret.
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311


def _waits_for_the_same(end: e.TurnFinished, given: ToolResults) -> bool:
    return {need.call_id for need in end.needs} == {each.call_id for each in given.results}


def _after_error(error: ProviderError) -> e.TurnFinished:
    """A request that may have reached the server is a lost connection, not a failed run."""
    lost = error.sent and error.status is None
    outcome = Outcome.DISCONNECTED if lost else Outcome.FAILED
    return e.TurnFinished(outcome=outcome, error=error.problem)


async def _closable(signals: AsyncIterator[Signal]) -> AsyncGenerator[Signal, None]:
    """Any iterator as a generator that closes it, so that leaving early frees the connection."""
    try:
        async for signal in signals:
            yield signal
    finally:
        if isinstance(signals, AsyncGenerator):
            await signals.aclose()
