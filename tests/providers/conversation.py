"""Runs a session the way the engine does and folds what it yields into a transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from tui.core.events import (
    ContinuationChanged,
    Envelope,
    Event,
    MessageAdded,
    ProviderEvent,
    RunStarted,
    ThreadCreated,
    ToolFinished,
    TurnFinished,
)
from tui.core.models import HistoryMessage, PartInput, Role, ToolOutput, ToolSpec
from tui.core.ports import (
    Checkpoint,
    NewMessages,
    Provider,
    ResponseOpened,
    RunRequest,
    RunSession,
    Signal,
    ToolResult,
    ToolResults,
    TurnInput,
    WireReceived,
)
from tui.core.thread import Run
from tui.core.transcript import Transcript

PROVIDER_EVENTS = get_args(ProviderEvent)


def user(message_id: str, text: str) -> HistoryMessage:
    return HistoryMessage(id=message_id, role=Role.USER, text=text)


def assistant(message_id: str, text: str) -> HistoryMessage:
    return HistoryMessage(id=message_id, role=Role.ASSISTANT, text=text)


def request(*history: HistoryMessage, run_id: str = "run", **more: Any) -> RunRequest:
    return RunRequest(thread_id="local", run_id=run_id, history=history, **more)


@dataclass
class Conversation:
    """A local thread that is answered by a provider, one run after the other."""

    provider: Provider
    tools: Sequence[ToolSpec] = ()
    transcript: Transcript = field(default_factory=lambda: Transcript("local"))
    signals: list[Signal] = field(default_factory=list)
    run_id: str = ""
    runs: str = "run"

    def __post_init__(self) -> None:
        self.record(ThreadCreated())

    def record(self, event: Event) -> None:
        seq = self.transcript.seq + 1
        run = self.run_id or None
        envelope = Envelope(thread="local", seq=seq, at=0.0, mono=0.0, event=event, run=run)
        self.transcript.apply(envelope)

    def say(self, text: str) -> RunRequest:
        """Add a user message; the request that answers it."""
        number = len(self.transcript.runs) + 1
        message_id, parent = f"user-{number}", self.transcript.leaf_id
        continuation = next(
            (r.continuation for r in reversed(self.transcript.runs.values()) if r.continuation),
            None,
        )
        self.run_id = ""
        parts = (PartInput(text=text),)
        self.record(
            MessageAdded(message_id=message_id, parent_id=parent, role=Role.USER, parts=parts)
        )
        self.run_id = f"{self.runs}-{number}"
        self.record(RunStarted(parent_id=message_id))
        return RunRequest(
            thread_id="local",
            run_id=self.run_id,
            history=self.transcript.history(),
            tools=tuple(self.tools),
            continuation=continuation,
        )

    async def turn(self, session: RunSession, given: TurnInput) -> TurnFinished:
        """One turn to its end, everything recorded. It must end with exactly one TurnFinished."""
        end: TurnFinished | None = None
        before = session.continuation
        async for signal in session.turn(given):
            assert end is None, f"{signal} came after TurnFinished"
            self.signals.append(signal)
            if session.continuation is not before:
                before = session.continuation
                self.record(ContinuationChanged(continuation=before))
            if not isinstance(signal, WireReceived | ResponseOpened | Checkpoint):
                assert isinstance(signal, PROVIDER_EVENTS)
                self.record(signal)
            if isinstance(signal, TurnFinished):
                end = signal
        assert end is not None, "the turn ended without TurnFinished"
        return end

    async def answer(self, text: str, output: str = "output of {name}") -> TurnFinished:
        """A whole run: message, tool rounds, to the end."""
        asked = self.say(text)
        async with self.provider.open(asked) as session:
            end = await self.turn(session, NewMessages())
            while end.needs:
                end = await self.turn(session, self.results(end, output))
        return end

    def results(self, end: TurnFinished, output: str = "output of {name}") -> ToolResults:
        """An output for each call that the turn waits for."""
        found = []
        for need in end.needs:
            text = output.format(name=need.name, arguments=need.arguments)
            self.record(ToolFinished(call_id=need.call_id, output=text))
            found.append(ToolResult(call_id=need.call_id, output=ToolOutput(text=text)))
        return ToolResults(results=tuple(found))

    @property
    def run(self) -> Run:
        return self.transcript.runs[self.run_id]

    @property
    def text(self) -> str:
        """The last message on the path."""
        return self.transcript.path()[-1].text

    @property
    def wire_names(self) -> list[str]:
        return [s.name for s in self.signals if isinstance(s, WireReceived)]


async def until(signals: AsyncIterator[Signal], kind: type) -> Signal:
    """Pull signals up to the first of this kind."""
    async for signal in signals:
        if isinstance(signal, kind):
            return signal
    raise AssertionError(f"no {kind.__name__} came")
