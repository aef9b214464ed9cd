"""A ThreadStore that forgets: private threads live here, and never touch the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import Problem, RunId, RunState, ThreadId, ThreadSummary, WireEvent
from tui.core.ports import Request, StoreListener
from tui.core.transcript import Transcript

OWNER = "memory"


@dataclass(slots=True)
class _Folded:
    """A log as far as it was folded."""

    log: list[Envelope]
    transcript: Transcript
    applied: int = 0


class MemoryThreadStore:
    """Threads of this process alone, as logs that are folded on demand.

    ``broken`` makes the next barriers fail, for tests.
    """

    owner = OWNER
    notice: Problem | None = None

    def __init__(self) -> None:
        self.log: dict[ThreadId, list[Envelope]] = {}
        self.raw: dict[RunId, list[WireEvent]] = {}
        self.runs: dict[RunId, ThreadId] = {}
        self.read: dict[ThreadId, int] = {}
        self.drafts: dict[str, str] = {}
        self.barriers = 0
        self.broken = False
        self._folded: dict[ThreadId, _Folded] = {}

    def append(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            self.log.setdefault(envelope.thread, []).append(envelope)
            if envelope.run is not None:
                self.runs[envelope.run] = envelope.thread

    def append_wire(self, events: Sequence[WireEvent]) -> None:
        for event in events:
            self.raw.setdefault(event.run_id, []).append(event)

    async def barrier(self, thread_id: ThreadId = "") -> None:
        self.barriers += 1
        if self.broken:
            raise StoreError("The disk is full.", hint="Free some space.")

    # --- no other process ------------------------------------------------------------------

    def listen(self, listener: StoreListener) -> None:
        """Nothing ever happens that this process did not do."""

    async def claim(self, thread_id: ThreadId, *, force: bool = False) -> int:
        log = self.log.get(thread_id)
        return log[-1].seq if log else 0

    def release(self, thread_id: ThreadId) -> None:
        """There is nobody to give it to."""

    async def post(self, request: Request) -> bool:
        return False

    async def requests(self) -> Sequence[Request]:
        return ()

    def has_run(self, run_id: RunId) -> bool:
        """Whether the run is one of a thread here."""
        return run_id in self.runs

    # --- reading ---------------------------------------------------------------------------

    async def load(self, thread_id: ThreadId) -> Transcript | None:
        if thread_id not in self.log:
            return None
        return Transcript(thread_id).apply_all(self.log[thread_id])

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return None  # what was written here since the start is not long

    async def tail(self, thread_id: ThreadId, after: int) -> Sequence[Envelope] | None:
        log = self.log.get(thread_id)
        return None if log is None else [each for each in log if each.seq > after]

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        found = [self._summary(self._so_far(thread_id)) for thread_id in self.log]
        return sorted(found, key=lambda each: each.updated_at, reverse=True)[:limit]

    def _so_far(self, thread_id: ThreadId) -> Transcript:
        """The thread as it is now, not to be given away: a list is asked for at every change."""
        log = self.log[thread_id]
        folded = self._folded.get(thread_id)
        if folded is None or folded.log is not log:
            folded = self._folded[thread_id] = _Folded(log, Transcript(thread_id))
        folded.transcript.apply_all(log[folded.applied :])
        folded.applied = len(log)
        return folded.transcript

    def _summary(self, transcript: Transcript) -> ThreadSummary:
        return ThreadSummary(
            id=transcript.thread_id,
            title=transcript.title,
            created_at=transcript.created_at,
            updated_at=transcript.updated_at,
            profile=transcript.profile,
            messages=len(transcript.messages),
            running=transcript.active_run() is not None,
            interrupted=transcript.interrupted_run() is not None,
            unread=transcript.seq > self.read.get(transcript.thread_id, 0),
        )

    async def delete(self, thread_id: ThreadId) -> bool:
        for run_id in [run for run, thread in self.runs.items() if thread == thread_id]:
            del self.runs[run_id]
            self.raw.pop(run_id, None)
        self._folded.pop(thread_id, None)
        self.drafts.pop(thread_id, None)
        self.read.pop(thread_id, None)
        return self.log.pop(thread_id, None) is not None

    async def wire(self, run_id: RunId, after: int = -1) -> Sequence[WireEvent]:
        return tuple(each for each in self.raw.get(run_id, ()) if each.index > after)

    async def mark_read(self, thread_id: ThreadId, seq: int) -> None:
        self.read[thread_id] = max(seq, self.read.get(thread_id, 0))

    async def draft(self, key: str) -> str:
        return self.drafts.get(key, "")

    async def save_draft(self, key: str, text: str) -> None:
        if text:
            self.drafts[key] = text
        else:
            self.drafts.pop(key, None)

    # --- after a crash ---------------------------------------------------------------------

    async def recover(self) -> Sequence[RunId]:
        interrupted: list[RunId] = []
        for thread_id, log in self.log.items():
            transcript = Transcript(thread_id).apply_all(log)
            for run in transcript.runs.values():
                if run.state in (RunState.FINISHED, RunState.INTERRUPTED):
                    continue
                last = log[-1]
                log.append(
                    Envelope(
                        thread=thread_id,
                        seq=last.seq + 1,
                        at=last.at,
                        mono=last.mono,
                        run=run.id,
                        event=e.RunInterrupted(),
                    )
                )
                interrupted.append(run.id)
        return interrupted

    async def unsettled(self) -> Sequence[tuple[ThreadId, RunId]]:
        found = []
        for thread_id in self.log:
            run = self._so_far(thread_id).interrupted_run()
            if run is not None and run.settle:
                found.append((thread_id, run.id))
        return found

    def close(self) -> None:
        """Forget everything."""
        self.log.clear()
        self.raw.clear()
        self.runs.clear()
        self.read.clear()
        self.drafts.clear()
        self._folded.clear()
