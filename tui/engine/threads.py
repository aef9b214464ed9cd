"""Open threads: number their envelopes, keep their transcripts, tell whoever watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.core import events as e
from tui.core.feed import Feed
from tui.core.models import RunId, RunState, ThreadId, ThreadSummary, WireEvent
from tui.core.ports import ThreadStore
from tui.core.services import LogItem
from tui.core.transcript import Transcript

# Events after which a thread's line in the library may look different.
_NEWS = (
    e.ThreadCreated,
    e.ThreadChanged,
    e.MessageAdded,
    e.RunStarted,
    e.RunFinished,
    e.RunInterrupted,
    e.ApprovalRequested,
    e.ApprovalDecided,
)


@dataclass(slots=True)
class ThreadLog:
    """One thread that this process writes: every envelope of it is made here, in order."""

    transcript: Transcript
    hub: Threads
    read_seq: int = 0
    subscribers: list[Feed[LogItem]] = field(default_factory=list)

    def append(
        self,
        event: e.Event,
        *,
        run: RunId | None = None,
        turn: int | None = None,
        wire: int | None = None,
    ) -> e.Envelope:
        """Give the event its place in the log; it is queued for disk and seen by everyone."""
        envelope = e.Envelope(
            thread=self.transcript.thread_id,
            seq=self.transcript.seq + 1,
            at=time.time(),
            mono=time.monotonic(),
            event=event,
            run=run,
            turn=turn,
            wire=wire,
        )
        self.transcript.apply(envelope)
        self.hub.store.append((envelope,))
        self._publish(envelope)
        if isinstance(event, _NEWS):
            self.hub.announce(self.summary())
        return envelope

    def append_wire(self, event: WireEvent) -> None:
        """Queue a raw event for disk and show it."""
        self.hub.store.append_wire((event,))
        self._publish(event)

    def _publish(self, item: LogItem) -> None:
        # A copy: a reader on another thread may leave meanwhile.
        for feed in tuple(self.subscribers):
            feed.push(item)

    def summary(self) -> ThreadSummary:
        """The thread as the library lists it."""
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
            unread=t.seq > self.read_seq,
        )


class Threads:
    """The threads that are open in this process. Belongs to the engine's loop."""

    def __init__(self, store: ThreadStore) -> None:
        self.store = store
        self._open: dict[ThreadId, ThreadLog] = {}
        # Replaced, never changed in place: watchers come and go from other threads.
        self._watchers: tuple[Feed[ThreadSummary], ...] = ()

    async def log(self, thread_id: ThreadId) -> ThreadLog:
        """The log of a thread, read from the store unless a run here is writing to it."""
        known = self._open.get(thread_id)
        if known is not None and known.transcript.active_run() is not None:
            return known
        transcript = await self.store.load(thread_id) or Transcript(thread_id)
        return self._adopt(transcript)

    def _adopt(self, transcript: Transcript) -> ThreadLog:
        known = self._open.get(transcript.thread_id)
        if known is None:
            known = ThreadLog(transcript, self, read_seq=transcript.seq)
            self._open[transcript.thread_id] = known
        elif transcript.seq > known.transcript.seq:
            # Another process has written to it while it was idle here.
            known.transcript = transcript
        return known

    async def subscribe(self, thread_id: ThreadId) -> tuple[Transcript, Feed[LogItem]]:
        """A copy of the thread as it is now, and a feed of everything later."""
        log = await self.log(thread_id)
        feed: Feed[LogItem] = Feed(on_close=lambda closed: log.subscribers.remove(closed))
        log.subscribers.append(feed)
        copy = await self.store.load(thread_id) or Transcript(thread_id)
        later = [item for item in feed.drain() if _is_later(item, copy.seq)]
        for item in later:
            feed.push(item)
        return copy, feed

    def watch(self) -> Feed[ThreadSummary]:
        """Summaries as they change."""
        feed: Feed[ThreadSummary] = Feed(on_close=self._unwatch)
        self._watchers = (*self._watchers, feed)
        return feed

    def _unwatch(self, feed: Feed[ThreadSummary]) -> None:
        self._watchers = tuple(each for each in self._watchers if each is not feed)

    def announce(self, summary: ThreadSummary) -> None:
        """Tell the watchers how a thread looks now."""
        for feed in self._watchers:
            feed.push(summary)

    def forget(self, thread_id: ThreadId) -> ThreadLog | None:
        """Drop a thread that was deleted."""
        return self._open.pop(thread_id, None)

    def opened(self) -> Sequence[ThreadLog]:
        """All that are open."""
        return tuple(self._open.values())


def _is_later(item: LogItem, seq: int) -> bool:
    return isinstance(item, WireEvent) or item.seq > seq
