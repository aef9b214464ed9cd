"""The five services in memory, driven by the test: push events, look at the commands."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from tui.core import events as e
from tui.core.errors import BusyError, TickertapeError
from tui.core.events import Envelope, Event, ThreadChanged
from tui.core.feed import Feed
from tui.core.models import (
    CallId,
    Decision,
    MessageId,
    ModelInfo,
    Outcome,
    PartFinal,
    PartInput,
    PartKind,
    Problem,
    Role,
    RunId,
    ThreadId,
    ThreadSummary,
    ToolOrigin,
    ToolRef,
    ToolSpec,
    WireEvent,
)
from tui.core.services import (
    LogItem,
    ProfileInfo,
    RetryRun,
    SendMessage,
    Services,
    Subscription,
    ThreadReloaded,
)
from tui.core.transcript import Transcript

NOW = 1_790_000_000.0

Command = SendMessage | RetryRun | tuple[str, ...]


class FakeBackend:
    """All five services. ``commands`` records what the screen asked for, in order.

    ``fail[name]`` makes the service method of that name raise, until it is removed;
    ``fail["models NAME"]`` that for one profile. ``slow`` makes a profile's models, or all of a
    thread, wait; of a thread in ``previews`` so many messages can be seen meanwhile.
    """

    def __init__(self) -> None:
        self.clock = NOW
        self.commands: list[Command] = []
        self.decisions: dict[CallId, Decision] = {}
        self.drafts: dict[str, str] = {}
        self.remembered: dict[str, str] = {}
        self.read: list[ThreadId] = []
        self.fail: dict[str, TickertapeError] = {}
        self.profile = ProfileInfo(
            name="sandbox",
            protocol="assistants",
            model="sandbox-1",
            detail="the built-in model, no key and no network needed",
            embedded=True,
        )
        self.more_profiles: tuple[ProfileInfo, ...] = ()
        self.discovered: tuple[ProfileInfo, ...] = ()
        self.offered: dict[str, tuple[ModelInfo, ...]] = {}
        self.slow: dict[str, asyncio.Event] = {}
        self.previews: dict[ThreadId, int] = {}
        self.defaults: list[tuple[str, str]] = []
        self._logs: dict[ThreadId, list[Envelope]] = defaultdict(list)
        self._wire: dict[RunId, list[WireEvent]] = defaultdict(list)
        self._run_thread: dict[RunId, ThreadId] = {}
        self._feeds: dict[ThreadId, list[Feed[LogItem]]] = defaultdict(list)
        self._watchers: list[Feed[ThreadSummary]] = []
        self._storage: list[Feed[Problem | None]] = []
        self.storage_problem: Problem | None = None
        self._summaries: dict[ThreadId, ThreadSummary] = {}

    @property
    def services(self) -> Services:
        """What a front end is given."""
        return Services(
            conversations=self, library=self, run_log=self, catalog=self, preferences=self
        )

    async def connect(self) -> Services:
        """The ``connect`` of an app under test."""
        return self.services

    def now(self) -> float:
        """Seconds since the epoch, as the test set them."""
        return self.clock

    def _check(self, name: str) -> None:
        if name in self.fail:
            raise self.fail[name]

    # --- driving ---------------------------------------------------------------------------

    @property
    def followed(self) -> list[ThreadId]:
        """The threads that somebody follows, each as often as that."""
        return [thread for thread, feeds in self._feeds.items() for _ in feeds]

    @property
    def open_feeds(self) -> int:
        """How many subscriptions and watches are still open."""
        watches = len(self._watchers) + len(self._storage)
        return sum(len(feeds) for feeds in self._feeds.values()) + watches

    def emit(self, thread: ThreadId, event: Event, run: RunId | None = None) -> None:
        """One more event in a thread's log."""
        log = self._logs[thread]
        envelope = Envelope(
            thread=thread,
            seq=len(log) + 1,
            at=self.clock,
            mono=self.clock - NOW + 100,
            event=event,
            run=run,
        )
        log.append(envelope)
        for feed in list(self._feeds[thread]):
            feed.push(envelope)

    def emit_wire(self, run: RunId, name: str, data: str) -> None:
        """One more raw event of a run."""
        event = WireEvent(
            run_id=run,
            index=len(self._wire[run]),
            at=self.clock,
            mono=self.clock - NOW + 100,
            name=name,
            data=data,
        )
        self._wire[run].append(event)
        for feed in list(self._feeds[self._run_thread[run]]):
            feed.push(event)

    def summarise(self, summary: ThreadSummary) -> None:
        """A thread's line in the list changed."""
        if summary.deleted:
            self._summaries.pop(summary.id, None)
        else:
            self._summaries[summary.id] = summary
        for feed in list(self._watchers):
            feed.push(summary)

    def trouble(self, problem: Problem | None) -> None:
        """Why nothing can be written from now on, if so."""
        self.storage_problem = problem
        for feed in list(self._storage):
            feed.push(problem)

    def reload(self, thread: ThreadId, envelopes: Sequence[Envelope] | None = None) -> None:
        """Another process wrote what cannot be followed: the log is another one now."""
        if envelopes is not None:
            self._logs[thread] = list(envelopes)
        for feed in list(self._feeds[thread]):
            feed.push(ThreadReloaded(transcript=self.transcript(thread)))

    def transcript(self, thread: ThreadId) -> Transcript:
        """The thread as its log says."""
        return Transcript(thread).apply_all(self._logs[thread])

    def compact(self, run: RunId) -> None:
        """The raw events of a run are not kept any longer."""
        self._wire[run].clear()

    def add_thread(self, thread: ThreadId, title: str, *, age: float = 0.0) -> None:
        """A stored thread without messages, ``age`` seconds old."""
        self.emit(thread, e.ThreadCreated(title=title, profile="sandbox"))
        at = self.clock - age
        self.summarise(ThreadSummary(id=thread, title=title, created_at=at, updated_at=at))

    def say(self, thread: ThreadId, text: str) -> MessageId:
        """A user message at the end of the thread."""
        log = Transcript(thread).apply_all(self._logs[thread])
        message_id = f"{thread}-m{len(self._logs[thread])}"
        self.emit(
            thread,
            e.MessageAdded(
                message_id=message_id,
                parent_id=log.leaf_id,
                role=Role.USER,
                parts=(PartInput(text=text),),
            ),
        )
        return message_id

    def begin(
        self, thread: ThreadId, run: RunId, *, profile: str = "sandbox", model: str = "sandbox-1"
    ) -> FakeRun:
        """A run that answers the thread's last message."""
        leaf = Transcript(thread).apply_all(self._logs[thread]).leaf_id
        assert leaf is not None
        self._run_thread[run] = thread
        self.emit(thread, e.RunStarted(parent_id=leaf, profile=profile, model=model), run)
        self.emit(thread, e.TurnStarted(round=1), run)
        return FakeRun(self, thread, run)

    def sent(self) -> SendMessage:
        """The message that the screen sent last."""
        return next(c for c in reversed(self.commands) if isinstance(c, SendMessage))

    # --- Conversations ---------------------------------------------------------------------

    async def send(self, command: SendMessage) -> None:
        self._check("send")
        log = self.transcript(command.thread_id)
        if log.active_run() is not None and not command.queue:
            raise BusyError("The thread is answering.")
        self.commands.append(command)
        if not self._logs[command.thread_id]:
            self.add_thread(command.thread_id, command.text[:40])
        if log.active_run() is not None or log.queue:
            queued = e.MessageQueued(
                message_id=command.message_id,
                run_id=command.run_id,
                parts=(PartInput(text=command.text),),
            )
            self.emit(command.thread_id, queued)
            if log.active_run() is None:  # what waits longer goes first
                await self.send_queued(command.thread_id)
        else:
            self._add(command.thread_id, command.message_id, (PartInput(text=command.text),))

    def _add(self, thread: ThreadId, message: MessageId, parts: tuple[PartInput, ...]) -> None:
        leaf = self.transcript(thread).leaf_id
        added = e.MessageAdded(message_id=message, parent_id=leaf, role=Role.USER, parts=parts)
        self.emit(thread, added)

    async def retry(self, command: RetryRun) -> None:
        self._check("retry")
        self.commands.append(command)

    async def cancel(self, thread_id: ThreadId, run_id: RunId) -> None:
        self._check("cancel")
        self.commands.append(("cancel", run_id))
        self.emit(self._run_thread[run_id], e.CancelRequested(), run_id)

    async def decide(
        self, thread_id: ThreadId, run_id: RunId, call_id: CallId, decision: Decision
    ) -> None:
        self._check("decide")
        self.decisions.setdefault(call_id, decision)
        if self.transcript(thread_id).interrupted_run() is not None:
            self.emit(thread_id, e.RunResumed(), run_id)
        event = e.ApprovalDecided(call_id=call_id, decision=decision)
        self.emit(self._run_thread[run_id], event, run_id)

    async def resume(self, thread_id: ThreadId) -> None:
        self._check("resume")
        self.commands.append(("resume", thread_id))
        run = self.transcript(thread_id).interrupted_run()
        if run is not None:
            self.emit(thread_id, e.RunResumed(), run.id)

    async def leave(self, thread_id: ThreadId) -> None:
        self._check("leave")
        self.commands.append(("leave", thread_id))
        run = self.transcript(thread_id).interrupted_run()
        if run is not None:
            self.emit(thread_id, e.RunFinished(outcome=Outcome.CANCELLED), run.id)

    async def use(self, thread_id: ThreadId, profile: str, model: str = "") -> None:
        self._check("use")
        self.emit(thread_id, ThreadChanged(profile=profile, model=model))

    async def select(self, thread_id: ThreadId, message_id: MessageId) -> None:
        self._check("select")
        if self.transcript(thread_id).active_run() is not None:
            raise BusyError("The thread is answering.")
        leaf = self.transcript(thread_id).newest_below(message_id)
        self.emit(thread_id, e.LeafSelected(message_id=leaf))

    async def unqueue(self, thread_id: ThreadId, message_id: MessageId) -> None:
        self._check("unqueue")
        self.commands.append(("unqueue", thread_id, message_id))
        if message_id in self.transcript(thread_id).queue:
            self.emit(thread_id, e.MessageUnqueued(message_id=message_id))

    async def send_queued(self, thread_id: ThreadId) -> None:
        self._check("send_queued")
        self.commands.append(("send_queued", thread_id))
        first = next(iter(self.transcript(thread_id).queue.values()), None)
        if first is not None:
            self._add(thread_id, first.id, first.parts)

    # --- Library ---------------------------------------------------------------------------

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        self._check("threads")
        newest = sorted(self._summaries.values(), key=lambda s: -s.updated_at)
        return newest[:limit]

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        self._check("rename")
        self.commands.append(("rename", thread_id, title))
        self.emit(thread_id, e.ThreadChanged(title=title))
        old = self._summaries[thread_id]
        self.summarise(
            ThreadSummary(
                id=thread_id, title=title, created_at=old.created_at, updated_at=old.updated_at
            )
        )

    async def delete(self, thread_id: ThreadId) -> None:
        self._check("delete")
        self.commands.append(("delete", thread_id))
        old = self._summaries[thread_id]
        self.summarise(
            ThreadSummary(
                id=thread_id,
                title="",
                created_at=old.created_at,
                updated_at=old.updated_at,
                deleted=True,
            )
        )

    async def mark_read(self, thread_id: ThreadId) -> None:
        self._check("mark_read")
        self.read.append(thread_id)

    async def draft(self, key: str) -> str:
        self._check("draft")
        return self.drafts.get(key, "")

    async def save_draft(self, key: str, text: str) -> None:
        self._check("save_draft")
        if text:
            self.drafts[key] = text
        else:
            self.drafts.pop(key, None)

    def watch(self) -> Feed[ThreadSummary]:
        feed: Feed[ThreadSummary] = Feed(self._watchers.remove)
        self._watchers.append(feed)
        return feed

    def storage(self) -> Feed[Problem | None]:
        feed: Feed[Problem | None] = Feed(self._storage.remove)
        self._storage.append(feed)
        if self.storage_problem is not None:
            feed.push(self.storage_problem)
        return feed

    # --- RunLog ----------------------------------------------------------------------------

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        self._check("preview")
        if thread_id not in self.previews:
            return None
        found = self.transcript(thread_id)
        for message in found.path()[: -self.previews[thread_id]]:
            del found.messages[message.id]
        return found

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        self._check("subscribe")
        if thread_id in self.slow:
            await self.slow[thread_id].wait()
        feed: Feed[LogItem] = Feed(self._feeds[thread_id].remove)
        self._feeds[thread_id].append(feed)
        transcript = Transcript(thread_id).apply_all(self._logs[thread_id])
        return Subscription(transcript=transcript, feed=feed)

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        self._check("wire")
        return tuple(self._wire[run_id])

    # --- Catalog and Preferences -----------------------------------------------------------

    async def profiles(self) -> Sequence[ProfileInfo]:
        self._check("profiles")
        return (self.profile, *self.more_profiles)

    async def discover(self) -> Sequence[ProfileInfo]:
        self._check("discover")
        return self.discovered

    async def models(self, profile: str) -> Sequence[ModelInfo]:
        self._check("models")
        self._check(f"models {profile}")
        if profile in self.slow:
            await self.slow[profile].wait()
        return self.offered.get(profile, ())

    async def make_default(self, profile: str, model: str = "") -> None:
        self._check("make_default")
        self.defaults.append((profile, model))

    async def tools(self) -> Sequence[ToolSpec]:
        return ()

    def get(self, name: str, default: str = "") -> str:
        return self.remembered.get(name, default)

    def set(self, name: str, value: str) -> None:
        self.remembered[name] = value


class FakeRun:
    """Writes a run's events into the log, as an engine would."""

    def __init__(self, backend: FakeBackend, thread: ThreadId, run: RunId) -> None:
        self.backend = backend
        self.thread = thread
        self.id = run
        self._message = ""
        self._parts = 0

    def emit(self, event: Event) -> None:
        """An event of this run."""
        self.backend.emit(self.thread, event, self.id)

    def message(self) -> str:
        """The message being written, begun if there is none."""
        if not self._message:
            self._message = f"{self.id}-a{self._parts}"
            self.emit(e.MessageStarted(message_id=self._message))
        return self._message

    def part(self, kind: PartKind, tool: ToolRef | None = None) -> str:
        """Begin a part; returns its id."""
        part_id = f"{self.id}-p{self._parts}"
        self.emit(
            e.PartStarted(
                message_id=self.message(),
                part_id=part_id,
                index=self._parts,
                kind=kind,
                tool=tool,
            )
        )
        self._parts += 1
        return part_id

    def text(self, *pieces: str, kind: PartKind = PartKind.TEXT, end: bool = True) -> str:
        """A text part from these deltas."""
        part_id = self.part(kind)
        for piece in pieces:
            self.emit(e.TextDelta(part_id=part_id, text=piece))
        if end:
            self.emit(e.PartFinished(part_id=part_id))
        return part_id

    def call(
        self,
        name: str,
        *fragments: str,
        end: bool = True,
        origin: ToolOrigin = ToolOrigin.CLIENT,
        server: str | None = None,
    ) -> str:
        """A tool call from these argument fragments; its call id is its part id with ``c``."""
        call_id = f"{self.id}-c{self._parts}"
        tool = ToolRef(name=name, call_id=call_id, origin=origin, server=server)
        part_id = self.part(PartKind.TOOL_CALL, tool)
        for fragment in fragments:
            self.emit(e.ArgumentsDelta(part_id=part_id, fragment=fragment))
        if end:
            self.emit(e.PartFinished(part_id=part_id))
        return call_id

    def output(self, call_id: str, output: str, *, took: float = 0.25, error: bool = False) -> None:
        """The call ran for ``took`` seconds and gave this."""
        self.emit(e.ToolStarted(call_id=call_id))
        self.backend.clock += took
        self.emit(e.ToolFinished(call_id=call_id, output=output, is_error=error))

    def next_round(self, number: int) -> None:
        """The outputs went out; the next stream begins."""
        self._message = ""
        self.emit(e.TurnStarted(round=number))

    def finish(self, outcome: Outcome = Outcome.COMPLETED, **fields: object) -> None:
        """The run ends."""
        if self._message:
            self.emit(e.MessageFinished(message_id=self._message))
        self.emit(e.RunFinished(outcome=outcome, **fields))  # type: ignore[arg-type]  # test data

    def correct(self, part_id: str, text: str) -> None:
        """The part's authoritative text is another one."""
        self.emit(e.PartFinished(part_id=part_id, final=PartFinal(text=text)))
