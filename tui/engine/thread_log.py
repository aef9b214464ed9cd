"""One open thread: numbers its envelopes, queues them for disk, shows them to its watchers."""

from __future__ import annotations

import asyncio
import copy
import time
from dataclasses import dataclass, field

from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.feed import Feed
from tui.core.models import RunId, RunState, ThreadId, ThreadSummary, WireEvent
from tui.core.ports import ThreadStore
from tui.core.services import LogItem, ThreadReloaded
from tui.core.transcript import Transcript
from tui.engine.announcements import Announcements

# Events after which a thread's line in the library may look different.
_NEWS = (
    e.ThreadCreated,
    e.ThreadChanged,
    e.MessageAdded,
    e.RunStarted,
    e.RunResumed,
    e.RunFinished,
    e.RunInterrupted,
    e.ApprovalRequested,
    e.ApprovalDecided,
)


@dataclass(slots=True, eq=False)
class ThreadLog:
    """One open thread. While ``held``, every envelope of it is made here, in order.

    ``seq`` is that of the last envelope that subscribers were given. ``transcript`` may be behind
    it while the thread is not held; claiming it brings it up to date. ``strayed``: some of what
    was appended here is not kept, since the thread was taken by another process, or deleted.
    """

    transcript: Transcript
    store: ThreadStore
    announcements: Announcements
    seq: int = 0
    read_seq: int = 0
    subscribers: list[Feed[LogItem]] = field(default_factory=list)
    users: int = 0
    held: bool = False
    strayed: bool = False
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    commands: asyncio.Lock = field(default_factory=asyncio.Lock)
    wire_seen: dict[RunId, int] = field(default_factory=dict)

    @property
    def thread_id(self) -> ThreadId:
        """Which thread it is."""
        return self.transcript.thread_id

    def append(
        self,
        event: e.Event,
        *,
        run: RunId | None = None,
        turn: int | None = None,
        wire: int | None = None,
    ) -> e.Envelope:
        """Give the event its place in the log; it is queued for disk and seen by everyone.

        In a thread that was lost it changes nothing.
        """
        envelope = e.Envelope(
            thread=self.thread_id,
            seq=self.seq + 1,
            at=time.time(),
            mono=time.monotonic(),
            event=event,
            run=run,
            turn=turn,
            wire=wire,
        )
        if not self.held:
            return envelope
        self.seq = envelope.seq
        self.transcript.apply(envelope)
        self.store.append((envelope,))
        self._publish(envelope)
        if isinstance(event, _NEWS):
            self.announcements.announce(self.summary())
        return envelope

    def append_wire(self, event: WireEvent) -> None:
        """Queue a raw event for disk and show it; in a thread that was lost it changes nothing."""
        if not self.held:
            return
        self.store.append_wire((event,))
        self.take_wire(event)

    async def barrier(self) -> None:
        """Return when everything appended so far is durable.

        Raises StoreError, or BusyError when another process had taken the thread.
        """
        await self.store.barrier(self.thread_id)
        if not self.held:
            raise BusyError(
                "Another Tickertape has taken this thread over.",
                hint="Nothing was sent from here; look what is there and try again.",
            )

    def take(self, envelope: e.Envelope) -> None:
        """Pass on what another process has written."""
        if self.transcript.seq == self.seq:
            self.transcript.apply(envelope)
        self.seq = envelope.seq
        self._publish(envelope)

    def take_wire(self, event: WireEvent) -> None:
        """Pass on a raw event, once."""
        if event.index > self.wire_seen.get(event.run_id, -1):
            self.wire_seen[event.run_id] = event.index
            self._publish(event)

    def start_over(self, transcript: Transcript) -> None:
        """What was written cannot be followed: everyone gets the thread as it is now."""
        self.transcript = transcript
        self.seq = self.read_seq = transcript.seq
        self.strayed = False
        for feed in self.subscribers:
            feed.push(ThreadReloaded(transcript=copy.deepcopy(transcript)))

    def _publish(self, item: LogItem) -> None:
        for feed in self.subscribers:
            feed.push(item)

    def summary(self) -> ThreadSummary:
        """The thread as the library lists it, while it is held."""
        t = self.transcript
        run = t.active_run()
        return ThreadSummary(
            id=t.thread_id,
            title=t.title,
            created_at=t.created_at,
            updated_at=t.updated_at,
            profile=t.profile,
            messages=len(t.messages),
            running=run is not None,
            waiting=run is not None and run.state is RunState.WAITING,
            interrupted=t.interrupted_run() is not None,
            unread=t.seq > self.read_seq,
        )
