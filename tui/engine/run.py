"""One run from its first request to its end: turn -> tools -> turn, until a terminal state.

Written once and used twice: the client's conversations drive it against a remote provider, the
server drives it against the model behind it (its toolset waits for submitted outputs).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from tui.core import events as e
from tui.core.errors import ProviderError, StoreError, TickertapeError
from tui.core.models import JsonObject, Outcome, Problem
from tui.core.ports import (
    ApprovalPolicy,
    Checkpoint,
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

_log = logging.getLogger(__name__)

_CANCEL_TIMEOUT = 5.0
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
    _round: int = 0

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
        """Run to the end and record RunFinished.

        Raises nothing but the cancellation of its own task; then the run is left unfinished, to
        be recovered as interrupted.
        """
        end = await self._end(request)
        self.recorder.emit(e.RunFinished(outcome=end.outcome, reason=end.reason, error=end.error))
        return end.outcome

    async def _end(self, request: RunRequest) -> e.TurnFinished:
        if self._cancelled_as is not None:
            return e.TurnFinished(outcome=self._cancelled_as)
        try:
            async with self.provider.open(request) as session:
                return await self._in_session(session, request)
        except TickertapeError as error:
            return e.TurnFinished(outcome=Outcome.FAILED, error=error.problem)
        except Exception as error:  # noqa: BLE001
            # Whatever broke, the thread has to stay usable and say so.
            _log.exception("run %s failed", request.run_id)
            message = f"Something broke inside: {type(error).__name__}: {error}"
            problem = Problem(code="internal", message=message, hint="The log has the details.")
            return e.TurnFinished(outcome=Outcome.FAILED, error=problem)

    async def _in_session(self, session: RunSession, request: RunRequest) -> e.TurnFinished:
        self._work = asyncio.create_task(self._rounds(session, request))
        try:
            return await self._work
        except asyncio.CancelledError:
            if self._cancelled_as is None:
                raise
            return await self._stop(session, self._cancelled_as)
        except StoreError:
            # Without a record no tool may run and no output may leave: free the remote thread.
            await self._cancel_remote(session)
            raise

    # --- turn -> tools -> turn -----------------------------------------------------------------

    async def _rounds(self, session: RunSession, request: RunRequest) -> e.TurnFinished:
        if self._cancelled_as is not None:  # while the session was being opened
            return e.TurnFinished(outcome=self._cancelled_as)
        runner = CallRunner(
            run_id=request.run_id,
            toolset=self.toolset,
            specs={spec.name: spec for spec in request.tools},
            policy=self.policy,
            decisions=self.decisions,
            recorder=self.recorder,
            timeout=self.limits.tool_timeout,
        )
        given: TurnInput = NewMessages()
        for self._round in itertools.count(1):
            end = await self._settled_turn(session, given)
            if end.outcome is not Outcome.REQUIRES_ACTION:
                return end
            if stop := self._cannot_go_on(end):
                await self._cancel_remote(session)
                return stop
            results = await runner.run(end.needs)
            call_ids = tuple(result.call_id for result in results)
            self.recorder.emit(e.OutputsSubmitted(call_ids=call_ids), turn=self._round)
            await self.recorder.barrier()
            given = ToolResults(results=results)
        raise AssertionError("unreachable: count() does not end")

    def _cannot_go_on(self, end: e.TurnFinished) -> e.TurnFinished | None:
        if not end.needs:
            problem = Problem(
                code="no_calls",
                message="The provider waits for tool outputs but names no calls.",
                hint="Retry; if it happens again, report it with the raw events of this run.",
            )
            return e.TurnFinished(outcome=Outcome.FAILED, error=problem)
        if self._round <= self.limits.max_rounds:
            return None
        problem = Problem(
            code="max_rounds",
            message=f"The run was stopped after {self.limits.max_rounds} rounds of tool calls.",
            hint="Raise limits.max_rounds in the configuration if it needs more.",
        )
        return e.TurnFinished(outcome=Outcome.INCOMPLETE, reason="max_rounds", error=problem)

    async def _settled_turn(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        """A turn whose broken stream has been followed up: the remote run may still be going."""
        end = await self._turn(session, given)
        if end.outcome not in _BROKEN:
            return end
        self.recorder.emit(e.NoticeAdded(text=_BROKEN[end.outcome]), turn=self._round)
        try:
            resumed = await self._asked(session, Resume())
        except TickertapeError as error:
            _log.info("could not settle the run: %s", error)
            return end
        if isinstance(given, ToolResults) and _waits_for_the_same(resumed, given):
            # The outputs never arrived. The tools have run and must not run again.
            return await self._turn(session, given)
        return end if resumed.outcome in _BROKEN else resumed

    async def _turn(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        try:
            return await self._asked(session, given)
        except ProviderError as error:
            return _after_error(error)

    async def _asked(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        """One turn, asked for again in sight while there is a point in it."""
        looking = isinstance(given, Resume)
        for attempt in itertools.count(1):
            self.recorder.emit(e.TurnStarted(round=self._round), turn=self._round)
            try:
                return await self._stream(session, given)
            except ProviderError as error:
                delay = self._retry_delay(error, attempt, repeatable=looking or not error.sent)
                if delay is None:
                    raise
                retry = e.RetryScheduled(attempt=attempt, delay=delay, reason=error.message)
                self.recorder.emit(retry, turn=self._round)
                await asyncio.sleep(delay)
        raise AssertionError("unreachable: count() does not end")

    def _retry_delay(self, error: ProviderError, attempt: int, *, repeatable: bool) -> float | None:
        """Seconds to wait before trying again, or None when there is no point."""
        if not (error.retryable and repeatable) or attempt > self.limits.max_retries:
            return None
        if error.retry_after is not None:
            fits = error.retry_after <= self.limits.max_retry_delay
            return error.retry_after if fits else None
        backoff: float = _RETRY_BASE * 2.0 ** (attempt - 1)
        # Jitter keeps many clients from coming back together; nothing here is a secret.
        return backoff * random.uniform(0.75, 1.25)  # noqa: S311

    async def _stream(self, session: RunSession, given: TurnInput) -> e.TurnFinished:
        wire: int | None = None
        number = self._round
        continuation = session.continuation
        async with contextlib.aclosing(_closable(session.turn(given))) as signals:
            async for signal in signals:
                if isinstance(signal, WireReceived):
                    wire = signal.index
                    self.recorder.wire(signal)
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
                self.recorder.emit(event, turn=number, wire=wire)
                if isinstance(event, e.TurnFinished):
                    return event
        end = e.TurnFinished(outcome=Outcome.TRUNCATED, error=_TRUNCATED)
        self.recorder.emit(end, turn=number, wire=wire)
        return end

    def _tell_continuation(self, session: RunSession, known: JsonObject) -> JsonObject:
        """Record what a later session needs, if that has changed."""
        now = session.continuation
        if now is not known:
            self.recorder.emit(e.ContinuationChanged(continuation=now), turn=self._round)
        return now

    async def _played(self, fault: WireFault) -> e.TurnFinished | None:
        outcome = await self.recorder.fault(fault)
        if outcome is None:
            return None
        message = fault.message or f"The sandbox played the fault {fault.kind}."
        problem = Problem(code=fault.kind, message=message, hint="It was asked to. Go on.")
        return e.TurnFinished(outcome=outcome, error=problem)

    # --- stopping -------------------------------------------------------------------------------

    async def _stop(self, session: RunSession, wanted: Outcome) -> e.TurnFinished:
        """Stop the remote run; what it became counts, not what was wished for."""
        really = await self._cancel_remote(session)
        if really is None:
            return e.TurnFinished(
                outcome=wanted, reason="The server could not be told; it may still be running."
            )
        if really in (Outcome.COMPLETED, Outcome.FAILED, Outcome.INCOMPLETE):
            return await self._fetch_rest(session, really)
        return e.TurnFinished(outcome=wanted)

    async def _cancel_remote(self, session: RunSession) -> Outcome | None:
        """What the remote run ended as, or None when the server could not be reached."""
        try:
            async with asyncio.timeout(_CANCEL_TIMEOUT):
                return await session.cancel()
        except (TickertapeError, TimeoutError) as error:
            _log.info("could not cancel the remote run: %s", error)
            return None

    async def _fetch_rest(self, session: RunSession, really: Outcome) -> e.TurnFinished:
        """The run had finished before the cancel reached it: show what it said."""
        try:
            async with asyncio.timeout(_CANCEL_TIMEOUT):
                end = await self._stream(session, Resume())
        except (TickertapeError, TimeoutError) as error:
            _log.info("could not fetch the rest of a finished run: %s", error)
            return e.TurnFinished(outcome=really)
        return end if end.outcome is really else e.TurnFinished(outcome=really)


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
