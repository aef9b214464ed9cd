"""A Provider that plays a script: one list of signals per turn, with pauses a test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tui.core import events as e
from tui.core.errors import TickertapeError
from tui.core.models import JsonObject, ModelInfo, Need, Outcome, PartFinal, PartKind, ToolRef
from tui.core.ports import Capabilities, RunRequest, RunSession, Signal, TurnInput


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait here until the test sets the event."""

    until: asyncio.Event


Line: TypeAlias = Signal | Pause | TickertapeError | Exception
Turn: TypeAlias = Sequence[Line]


@dataclass(slots=True)
class ScriptedSession:
    """Plays the provider's next turn whenever it is asked for one."""

    provider: ScriptedProvider
    continuation: JsonObject = field(default_factory=dict)

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        self.provider.given.append(given)
        lines = self.provider.turns.pop(0)
        self.continuation = {"turns": len(self.provider.given)}
        for line in lines:
            if isinstance(line, Pause):
                self.provider.paused.set()
                await line.until.wait()
            elif isinstance(line, Exception):
                raise line
            else:
                yield line

    async def cancel(self) -> Outcome:
        self.provider.cancels += 1
        if isinstance(self.provider.on_cancel, Exception):
            raise self.provider.on_cancel
        return self.provider.on_cancel


@dataclass(slots=True)
class ScriptedProvider:
    """``given`` and ``requests`` tell what it was asked; ``paused`` is set when it waits."""

    turns: list[Turn]
    on_cancel: Outcome | Exception = Outcome.CANCELLED
    given: list[TurnInput] = field(default_factory=list)
    requests: list[RunRequest] = field(default_factory=list)
    cancels: int = 0
    opening: asyncio.Event | None = None
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(server_state=True))

    @asynccontextmanager
    async def _session(self, request: RunRequest) -> AsyncIterator[RunSession]:
        self.requests.append(request)
        if self.opening is not None:
            self.paused.set()
            await self.opening.wait()
        yield ScriptedSession(self)

    def open(self, request: RunRequest) -> AbstractAsyncContextManager[RunSession]:
        return self._session(request)

    async def models(self) -> Sequence[ModelInfo]:
        return (ModelInfo(id="scripted"),)

    async def close(self) -> None:
        """Nothing to give back."""


def said(text: str, *, message: str = "m1", end: Outcome | None = Outcome.COMPLETED) -> Turn:
    """A turn that says ``text`` word by word; ``end`` None leaves it without a terminal event."""
    part = f"{message}:0"
    lines: list[Line] = [
        e.MessageStarted(message_id=message),
        e.PartStarted(message_id=message, part_id=part, index=0, kind=PartKind.TEXT),
    ]
    lines += [e.TextDelta(part_id=part, text=word) for word in text.split(" ")]
    if end is not None:
        lines += [
            e.PartFinished(part_id=part),
            e.MessageFinished(message_id=message),
            e.TurnFinished(outcome=end),
        ]
    return lines


def called(*calls: tuple[str, str, str], step: str = "s1") -> Turn:
    """A turn that calls tools: each (call id, name, raw arguments)."""
    lines: list[Line] = [e.MessageStarted(message_id=step)]
    for index, (call_id, name, arguments) in enumerate(calls):
        part = f"{step}:{index}"
        lines.append(
            e.PartStarted(
                message_id=step,
                part_id=part,
                index=index,
                kind=PartKind.TOOL_CALL,
                tool=ToolRef(name=name, call_id=call_id),
            )
        )
        lines += [e.ArgumentsDelta(part_id=part, fragment=piece) for piece in arguments]
        final = PartFinal(arguments=arguments)
        lines.append(e.PartFinished(part_id=part, final=final))
    needs = tuple(Need(call_id=c, name=n, arguments=a) for c, n, a in calls)
    lines.append(e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=needs))
    return lines
