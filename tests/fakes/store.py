"""A ThreadStore in memory: keeps every envelope and folds them on demand."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core import events as e
from tui.core.errors import StoreError
from tui.core.events import Envelope
from tui.core.models import RunId, RunState, ThreadId, ThreadSummary, WireEvent
from tui.core.transcript import Transcript


class MemoryThreadStore:
    """``log`` holds everything appended; ``broken`` makes the next barriers fail."""

    owner = "memory"

    def __init__(self) -> None:
        self.log: dict[ThreadId, list[Envelope]] = {}
        self.raw: dict[RunId, list[WireEvent]] = {}
        self.read: dict[ThreadId, int] = {}
        self.drafts: dict[str, str] = {}
        self.barriers = 0
        self.broken = False

    def append(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            self.log.setdefault(envelope.thread, []).append(envelope)

    def append_wire(self, events: Sequence[WireEvent]) -> None:
        for event in events:
            self.raw.setdefault(event.run_id, []).append(event)

    async def barrier(self) -> None:
        self.barriers += 1
        if self.broken:
            raise StoreError("The disk is full.", hint="Free some space.")

    async def load(self, thread_id: ThreadId) -> Transcript | None:
        if thread_id not in self.log:
            return None
        return Transcript(thread_id).apply_all(self.log[thread_id])

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        found = [self._summary(Transcript(key).apply_all(log)) for key, log in self.log.items()]
        return sorted(found, key=lambda each: each.updated_at, reverse=True)[:limit]

    def _summary(self, transcript: Transcript) -> ThreadSummary:
        return ThreadSummary(
            id=transcript.thread_id,
            title=transcript.title,
            created_at=transcript.created_at,
            updated_at=transcript.updated_at,
            profile=transcript.profile,
            messages=len(transcript.messages),
            running=transcript.active_run() is not None,
            unread=transcript.seq > self.read.get(transcript.thread_id, 0),
        )

    async def delete(self, thread_id: ThreadId) -> bool:
        for envelope in self.log.get(thread_id, []):
            if envelope.run is not None:
                self.raw.pop(envelope.run, None)
        self.drafts.pop(thread_id, None)
        self.read.pop(thread_id, None)
        return self.log.pop(thread_id, None) is not None

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        return tuple(self.raw.get(run_id, ()))

    async def mark_read(self, thread_id: ThreadId, seq: int) -> None:
        self.read[thread_id] = max(seq, self.read.get(thread_id, 0))

    async def draft(self, key: str) -> str:
        return self.drafts.get(key, "")

    async def save_draft(self, key: str, text: str) -> None:
        if text:
            self.drafts[key] = text
        else:
            self.drafts.pop(key, None)

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
