"""The Conversations service: what a reader can ask of a thread, whichever process holds it."""

from __future__ import annotations

import asyncio
import logging
import time

from tui.core import codec
from tui.core import events as e
from tui.core.errors import BusyError, NotFoundError, StoreError, TickertapeError
from tui.core.models import (
    CallId,
    Decision,
    MessageId,
    Outcome,
    PartInput,
    Role,
    RunId,
    ThreadId,
)
from tui.core.ports import ApprovalPolicy, Request, Toolset
from tui.core.services import RetryRun, SendMessage
from tui.core.settings import Limits
from tui.core.thread import QueuedMessage, Run
from tui.core.transcript import Transcript
from tui.engine.runs import ProviderSource, Runs, Stop
from tui.engine.thread_log import ThreadLog
from tui.engine.threads import Threads

_log = logging.getLogger(__name__)

_TITLE_LENGTH = 60
_MARKUP = ("```", "~~~", "[[", "---")  # lines that open a block and say nothing
_HAND_OVER_TIMEOUT = 2.0
_HAND_OVER_POLL = 0.1
_LEFT = "It was left as it is."


class EngineConversations:
    """Commands on threads. Everything happens on one event loop."""

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
        self._closing = False
        self._runs = Runs(
            threads=threads,
            providers=providers,
            toolset=toolset,
            policy=policy,
            limits=limits,
            owner=owner,
            ended=self._run_ended,
        )

    # --- messages --------------------------------------------------------------------------

    async def send(self, command: SendMessage) -> None:
        self._providers.profile(command.profile)
        message = e.MessageQueued(
            message_id=command.message_id,
            run_id=command.run_id,
            parts=(PartInput(text=command.text),),
            profile=command.profile,
            model=command.model,
        )
        try:
            async with self._threads.writing(command.thread_id) as log:
                await self._accept(log, message, queue=command.queue)
        except BusyError:
            if not (command.queue and await self._ask_holder(command.thread_id, message)):
                raise

    async def _accept(self, log: ThreadLog, message: e.MessageQueued, *, queue: bool) -> None:
        """Send the message now, or let it wait for others and for the run that is going on."""
        transcript = log.transcript
        if message.message_id in transcript.messages or message.message_id in transcript.queue:
            return
        if transcript.active_run() is None and not (queue and transcript.queue):
            await self._answer(log, message)
        elif transcript.active_run() is None:
            log.append(message)  # what waits longer goes first
            await self._answer_first(log)
        elif queue:
            log.append(message)
            await log.barrier()
        else:
            _refuse_second_run(transcript)

    async def _answer(self, log: ThreadLog, message: e.MessageQueued | QueuedMessage) -> None:
        """Put the message below the leaf and start its run."""
        transcript = log.transcript
        profile = self._providers.profile(message.profile or transcript.profile or None)
        self._close_interrupted(log)
        if transcript.seq == 0:
            title = title_of("\n".join(part.text for part in message.parts))
            model = message.model or ""
            log.append(e.ThreadCreated(title=title, profile=profile.name, model=model))
        elif message.profile or message.model:
            own = transcript.model if profile.name == transcript.profile else ""
            _use(log, profile.name, message.model or own)
        message_id = message.id if isinstance(message, QueuedMessage) else message.message_id
        added = e.MessageAdded(
            message_id=message_id,
            parent_id=transcript.leaf_id,
            role=Role.USER,
            author=message.author,
            parts=message.parts,
        )
        log.append(added)
        await self._runs.begin(log, message.run_id, message_id, profile)

    async def unqueue(self, thread_id: ThreadId, message_id: MessageId) -> None:
        async with self._threads.writing(thread_id) as log:
            if message_id in log.transcript.queue:
                log.append(e.MessageUnqueued(message_id=message_id))
                await log.barrier()

    async def send_queued(self, thread_id: ThreadId) -> None:
        async with self._threads.writing(thread_id) as log:
            _refuse_second_run(log.transcript)
            await self._answer_first(log)

    async def _answer_first(self, log: ThreadLog) -> None:
        waiting = next(iter(log.transcript.queue.values()), None)
        if waiting is not None:
            await self._answer(log, waiting)

    async def _run_ended(self, log: ThreadLog, run: Run) -> None:
        """After a completed run the message that waited longest goes out."""
        if run.outcome is not Outcome.COMPLETED or self._closing:
            return
        # One that another process has just left for this run must not be left to the reader.
        await self.obey_all()
        async with log.commands:
            if log.transcript.active_run() is not None or self._closing:
                return
            try:
                await self._answer_first(log)
            except TickertapeError as error:
                # It stays in the queue, where the reader sees it.
                _log.warning("a queued message could not be sent: %s", error)

    async def use(self, thread_id: ThreadId, profile: str, model: str = "") -> None:
        name = self._providers.profile(profile).name
        async with self._threads.writing(thread_id) as log:
            _use(log, name, model)
            await log.barrier()

    async def select(self, thread_id: ThreadId, message_id: MessageId) -> None:
        async with self._threads.writing(thread_id) as log:
            _refuse_second_run(log.transcript)
            if message_id not in log.transcript.messages:
                raise NotFoundError("That message is not in this thread.")
            leaf = log.transcript.newest_below(message_id)
            if leaf != log.transcript.leaf_id:
                log.append(e.LeafSelected(message_id=leaf))
                await log.barrier()

    async def retry(self, command: RetryRun) -> None:
        async with self._threads.writing(command.thread_id) as log:
            if command.run_id in log.transcript.runs:
                return
            _refuse_second_run(log.transcript)
            run = log.transcript.runs.get(command.of)
            if run is None:
                raise NotFoundError("That run is not in this thread.", hint="Reload the thread.")
            profile = self._providers.profile(log.transcript.profile or run.profile)
            self._close_interrupted(log)
            log.append(e.LeafSelected(message_id=run.parent_id))
            await self._runs.begin(log, command.run_id, run.parent_id, profile)

    # --- runs ------------------------------------------------------------------------------

    async def cancel(self, thread_id: ThreadId, run_id: RunId) -> None:
        if not self._runs.cancel(run_id):
            await self._threads.store.post(
                Request(thread_id=thread_id, kind="cancel", run_id=run_id)
            )

    async def decide(
        self, thread_id: ThreadId, run_id: RunId, call_id: CallId, decision: Decision
    ) -> None:
        if self._runs.decide(run_id, call_id, decision):
            return
        data = {"call_id": call_id, "decision": codec.encode(decision)}
        request = Request(thread_id=thread_id, kind="decide", run_id=run_id, data=data)
        if await self._threads.store.post(request):
            return
        await self._decide_interrupted(thread_id, run_id, call_id, decision)

    async def _decide_interrupted(
        self, thread_id: ThreadId, run_id: RunId, call_id: CallId, decision: Decision
    ) -> None:
        async with self._threads.writing(thread_id) as log:
            run = log.transcript.interrupted_run()
            if run is None or run.id != run_id:
                raise NotFoundError(
                    "That run is over, so nothing waits for a decision.", hint="Retry the run."
                )
            await self._resume(log, run)
            self._runs.decide(run_id, call_id, decision)

    async def resume(self, thread_id: ThreadId) -> None:
        try:
            async with self._threads.writing(thread_id) as log:
                await self._resume_interrupted(log)
        except BusyError:
            await self._take_over(thread_id)

    async def _resume_interrupted(self, log: ThreadLog) -> None:
        run = log.transcript.interrupted_run()
        if run is not None:
            await self._resume(log, run)

    async def _resume(self, log: ThreadLog, run: Run) -> None:
        profile = self._providers.profile(run.profile)
        if log.transcript.leaf_id != run.tail_id:
            # Another answer is shown; what goes out, and what comes, belongs to this branch.
            log.append(e.LeafSelected(message_id=run.tail_id))
        await self._runs.resume(log, run, profile)

    async def _take_over(self, thread_id: ThreadId) -> None:
        """Ask the process that holds the thread for it; one that does not answer is robbed."""
        await self._threads.store.post(Request(thread_id=thread_id, kind="hand_over"))
        end = time.monotonic() + _HAND_OVER_TIMEOUT
        while True:
            robbing = time.monotonic() > end
            try:
                async with self._threads.writing(thread_id, force=robbing) as log:
                    await self._resume_interrupted(log)
                    return
            except BusyError:
                if robbing:
                    raise
                await asyncio.sleep(_HAND_OVER_POLL)

    async def leave(self, thread_id: ThreadId) -> None:
        async with self._threads.writing(thread_id) as log:
            self._close_interrupted(log)
            await log.barrier()

    def _close_interrupted(self, log: ThreadLog) -> None:
        run = log.transcript.interrupted_run()
        if run is not None:
            left = e.RunFinished(outcome=Outcome.CANCELLED, reason=_LEFT)
            log.append(left, run=run.id)

    async def settle(self) -> None:
        """Ask what became of the runs that were left to this start."""
        try:
            unsettled = await self._threads.store.unsettled()
        except StoreError as error:
            _log.warning("what was left to this start could not be read: %s", error)
            return
        for thread_id, _ in unsettled:
            try:
                async with self._threads.writing(thread_id) as log:
                    await self._resume_interrupted(log)
            except BusyError:
                _log.info("another process settles a run already")
            except TickertapeError as error:
                # It stays interrupted, and the reader can ask again.
                _log.info("a run could not be settled: %s", error)

    # --- other processes -------------------------------------------------------------------

    async def _ask_holder(self, thread_id: ThreadId, message: e.MessageQueued) -> bool:
        data = codec.encode(message)
        return await self._threads.store.post(
            Request(thread_id=thread_id, kind="queue", run_id=message.run_id, data=data)
        )

    async def obey(self, request: Request) -> None:
        """Do what another process asks for a thread that is held here."""
        match request.kind:
            case "cancel":
                self._runs.cancel(request.run_id)
            case "decide":
                decision = codec.decode(Decision, request.data["decision"])
                call_id = request.data["call_id"]
                if not self._runs.decide(request.run_id, call_id, decision):
                    await self._decide_interrupted(
                        request.thread_id, request.run_id, call_id, decision
                    )
            case "queue":
                message = codec.decode(e.MessageQueued, request.data)
                async with self._threads.writing(request.thread_id) as log:
                    await self._accept(log, message, queue=True)
            case "hand_over":
                await self._runs.end_all(Stop.LET_GO, request.thread_id)

    async def obey_all(self) -> None:
        """Do what other processes have asked for so far; what cannot be done is logged."""
        for request in await self._threads.store.requests():
            try:
                await self.obey(request)
            except TickertapeError as error:
                # A message waits at the other process, and a decision is still asked for.
                _log.warning("could not %s for another process: %s", request.kind, error)

    async def lost(self, thread_id: ThreadId) -> None:
        """Another process took the thread: what is driven here goes on there."""
        await self._runs.end_all(Stop.LOST, thread_id)
        await self._threads.reload(thread_id)

    # --- ends ------------------------------------------------------------------------------

    async def close(self, *, cancel: bool) -> None:
        """Cancel every run, remote ones too, or let them go; each has its end in the log then."""
        self._closing = True
        await self._runs.end_all(Stop.CANCEL if cancel else Stop.LET_GO)

    async def stop_thread(self, thread_id: ThreadId) -> None:
        """Cancel the runs of one thread and wait for their ends."""
        await self._runs.end_all(Stop.CANCEL, thread_id)


def title_of(text: str) -> str:
    """A thread's first title: the first telling line of its first message, at most 60 long."""
    lines = [line.strip() for line in text.splitlines()]
    line = next((line for line in lines if line and not line.startswith(_MARKUP)), "")
    if len(line) <= _TITLE_LENGTH:
        return line
    return line[: _TITLE_LENGTH - 1].rstrip() + "…"


def _use(log: ThreadLog, profile: str, model: str) -> None:
    """A model belongs to its profile: another profile without one goes back to its own."""
    transcript = log.transcript
    if (profile, model) != (transcript.profile, transcript.model):
        log.append(e.ThreadChanged(profile=profile, model=model))


def _refuse_second_run(transcript: Transcript) -> None:
    if transcript.active_run() is not None:
        raise BusyError(
            "This thread is still answering.",
            hint="Wait for the answer or cancel it; your text is kept.",
        )
