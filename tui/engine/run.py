"""One run from its first request to its end: turn -> tools -> turn, until a terminal state.

Written once and used twice: the client's conversations drive it against a remote provider, the
server drives it against the model behind it (its toolset waits for submitted outputs).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.core import events as e
from tui.core.errors import ProviderError, StoreError, TickertapeError
from tui.core.models import Need, Outcome, Problem
from tui.core.ports import (
    ApprovalPolicy,
    NewMessages,
    Provider,
    Resume,
    RunRequest,
    RunSession,
    ToolResult,
    ToolResults,
    Toolset,
    TurnInput,
)
from tui.core.settings import Limits
from tui.engine.bounds import Bounds
from tui.engine.calls import CallRunner, Decisions
from tui.engine.context import Fit, first_seen, hopeless, is_too_long
from tui.engine.record import Record
from tui.engine.turn import Recorder, Turns

_log = logging.getLogger(__name__)

_CANCEL_TIMEOUT = 5.0
_GONE = Problem(
    code="run_not_found",
    message="The server no longer has this run, so what is missing cannot be fetched.",
    hint="Retry, or send a message to go on from what is there.",
)
_NOWHERE = Problem(
    code="interrupted",
    message="The answer broke off, and this protocol keeps no copy of the rest on the server.",
    hint="Continue from what is there, or retry.",
)
_REBUILT = "The server no longer had this run; it goes on from the local copy."


class CannotResumeError(TickertapeError):
    """The server cannot be asked what became of an interrupted run; it stays interrupted."""


class _LostRunError(TickertapeError):
    """The server has lost a run whose calls have been run: it must be told from the start."""


@dataclass(slots=True, kw_only=True)
class RunLoop:
    """Drives one run. ``run`` may be called once; ``cancel`` at any moment, from its loop.

    ``decisions`` is where answers to ApprovalRequested arrive. ``fit`` keeps requests within what
    the model takes, and knows more about that afterwards.
    """

    provider: Provider
    toolset: Toolset
    policy: ApprovalPolicy
    recorder: Recorder
    limits: Limits = field(default_factory=Limits)
    decisions: Decisions = field(default_factory=Decisions)
    fit: Fit = field(default_factory=Fit)
    _cancelled_as: Outcome | None = None
    _work: asyncio.Task[e.TurnFinished] | None = None
    _stateful: bool = field(init=False)
    _turns: Turns = field(init=False)
    _bounds: Bounds = field(init=False)

    def __post_init__(self) -> None:
        self._bounds = Bounds(limits=self.limits)
        self._stateful = self.provider.capabilities.server_state
        self._turns = Turns(recorder=self.recorder, limits=self.limits, resumable=self._stateful)

    def cancel(self, outcome: Outcome = Outcome.CANCELLED) -> None:
        """Stop stream and tools, then the remote run; ``run`` returns with what really happened.

        ``outcome`` is what the run ends as unless the provider finished it first.
        """
        if self._cancelled_as is not None:
            return
        self._cancelled_as = outcome
        if self._work is not None:
            self._work.cancel()

    async def run(
        self,
        request: RunRequest,
        record: Record | None = None,
        *,
        rebuild: Callable[[], RunRequest] | None = None,
    ) -> Outcome:
        """Run to the end and record RunFinished.

        With a ``record`` an interrupted run goes on; ``rebuild`` then gives the request with the
        history as it is when the server turns out to have lost the run. Raises the cancellation
        of its own task, or CannotResumeError: then the run is left unfinished.
        """
        end = await self._end(request, record, rebuild)
        self.recorder.emit(e.RunFinished(outcome=end.outcome, reason=end.reason, error=end.error))
        return end.outcome

    async def _end(
        self,
        request: RunRequest,
        record: Record | None,
        rebuild: Callable[[], RunRequest] | None,
    ) -> e.TurnFinished:
        if self._cancelled_as is not None:
            return e.TurnFinished(outcome=self._cancelled_as)
        try:
            return await self._started(request, record, rebuild)
        except CannotResumeError:
            raise
        except TickertapeError as error:
            return e.TurnFinished(outcome=Outcome.FAILED, error=error.problem)
        except Exception as error:  # noqa: BLE001
            # Whatever broke, the thread has to stay usable and say so.
            _log.exception("run %s failed", request.run_id)
            message = f"Something broke inside: {type(error).__name__}: {error}"
            problem = Problem(code="internal", message=message, hint="The log has the details.")
            return e.TurnFinished(outcome=Outcome.FAILED, error=problem)

    async def _started(
        self,
        request: RunRequest,
        record: Record | None,
        rebuild: Callable[[], RunRequest] | None,
    ) -> e.TurnFinished:
        """In one session, or in several: a lost run starts over, one that is too long shorter."""
        window = self.fit.window
        while True:
            fitting = self._cut(request)
            try:
                end = await self._opened(fitting, record)
            except _LostRunError:
                if rebuild is None:
                    raise
                request = rebuild()
            else:
                if not is_too_long(end) or not self._may_be_shorter(rebuild):
                    return end
                request = rebuild() if rebuild is not None else request
                if not self.fit.narrow(request, sent=fitting, told=self._turns.told_window):
                    # So it was not the history, which later requests must not do without.
                    self.fit.window = window
                    return hopeless(end, sent=fitting)
            record = None
            self._turns.start_over()

    def _may_be_shorter(self, rebuild: Callable[[], RunRequest] | None) -> bool:
        """Whether a request may go out again without what is oldest in it."""
        if self._stateful or self._turns.shown:  # what was shown is not said twice
            return False
        return rebuild is not None or self._turns.round == 1

    def _cut(self, request: RunRequest) -> RunRequest:
        """What of the request goes out; the reader is told what does not."""
        if self._stateful:
            return request
        fitting = self.fit.cut(request)
        left_out = len(request.history) - len(fitting.history)
        if left_out:
            event = e.ContextTrimmed(messages=left_out, first_id=first_seen(fitting))
            self.recorder.emit(event, turn=self._turns.round)
        return fitting

    async def _opened(self, request: RunRequest, record: Record | None) -> e.TurnFinished:
        async with self.provider.open(request) as session:
            return await self._in_session(session, request, record)

    async def _in_session(
        self, session: RunSession, request: RunRequest, record: Record | None
    ) -> e.TurnFinished:
        self._work = asyncio.create_task(self._rounds(session, request, record))
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

    async def _rounds(
        self, session: RunSession, request: RunRequest, record: Record | None
    ) -> e.TurnFinished:
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
            before={} if record is None else record.calls,
        )
        given: TurnInput = NewMessages()
        while True:
            if record is None:
                end = await self._turns.settled(session, given)
            else:
                end = await self._resumed(session, record, runner)
                record = None
            if isinstance(given, ToolResults) and end.outcome is Outcome.FAILED:
                await self._outputs_refused(session, end)
            if end.outcome in (Outcome.DISCONNECTED, Outcome.TRUNCATED):
                # Nobody knows what it does now; the next message must not find it active.
                await self._cancel_remote(session)
            if end.outcome is not Outcome.REQUIRES_ACTION:
                return end
            turns = self._turns
            if stop := self._bounds.stop(end, rounds=turns.round, usage=turns.usage):
                await self._cancel_remote(session)
                return stop
            results = await self._answered(runner, end.needs)
            call_ids = tuple(result.call_id for result in results)
            self.recorder.emit(e.OutputsSubmitted(call_ids=call_ids), turn=self._turns.round)
            await self.recorder.barrier()
            given = ToolResults(results=results)
            self._turns.round += 1

    async def _answered(self, runner: CallRunner, needs: Sequence[Need]) -> tuple[ToolResult, ...]:
        results = await runner.run(needs)
        self._bounds.note(needs, results)
        decisions = [result.decision for result in results if result.decision is not None]
        self._turns.once = any(decision.approved for decision in decisions)
        return results

    async def _resumed(
        self, session: RunSession, record: Record, runner: CallRunner
    ) -> e.TurnFinished:
        """The first turn of an interrupted run: what became of it, as the server tells."""
        self._turns.round = max(1, record.rounds)
        self._turns.go_on(wire_events=record.wire_events, usage=record.usage)
        try:
            if self._stateful:
                return await self._turns.asked(session, Resume())
        except ProviderError as error:
            if error.code != _GONE.code:
                raise CannotResumeError(error.message, hint=error.hint, code=error.code) from error
        if not record.shown:
            return await self._turns.settled(session, NewMessages())  # it had never begun
        if not record.needs:
            lost = _GONE if self._stateful else _NOWHERE
            return e.TurnFinished(outcome=Outcome.DISCONNECTED, error=lost)
        await self._answered(runner, record.needs)
        raise self._lost()

    async def _outputs_refused(self, session: RunSession, end: e.TurnFinished) -> None:
        """The remote run still waits for outputs, unless it is gone: then start over with them."""
        if end.error is not None and end.error.code == _GONE.code:
            raise self._lost()
        await self._cancel_remote(session)

    def _lost(self) -> _LostRunError:
        if self._stateful:  # else it is no news: each request carries the whole history
            self.recorder.emit(e.NoticeAdded(text=_REBUILT), turn=self._turns.round)
        return _LostRunError(_GONE.message, hint=_GONE.hint, code=_GONE.code)

    # --- stopping -------------------------------------------------------------------------------

    async def _stop(self, session: RunSession, wanted: Outcome) -> e.TurnFinished:
        """Stop the remote run; what it became counts, not what was wished for."""
        really = await self._cancel_remote(session)
        if really is None:
            return e.TurnFinished(
                outcome=wanted, reason="The server could not be told; it may still be running."
            )
        if really in (Outcome.COMPLETED, Outcome.FAILED, Outcome.INCOMPLETE):
            if not self._stateful:
                return e.TurnFinished(outcome=really)
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
                end = await self._turns.stream(session, Resume())
        except (TickertapeError, TimeoutError) as error:
            _log.info("could not fetch the rest of a finished run: %s", error)
            return e.TurnFinished(outcome=really)
        return end if end.outcome is really else e.TurnFinished(outcome=really)
