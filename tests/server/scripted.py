"""A provider that follows a script: turns of plain signals, with points a test can hold it at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import (
    JsonObject,
    ModelInfo,
    Need,
    Outcome,
    PartKind,
    Problem,
    ToolRef,
    Usage,
)
from tui.core.ports import Capabilities, RunRequest, Signal, ToolResults, TurnInput


@dataclass(frozen=True)
class Hold:
    """Wait here until the test opens the gate of this name."""

    name: str


Step: TypeAlias = Signal | Hold | ProviderError
Turn: TypeAlias = Sequence[Step]
Script: TypeAlias = Callable[[RunRequest, TurnInput, int], Turn]


def say(*fragments: str, kind: PartKind = PartKind.TEXT, name: str = "m") -> list[Step]:
    """One message with one text part, fragment by fragment."""
    return [
        e.MessageStarted(message_id=name),
        e.PartStarted(message_id=name, part_id=f"{name}:0", index=0, kind=kind),
        *(e.TextDelta(part_id=f"{name}:0", text=text) for text in fragments),
        e.PartFinished(part_id=f"{name}:0"),
        e.MessageFinished(message_id=name),
    ]


def call(*calls: tuple[str, str, str], name: str = "t") -> list[Step]:
    """Parallel calls (id, tool, arguments), streamed in three fragments each, interleaved."""
    begun, fragments, ended = _streamed(calls, name)
    mixed = [fragment for third in zip(*fragments, strict=True) for fragment in third]
    return _waiting(calls, name, [*begun, *mixed, *ended])


def in_turn(*calls: tuple[str, str, str], name: str = "t") -> list[Step]:
    """The same calls one after another, as the hosted service streamed them."""
    begun, fragments, ended = _streamed(calls, name)
    ordered: list[Step] = []
    for first, middle, last in zip(begun, fragments, ended, strict=True):
        ordered += [first, *middle, last]
    return _waiting(calls, name, ordered)


def _streamed(
    calls: Sequence[tuple[str, str, str]], name: str
) -> tuple[list[Step], list[list[Step]], list[Step]]:
    begun: list[Step] = []
    fragments: list[list[Step]] = []
    ended: list[Step] = []
    for index, (call_id, tool, arguments) in enumerate(calls):
        part, ref = f"{name}:{call_id}", ToolRef(name=tool, call_id=call_id)
        begun.append(
            e.PartStarted(
                message_id=name, part_id=part, index=index, kind=PartKind.TOOL_CALL, tool=ref
            )
        )
        size = len(arguments) // 3 + 1
        thirds = [arguments[n * size : (n + 1) * size] for n in range(3)]
        fragments.append([e.ArgumentsDelta(part_id=part, fragment=text) for text in thirds])
        ended.append(e.PartFinished(part_id=part))
    return begun, fragments, ended


def _waiting(calls: Sequence[tuple[str, str, str]], name: str, steps: list[Step]) -> list[Step]:
    needs = tuple(Need(call_id=i, name=tool, arguments=a) for i, tool, a in calls)
    return [
        e.MessageStarted(message_id=name),
        *steps,
        e.MessageFinished(message_id=name),
        e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=needs),
    ]


def used(given: int, made: int) -> e.UsageReported:
    """Token counts of the run so far."""
    usage = Usage(input_tokens=given, output_tokens=made, total_tokens=given + made)
    return e.UsageReported(usage=usage)


def end(outcome: Outcome = Outcome.COMPLETED, reason: str = "") -> e.TurnFinished:
    """The end of a turn."""
    return e.TurnFinished(outcome=outcome, reason=reason)


def failed(code: str, message: str) -> e.TurnFinished:
    """The model gave up."""
    return e.TurnFinished(outcome=Outcome.FAILED, error=Problem(code=code, message=message))


@dataclass(repr=False)
class ScriptedProvider:
    """Plays what ``script`` returns for each turn; ``requests`` and ``given`` record the rest."""

    script: Script
    requests: list[RunRequest] = field(default_factory=list)
    given: list[TurnInput] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    closed: bool = False
    slow_to_cancel: bool = False  # until the gate "cancel" opens
    _gates: dict[str, asyncio.Event] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def release(self, name: str) -> None:
        """Open a gate, from any thread, for everyone who waits or will."""
        if self._loop is None:
            self._gate(name).set()
        else:
            self._loop.call_soon_threadsafe(lambda: self._gate(name).set())

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[ScriptedSession]:
        self._loop = asyncio.get_running_loop()
        self.requests.append(request)
        yield ScriptedSession(self, request)

    async def models(self) -> Sequence[ModelInfo]:
        return ()

    async def close(self) -> None:
        self.closed = True

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())


@dataclass(repr=False)
class ScriptedSession:
    """One run of the script."""

    provider: ScriptedProvider
    request: RunRequest
    turns: int = 0

    @property
    def continuation(self) -> JsonObject:
        return _NOTHING

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        self.provider.given.append(given)
        self.turns += 1
        for step in self.provider.script(self.request, given, self.turns):
            if isinstance(step, Hold):
                await self.provider._gate(step.name).wait()
            elif isinstance(step, ProviderError):
                raise step
            else:
                # Lets the responses keep up, as a model's pace would.
                await asyncio.sleep(0)
                yield step

    async def cancel(self) -> Outcome:
        self.provider.cancelled.append(self.request.run_id)
        if self.provider.slow_to_cancel:
            await self.provider._gate("cancel").wait()
        return Outcome.CANCELLED


_NOTHING: JsonObject = {}


def outputs_of(given: TurnInput) -> dict[str, str]:
    """The outputs a later turn was given, by call id."""
    assert isinstance(given, ToolResults)
    return {result.call_id: result.output.text for result in given.results}
