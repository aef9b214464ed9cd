"""The runs that this process drives: begun, resumed, stopped, let go; each ends in its log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from tui.core import events as e
from tui.core.errors import StoreError, TickertapeError
from tui.core.models import (
    CallId,
    Decision,
    JsonObject,
    MessageId,
    Outcome,
    Problem,
    RunId,
    ThreadId,
    WireEvent,
    is_private,
)
from tui.core.ports import (
    ApprovalPolicy,
    Provider,
    ResponseOpened,
    RunRequest,
    Toolset,
    WireFault,
    WireReceived,
)
from tui.core.settings import Limits, Profile
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.engine.calls import Decisions
from tui.engine.context import Fit
from tui.engine.record import Record, record_of
from tui.engine.run import CannotResumeError, RunLoop
from tui.engine.thread_log import ThreadLog
from tui.engine.threads import Threads
from tui.engine.windows import Windows

_log = logging.getLogger(__name__)

_LEAVE_TIMEOUT = 6.0


class ProviderSource(Protocol):
    """Where providers come from: starts what a profile needs, once."""

    def profile(self, name: str | None) -> Profile:
        """The profile of that name, or the default. Raises ConfigError."""
        ...

    async def provider(self, profile: Profile) -> Provider:
        """A provider ready to use; raises TickertapeError when it cannot be had."""
        ...


class Stop(StrEnum):
    """Why a run's task is ended from outside."""

    CANCEL = "cancel"  # someone does not want the answer
    LET_GO = "let_go"  # it may go on elsewhere or later
    LOST = "lost"  # it has its end, or another process drives it


@dataclass(slots=True, kw_only=True)
class ActiveRun:
    """A run that this process drives."""

    id: RunId
    log: ThreadLog
    profile: Profile
    decisions: Decisions = field(default_factory=Decisions)
    loop: RunLoop | None = None
    task: asyncio.Task[None] | None = None
    stop: Stop | None = None

    def end(self, why: Stop) -> None:
        """End it, wherever it is; the first reason counts."""
        if self.stop is not None:
            return
        self.stop = why
        if why is Stop.CANCEL and self.loop is not None:
            self.loop.cancel()
        elif self.task is not None:
            self.task.cancel()


@dataclass(slots=True, kw_only=True)
class _LogRecorder:
    """Writes what a run reports into its thread's log."""

    log: ThreadLog
    run_id: RunId

    def emit(self, event: e.Event, *, turn: int | None = None, wire: int | None = None) -> None:
        self.log.append(event, run=self.run_id, turn=turn, wire=wire)

    def wire(self, received: WireReceived | ResponseOpened) -> None:
        if isinstance(received, WireReceived):
            self.log.append_wire(
                WireEvent(
                    run_id=self.run_id,
                    index=received.index,
                    at=received.at,
                    mono=received.mono,
                    name=received.name,
                    data=received.data,
                )
            )

    async def fault(self, fault: WireFault) -> Outcome | None:
        """Without a server in between, a broken stream is all that can be played."""
        breaks = fault.kind in ("disconnect", "truncate", "stall")
        return Outcome.DISCONNECTED if breaks else None

    async def barrier(self) -> None:
        await self.log.barrier()


class Runs:
    """Everything happens on one event loop; each run is a task that holds its thread.

    ``ended`` is called with the log when a run is over, before its thread is given back.
    """

    def __init__(
        self,
        *,
        threads: Threads,
        providers: ProviderSource,
        toolset: Toolset,
        policy: ApprovalPolicy,
        limits: Limits,
        owner: str,
        ended: Callable[[ThreadLog, Run], Awaitable[None]],
    ) -> None:
        self._threads = threads
        self._providers = providers
        self._toolset = toolset
        self._policy = policy
        self._limits = limits
        self._owner = owner
        self._ended = ended
        self._active: dict[RunId, ActiveRun] = {}
        self._said: set[str] = set()
        self._windows = Windows()

    def get(self, run_id: RunId) -> ActiveRun | None:
        """The run, if it is driven here."""
        return self._active.get(run_id)

    async def begin(
        self, log: ThreadLog, run_id: RunId, parent_id: MessageId, profile: Profile
    ) -> None:
        """Write a new run down, then start it.

        What the user typed is safe before anything leaves. If it cannot be made safe the run
        fails, in the log, which is kept in memory and tried again. Raises BusyError when another
        process has taken the thread.
        """
        started = e.RunStarted(
            parent_id=parent_id,
            profile=profile.name,
            model=log.transcript.model or profile.model or "",
            owner=self._owner,
        )
        await self._start(
            ActiveRun(id=run_id, log=log, profile=_discreet(profile, log)), started, None
        )

    async def resume(self, log: ThreadLog, run: Run, profile: Profile) -> None:
        """Go on with an interrupted run."""
        wire = await self._threads.store.wire(run.id)
        record = record_of(log.transcript, run, wire_events=wire[-1].index + 1 if wire else 0)
        active = ActiveRun(id=run.id, log=log, profile=_discreet(profile, log))
        await self._start(active, e.RunResumed(owner=self._owner), record)

    def decide(self, run_id: RunId, call_id: CallId, decision: Decision) -> bool:
        """Pass a decision on; false when the run is not driven here."""
        active = self._active.get(run_id)
        if active is None:
            return False
        active.decisions.decide(call_id, decision)
        return True

    def cancel(self, run_id: RunId, by: str = "user") -> bool:
        """Ask a run to stop; false when it is not driven here."""
        active = self._active.get(run_id)
        if active is None:
            return False
        if active.stop is None:
            active.log.append(e.CancelRequested(by=by), run=run_id)
            active.end(Stop.CANCEL)
        return True

    async def end_all(self, why: Stop, thread_id: ThreadId | None = None) -> None:
        """End the runs of a thread, or all of them, and wait until the log says so; bounded."""
        ending = [
            active
            for active in self._active.values()
            if thread_id is None or active.log.thread_id == thread_id
        ]
        for active in ending:
            if why is Stop.CANCEL:
                self.cancel(active.id)
            else:
                active.end(why)
        tasks = [active.task for active in ending if active.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVE_TIMEOUT)

    # --- one run ---------------------------------------------------------------------------

    async def _start(
        self, active: ActiveRun, event: e.RunStarted | e.RunResumed, record: Record | None
    ) -> None:
        log, run_id = active.log, active.id
        log.append(event, run=run_id)
        self._active[run_id] = active  # it can be stopped from here on
        self._threads.hold_again(log)
        try:
            await log.barrier()
        except TickertapeError as error:
            self._fail(active, error.problem)
            active.end(Stop.LOST)
            await self._close(active)
            if not isinstance(error, StoreError):
                raise
            return
        active.task = asyncio.create_task(self._drive(active, record))

    async def _drive(self, active: ActiveRun, record: Record | None) -> None:
        log = active.log
        try:
            if active.stop is None:
                await self._run(active, record)
        except asyncio.CancelledError:
            if active.stop is None:
                raise
        except CannotResumeError as error:
            log.append(e.NoticeAdded(text=error.problem.text), run=active.id)
            log.append(e.RunInterrupted(), run=active.id)
        except TickertapeError as error:
            self._fail(active, error.problem)
        except Exception as error:  # noqa: BLE001
            # The thread must be ready for the next message, whatever broke here.
            _log.exception("run %s could not be started", active.id)
            message = f"Something broke inside: {type(error).__name__}: {error}"
            self._fail(
                active,
                Problem(code="internal", message=message, hint="The log has the details."),
            )
        finally:
            await asyncio.shield(self._close(active))

    async def _run(self, active: ActiveRun, record: Record | None) -> None:
        provider = await self._providers.provider(active.profile)
        request = await self._request(active)
        active.loop = RunLoop(
            provider=provider,
            toolset=self._toolset,
            policy=self._policy,
            recorder=_LogRecorder(log=active.log, run_id=active.id),
            limits=self._limits,
            decisions=active.decisions,
            fit=Fit(window=await self._windows.of(provider, active.profile, request)),
        )
        try:
            await active.loop.run(request, record, rebuild=lambda: self._rebuilt(active, request))
        finally:
            self._windows.learn(active.profile, request, active.loop.fit.window)

    async def _close(self, active: ActiveRun) -> None:
        """Whatever ended the task: the log says so, and the thread is given back."""
        log = active.log
        self._active.pop(active.id, None)
        run = log.transcript.runs.get(active.id)  # None: the thread was deleted, or lost, meanwhile
        is_open = run is not None and run.active
        if active.stop is Stop.CANCEL and is_open:
            log.append(e.RunFinished(outcome=Outcome.CANCELLED), run=active.id)
        elif active.stop is Stop.LET_GO and is_open:
            # An embedded model ends with this process: there would be nobody to ask.
            log.append(e.RunInterrupted(settle=not active.profile.embedded), run=active.id)
        try:
            if active.stop is None and run is not None and not run.active:
                await self._ended(log, run)
        finally:
            self._threads.let_go(log)

    def _fail(self, active: ActiveRun, problem: Problem) -> None:
        failed = e.RunFinished(outcome=Outcome.FAILED, error=problem)
        active.log.append(failed, run=active.id)

    # --- what the provider is given --------------------------------------------------------

    async def _request(self, active: ActiveRun) -> RunRequest:
        profile, transcript = active.profile, active.log.transcript
        tools = tuple(await self._toolset.specs()) if profile.tools else ()
        self._tell_tool_problems(active)
        return RunRequest(
            thread_id=transcript.thread_id,
            run_id=active.id,
            history=transcript.history(),
            tools=tools,
            instructions=profile.instructions,
            additional_instructions=profile.additional_instructions,
            model=transcript.runs[active.id].model or None,
            continuation=_continuation(transcript, profile.name),
            options=profile.options,
        )

    def _rebuilt(self, active: ActiveRun, request: RunRequest) -> RunRequest:
        """The same request with the history as it is now, for a server that knows nothing."""
        transcript, loop = active.log.transcript, active.loop
        forgotten = loop is None or loop.provider.capabilities.server_state
        continuation = None if forgotten else _continuation(transcript, active.profile.name)
        return replace(request, history=transcript.history(), continuation=continuation)

    def _tell_tool_problems(self, active: ActiveRun) -> None:
        """Say once what is wrong with the user's tool files, where it is noticed: in a run."""
        for problem in self._toolset.problems():
            text = problem.text
            if text not in self._said:
                self._said.add(text)
                active.log.append(e.NoticeAdded(text=text), run=active.id)


def _discreet(profile: Profile, log: ThreadLog) -> Profile:
    """A private thread is kept by no server that can do without."""
    return replace(profile, stateful=False) if is_private(log.thread_id) else profile


def _continuation(transcript: Transcript, profile: str) -> JsonObject | None:
    """What the newest run of the selected path with this profile left behind."""
    path = {message.id for message in transcript.path()}
    for run in reversed(list(transcript.runs.values())):
        if run.continuation and run.profile == profile and run.parent_id in path:
            return run.continuation
    return None
