"""The Conversations service: sends messages, starts and stops runs, passes decisions on."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol

from tui.core import events as e
from tui.core.errors import BusyError, NotFoundError, StoreError, TickertapeError
from tui.core.models import (
    CallId,
    Decision,
    JsonObject,
    MessageId,
    Outcome,
    PartInput,
    Problem,
    Role,
    RunId,
    WireEvent,
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
from tui.core.services import RetryRun, SendMessage
from tui.core.settings import Limits, Profile
from tui.core.transcript import Transcript
from tui.engine.calls import Decisions
from tui.engine.run import RunLoop
from tui.engine.threads import ThreadLog, Threads

_log = logging.getLogger(__name__)

_TITLE_LENGTH = 60
_MARKUP = ("```", "~~~", "[[", "---")  # lines that open a block and say nothing
_LEAVE_TIMEOUT = 6.0


class ProviderSource(Protocol):
    """Where providers come from: starts what a profile needs, once."""

    def profile(self, name: str | None) -> Profile:
        """The profile of that name, or the default. Raises ConfigError."""
        ...

    async def provider(self, profile: Profile) -> Provider:
        """A provider ready to use; raises TickertapeError when it cannot be had."""
        ...


@dataclass(slots=True)
class _ActiveRun:
    """A run that this process drives."""

    log: ThreadLog
    decisions: Decisions = field(default_factory=Decisions)
    loop: RunLoop | None = None
    task: asyncio.Task[None] | None = None
    stopping: bool = False

    def stop(self) -> None:
        """End it as cancelled, wherever it is."""
        self.stopping = True
        if self.loop is not None:
            self.loop.cancel()
        elif self.task is not None:
            self.task.cancel()


@dataclass(slots=True)
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
        await self.log.hub.store.barrier()


class EngineConversations:
    """Commands on threads. Everything happens on one event loop; runs are its tasks."""

    def __init__(
        self,
        *,
        threads: Threads,
        providers: ProviderSource,
        toolset: Toolset,
        policy: ApprovalPolicy,
        limits: Limits,
        owner: str,
    ) -> None:
        self._threads = threads
        self._providers = providers
        self._toolset = toolset
        self._policy = policy
        self._limits = limits
        self._owner = owner
        self._active: dict[RunId, _ActiveRun] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._said: set[str] = set()

    async def send(self, command: SendMessage) -> None:
        profile = self._providers.profile(command.profile)
        async with self._lock(command.thread_id):
            log = await self._threads.log(command.thread_id)
            transcript = log.transcript
            if command.message_id in transcript.messages:
                return
            _refuse_second_run(transcript)
            if transcript.seq == 0:
                title = title_of(command.text)
                log.append(e.ThreadCreated(title=title, profile=profile.name))
            elif command.profile and transcript.profile != profile.name:
                log.append(e.ThreadChanged(profile=profile.name))
            if not command.profile:
                profile = self._providers.profile(transcript.profile)
            message = e.MessageAdded(
                message_id=command.message_id,
                parent_id=transcript.leaf_id,
                role=Role.USER,
                parts=(PartInput(text=command.text),),
            )
            log.append(message)
            await self._begin(log, command.run_id, command.message_id, profile)

    async def retry(self, command: RetryRun) -> None:
        async with self._lock(command.thread_id):
            log = await self._threads.log(command.thread_id)
            if command.run_id in log.transcript.runs:
                return
            _refuse_second_run(log.transcript)
            run = log.transcript.runs.get(command.of)
            if run is None:
                raise NotFoundError("That run is not in this thread.", hint="Reload the thread.")
            profile = self._providers.profile(log.transcript.profile or run.profile)
            log.append(e.LeafSelected(message_id=run.parent_id))
            await self._begin(log, command.run_id, run.parent_id, profile)

    async def cancel(self, run_id: RunId) -> None:
        active = self._active.get(run_id)
        if active is None or active.stopping:
            return
        active.log.append(e.CancelRequested(), run=run_id)
        active.stop()

    async def decide(self, run_id: RunId, call_id: CallId, decision: Decision) -> None:
        active = self._active.get(run_id)
        if active is None:
            raise NotFoundError(
                "That run is not going on in this process, so nothing waits for a decision.",
                hint="Retry the run.",
            )
        active.decisions.decide(call_id, decision)

    async def close(self) -> None:
        """Cancel every run, remote ones too, and wait until each has its end in the log."""
        for run_id in list(self._active):
            await self.cancel(run_id)
        tasks = [active.task for active in self._active.values() if active.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVE_TIMEOUT)

    async def stop_thread(self, thread_id: str) -> None:
        """Cancel the runs of one thread and wait for their ends."""
        runs = {key: run for key, run in self._active.items() if _thread_of(run) == thread_id}
        for run_id in runs:
            await self.cancel(run_id)
        tasks = [run.task for run in runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVE_TIMEOUT)

    # --- runs -----------------------------------------------------------------------------------

    async def _begin(
        self, log: ThreadLog, run_id: RunId, parent_id: MessageId, profile: Profile
    ) -> None:
        """Write the run down, then start it; what the user typed is safe before anything leaves."""
        started = e.RunStarted(
            parent_id=parent_id,
            profile=profile.name,
            model=profile.model or "",
            owner=self._owner,
        )
        log.append(started, run=run_id)
        active = self._active[run_id] = _ActiveRun(log)  # it can be cancelled from here on
        try:
            await self._threads.store.barrier()
        except StoreError as error:
            del self._active[run_id]
            failed = e.RunFinished(outcome=Outcome.FAILED, error=error.problem)
            log.append(failed, run=run_id)
            raise
        if active.stopping:
            del self._active[run_id]
            log.append(e.RunFinished(outcome=Outcome.CANCELLED), run=run_id)
            return
        active.task = asyncio.create_task(self._drive(active, run_id, profile))

    async def _drive(self, active: _ActiveRun, run_id: RunId, profile: Profile) -> None:
        try:
            request = await self._request(active.log, run_id, profile)
            provider = await self._providers.provider(profile)
            active.loop = RunLoop(
                provider=provider,
                toolset=self._toolset,
                policy=self._policy,
                recorder=_LogRecorder(active.log, run_id),
                limits=self._limits,
                decisions=active.decisions,
            )
            await active.loop.run(request)
        except asyncio.CancelledError:
            if not active.stopping:
                raise
            active.log.append(e.RunFinished(outcome=Outcome.CANCELLED), run=run_id)
        except TickertapeError as error:
            failed = e.RunFinished(outcome=Outcome.FAILED, error=error.problem)
            active.log.append(failed, run=run_id)
        except Exception as error:  # noqa: BLE001
            # The thread must be ready for the next message, whatever broke here.
            _log.exception("run %s could not be started", run_id)
            message = f"Something broke inside: {type(error).__name__}: {error}"
            problem = Problem(code="internal", message=message, hint="The log has the details.")
            active.log.append(e.RunFinished(outcome=Outcome.FAILED, error=problem), run=run_id)
        finally:
            self._active.pop(run_id, None)

    async def _request(self, log: ThreadLog, run_id: RunId, profile: Profile) -> RunRequest:
        transcript = log.transcript
        tools = tuple(await self._toolset.specs()) if profile.tools else ()
        self._tell_tool_problems(log, run_id)
        return RunRequest(
            thread_id=transcript.thread_id,
            run_id=run_id,
            history=transcript.history(),
            tools=tools,
            instructions=profile.instructions,
            additional_instructions=profile.additional_instructions,
            model=profile.model,
            continuation=_continuation(transcript, profile.name),
            options=profile.options,
        )

    def _tell_tool_problems(self, log: ThreadLog, run_id: RunId) -> None:
        """Say once what is wrong with the user's tool files, where it is noticed: in a run."""
        for problem in self._toolset.problems():
            text = f"{problem.message} {problem.hint}".strip()
            if text not in self._said:
                self._said.add(text)
                log.append(e.NoticeAdded(text=text), run=run_id)

    def _lock(self, thread_id: str) -> asyncio.Lock:
        """One command at a time per thread: looking and then writing must not interleave."""
        return self._locks.setdefault(thread_id, asyncio.Lock())


def title_of(text: str) -> str:
    """A thread's first title: the first telling line of its first message, at most 60 long."""
    lines = [line.strip() for line in text.splitlines()]
    line = next((line for line in lines if line and not line.startswith(_MARKUP)), "")
    if len(line) <= _TITLE_LENGTH:
        return line
    return line[: _TITLE_LENGTH - 1].rstrip() + "…"


def _thread_of(run: _ActiveRun) -> str:
    return run.log.transcript.thread_id


def _refuse_second_run(transcript: Transcript) -> None:
    if transcript.active_run() is not None:
        raise BusyError(
            "This thread is still answering.",
            hint="Wait for the answer or cancel it; your text is kept.",
        )


def _continuation(transcript: Transcript, profile: str) -> JsonObject | None:
    """What the newest run of the selected path with this profile left behind."""
    path = {message.id for message in transcript.path()}
    for run in reversed(list(transcript.runs.values())):
        if run.continuation and run.profile == profile and run.parent_id in path:
            return run.continuation
    return None
