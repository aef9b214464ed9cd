"""Builds a thread's envelopes the way the engine does, with the live transcript beside them."""

from __future__ import annotations

from typing import Any

from tui.core import events as e
from tui.core.events import Envelope, Event
from tui.core.models import (
    Decision,
    JsonObject,
    Outcome,
    PartFinal,
    PartInput,
    PartKind,
    Role,
    RunId,
    ThreadId,
    ToolRef,
)
from tui.core.transcript import Transcript


class LogBuilder:
    """``live`` is what a reader saw so far, ``log`` the envelopes that made it."""

    def __init__(self, thread: ThreadId = "thread-1", *, at: float = 1_000.0) -> None:
        self.live = Transcript(thread)
        self.log: list[Envelope] = []
        self._at = at

    @classmethod
    def going_on(cls, live: Transcript, *, at: float = 5_000.0) -> LogBuilder:
        """Continue a thread that was loaded."""
        builder = cls(live.thread_id, at=at)
        builder.live = live
        return builder

    def add(self, event: Event, run: RunId | None = None, **stamps: Any) -> Envelope:
        """The next envelope, half a second after the last."""
        self._at += 0.5
        envelope = Envelope(
            thread=self.live.thread_id,
            seq=self.live.seq + 1,
            at=stamps.get("at", self._at),
            mono=stamps.get("mono", self._at - 900.0),
            event=event,
            run=run,
            turn=stamps.get("turn"),
            wire=stamps.get("wire"),
        )
        self.live.apply(envelope)
        self.log.append(envelope)
        return envelope

    def created(self, title: str = "A thread", profile: str = "sandbox") -> list[Envelope]:
        """The beginning of every thread."""
        return [self.add(e.ThreadCreated(title=title, profile=profile))]

    def asked(self, message: str = "m1", text: str = "Hello?") -> list[Envelope]:
        """A user's message below the leaf."""
        added = e.MessageAdded(
            message_id=message,
            parent_id=self.live.leaf_id,
            role=Role.USER,
            author="user",
            parts=(PartInput(text=text),),
        )
        return [self.add(added)]

    def started(self, run: RunId = "r1", owner: str = "gone") -> list[Envelope]:
        """A run that answers the leaf."""
        parent = self.live.leaf_id or ""
        event = e.RunStarted(parent_id=parent, profile="sandbox", model="m", owner=owner)
        return [self.add(event, run)]

    def answering(self, run: RunId = "r1", message: str = "a1") -> list[Envelope]:
        """The run's message and its text part begin."""
        text = e.PartStarted(
            message_id=message, part_id=f"{message}-text", index=0, kind=PartKind.TEXT
        )
        return [self.add(e.MessageStarted(message_id=message), run), self.add(text, run)]

    def words(self, *words: str, run: RunId = "r1", message: str = "a1") -> list[Envelope]:
        """Deltas of that text part."""
        part = f"{message}-text"
        return [self.add(e.TextDelta(part_id=part, text=word), run) for word in words]

    def calling(
        self, call: str = "c1", run: RunId = "r1", message: str = "a1", index: int = 1
    ) -> list[Envelope]:
        """A tool call up to the moment before its function starts."""
        part = f"{message}-{call}"
        ref = ToolRef(name="calculate", call_id=call)
        began = e.PartStarted(
            message_id=message, part_id=part, index=index, kind=PartKind.TOOL_CALL, tool=ref
        )
        fragments = [
            e.ArgumentsDelta(part_id=part, fragment=each)
            for each in ('{"expr', 'ession":', '"1+1"}')
        ]
        finished = e.PartFinished(part_id=part, final=PartFinal(arguments='{"expression":"1+1"}'))
        decision = Decision(approved=True, by="policy", reason="read only")
        decided = e.ApprovalDecided(call_id=call, decision=decision)
        steps: tuple[Event, ...] = (began, *fragments, finished, decided)
        return [self.add(event, run) for event in steps]

    def ended(self, run: RunId = "r1", outcome: Outcome = Outcome.COMPLETED) -> list[Envelope]:
        """The end of the run."""
        return [self.add(e.RunFinished(outcome=outcome), run)]


def everything(transcript: Transcript) -> JsonObject:
    """All that must survive: what a reader sees, the orders, and the place in the log."""
    return {
        "view": transcript.view(times=True),
        "seq": transcript.seq,
        "updated_at": transcript.updated_at,
        "messages": list(transcript.messages),
        "runs": list(transcript.runs),
        "parts": list(transcript.parts),
        "calls": [(key, call.part_id) for key, call in transcript.calls.items()],
        "history": transcript.history(),
    }
