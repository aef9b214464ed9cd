"""Open threads: claim them for whoever writes, follow what other processes write in them.

A thread is written by one process at a time. ``Threads.writing`` claims it for a block; a run
holds it until it ends. While nobody here holds it, what others write is read from the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tui.core import events as e
from tui.core.feed import Feed
from tui.core.models import ThreadId, ThreadSummary
from tui.core.ports import ThreadStore
from tui.core.services import LogItem
from tui.core.transcript import Transcript
from tui.engine.announcements import Announcements
from tui.engine.thread_log import ThreadLog


class Threads:
    """The threads that are open in this process. Belongs to the engine's loop."""

    def __init__(self, store: ThreadStore) -> None:
        self.store = store
        self.announcements = Announcements()
        self._open: dict[ThreadId, ThreadLog] = {}

    # --- writing ---------------------------------------------------------------------------

    @asynccontextmanager
    async def writing(
        self, thread_id: ThreadId, *, force: bool = False
    ) -> AsyncIterator[ThreadLog]:
        """The thread's log, up to date and ours to append to; one command at a time.

        Raises BusyError while another process holds the thread, unless ``force``.
        """
        log = await self.hold(thread_id, force=force)
        try:
            async with log.commands:
                yield log
        finally:
            self.let_go(log)

    async def hold(self, thread_id: ThreadId, *, force: bool = False) -> ThreadLog:
        """Claim the thread until ``let_go``; may be done several times over."""
        log = self._log(thread_id)
        log.users += 1
        try:
            async with log.reading:
                if not log.held:
                    await self._claim(log, force=force)
        except BaseException:
            self.let_go(log)
            raise
        return log

    def hold_again(self, log: ThreadLog) -> None:
        """Keep a log that is held already for longer than the block that holds it."""
        log.users += 1

    def let_go(self, log: ThreadLog) -> None:
        """The counterpart of ``hold``: the last one gives the thread to whoever wants it."""
        log.users -= 1
        if log.users == 0:
            log.held = False
            self.store.release(log.thread_id)
            self._close_unused(log)

    async def _claim(self, log: ThreadLog, *, force: bool) -> None:
        written = await self.store.claim(log.thread_id, force=force)
        if log.strayed or (written != log.seq and log.subscribers):
            await self._follow(log)
        if log.transcript.seq != written:
            loaded = await self.store.load(log.thread_id)
            log.transcript = loaded or Transcript(log.thread_id)
            log.seq = log.read_seq = log.transcript.seq
        log.held = True

    def lost(self, thread_id: ThreadId) -> None:
        """Another process took the thread: what is appended from now on would not be kept."""
        log = self._open.get(thread_id)
        if log is not None:
            log.held, log.strayed = False, True

    # --- following -------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Pass on what other processes have written to the threads that are open here."""
        for log in self.opened():
            if log.subscribers and not log.held:
                async with log.reading:
                    if not log.held:
                        await self._follow(log)
        if self.announcements.watched:
            self.announcements.compare(await self.summaries(self.announcements.limit))

    async def reload(self, thread_id: ThreadId) -> None:
        """Read a thread anew that was lost, unless that has happened."""
        log = self._open.get(thread_id)
        if log is None:
            return
        async with log.reading:
            if log.strayed:
                await self._follow(log)

    async def _follow(self, log: ThreadLog) -> None:
        """Give subscribers what was written behind ``log.seq``; they have all of it then."""
        missed = None if log.strayed else await self.store.tail(log.thread_id, log.seq)
        if missed is None:
            loaded = await self.store.load(log.thread_id)
            if loaded is not None or log.seq > 0 or log.strayed:
                log.start_over(loaded or Transcript(log.thread_id))
            return
        for run_id in dict.fromkeys(each.run for each in missed if each.run is not None):
            for event in await self.store.wire(run_id, log.wire_seen.get(run_id, -1)):
                log.take_wire(event)
        for envelope in missed:
            log.take(envelope)

    async def subscribe(self, thread_id: ThreadId) -> tuple[Transcript, Feed[LogItem]]:
        """A copy of the thread as it is now, and a feed of everything later."""
        log = self._log(thread_id)
        loop = asyncio.get_running_loop()
        feed: Feed[LogItem] = Feed(on_close=lambda closed: self._leave_soon(loop, log, closed))
        first = not log.subscribers
        log.subscribers.append(feed)
        try:
            transcript = await self._read(log, first=first)
        except BaseException:
            feed.close()
            raise
        later = [item for item in feed.drain() if _is_later(item, transcript.seq)]
        for item in later:
            feed.push(item)
        return transcript, feed

    async def _read(self, log: ThreadLog, *, first: bool) -> Transcript:
        async with log.reading:
            transcript = await self.store.load(log.thread_id) or Transcript(log.thread_id)
            if not log.held:
                if first:
                    log.seq = transcript.seq
                else:
                    await self._follow(log)
        return transcript

    def _leave_soon(
        self, loop: asyncio.AbstractEventLoop, log: ThreadLog, feed: Feed[LogItem]
    ) -> None:
        # From any thread; elsewhere it could take the log away from a command that just found it.
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._leave, log, feed)

    def _leave(self, log: ThreadLog, feed: Feed[LogItem]) -> None:
        log.subscribers.remove(feed)
        self._close_unused(log)

    # --- the list --------------------------------------------------------------------------

    async def summaries(self, limit: int | None) -> Sequence[ThreadSummary]:
        """The newest first; of threads that are held here, as they are this moment."""
        before = [log for log in self.opened() if log.held]
        listed = await self.store.threads(limit)
        # What was let go meanwhile may have been read before its end.
        ours = [*before, *(log for log in self.opened() if log.held)]
        now = {log.thread_id: log.summary() for log in ours if log.seq and not log.strayed}
        return [now.get(each.id, each) for each in listed]

    async def mark_read(self, thread_id: ThreadId) -> None:
        """All there is now has been seen."""
        log = self._open.get(thread_id)
        if log is None:
            loaded = await self.store.load(thread_id)
            seq = 0 if loaded is None else loaded.seq
        else:
            seq = log.read_seq = log.seq
        await self.store.mark_read(thread_id, seq)
        self.announcements.seen(thread_id)

    def forget(self, thread_id: ThreadId) -> None:
        """Drop a thread that was deleted; whoever looks at it sees an empty one."""
        self.lost(thread_id)  # a run that has not ended yet must not begin it anew
        if thread_id in self._open:
            self._open[thread_id].transcript = Transcript(thread_id)
        self.announcements.deleted(thread_id)

    def opened(self) -> Sequence[ThreadLog]:
        """All that are open."""
        return tuple(self._open.values())

    def _log(self, thread_id: ThreadId) -> ThreadLog:
        if thread_id not in self._open:
            self._open[thread_id] = ThreadLog(Transcript(thread_id), self.store, self.announcements)
        return self._open[thread_id]

    def _close_unused(self, log: ThreadLog) -> None:
        if not log.users and not log.subscribers and self._open.get(log.thread_id) is log:
            del self._open[log.thread_id]


def _is_later(item: LogItem, seq: int) -> bool:
    return not isinstance(item, e.Envelope) or item.seq > seq
