"""In an actor's process: a provider and a tool that wait for what the test tells them to do."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tui.config.catalog import SettingsInForce
from tui.core import codec
from tui.core.errors import ProviderError
from tui.core.models import (
    CallId,
    JsonObject,
    ModelInfo,
    Outcome,
    Problem,
    RunId,
    ToolOutput,
    ToolSpec,
)
from tui.core.ports import (
    Capabilities,
    NewMessages,
    Resume,
    RunRequest,
    RunSession,
    Signal,
    ToolResults,
    TurnInput,
)
from tui.core.settings import Profile

_KINDS = {NewMessages: "new", ToolResults: "results", Resume: "resume"}


@dataclass(slots=True)
class Turn:
    """A request that waits for its answer, event by event."""

    number: int
    run_id: RunId
    kind: str
    calls: tuple[CallId, ...]
    lines: asyncio.Queue[JsonObject] = field(default_factory=asyncio.Queue)


@dataclass(slots=True)
class _Session:
    puppet: PuppetProvider
    run_id: RunId
    continuation: JsonObject = field(default_factory=dict)

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        self.continuation = {"remote": self.run_id}
        results = given.results if isinstance(given, ToolResults) else ()
        calls = tuple(each.call_id for each in results)
        number = next(self.puppet.numbers)
        turn = Turn(number, self.run_id, _KINDS[type(given)], calls)
        self.puppet.turns[number] = turn
        try:
            while True:
                line = await turn.lines.get()
                if "code" in line:
                    raise ProviderError("The server says no.", code=line["code"])
                yield codec.decode_event(line["type"], line["data"])  # type: ignore[misc]  # the test sends provider events only
        finally:
            del self.puppet.turns[number]

    async def cancel(self) -> Outcome:
        self.puppet.cancelled.append(self.run_id)
        return Outcome.CANCELLED


class PuppetProvider:
    """``turns`` are the requests that wait, ``cancelled`` the runs that were to be cancelled."""

    capabilities = Capabilities(server_state=True)

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.turns: dict[int, Turn] = {}
        self.cancelled: list[RunId] = []

    @asynccontextmanager
    async def _session(self, request: RunRequest) -> AsyncIterator[RunSession]:
        yield _Session(self, request.run_id)

    async def models(self) -> Sequence[ModelInfo]:
        return ()

    def open(self, request: RunRequest) -> AbstractAsyncContextManager[RunSession]:
        return self._session(request)

    async def close(self) -> None:
        """Nothing to give back."""


class PuppetSource:
    """Takes the place of the wiring's Providers."""

    def __init__(self, current: SettingsInForce, hide: Callable[[str | None], None]) -> None:
        self.puppet = PuppetProvider()

    def profile(self, name: str | None) -> Profile:
        return Profile(name="puppet")

    async def provider(self, profile: Profile) -> PuppetProvider:
        return self.puppet

    async def models(self, name: str) -> Sequence[ModelInfo]:
        return await self.puppet.models()

    async def close(self) -> None:
        """Nothing to give back."""


class PuppetToolset:
    """``free`` runs without asking, ``asking`` asks. Each notes its call in a file, then waits."""

    def __init__(self, tools_dir: Path, *, hidden: object) -> None:
        self._effects = tools_dir.parent / "effects"
        self.running: dict[CallId, asyncio.Event] = {}

    async def specs(self) -> Sequence[ToolSpec]:
        return (ToolSpec(name="free", read_only=True), ToolSpec(name="asking"))

    def problems(self) -> Sequence[Problem]:
        return ()

    def validate(self, name: str, arguments: str) -> Problem | None:
        return None

    async def call(
        self, call_id: CallId, name: str, arguments: str, emit: Callable[[str], None]
    ) -> ToolOutput:
        descriptor = os.open(self._effects, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.write(descriptor, f"{call_id}\n".encode())
        os.close(descriptor)
        self.running[call_id] = asyncio.Event()
        try:
            await self.running[call_id].wait()
        finally:
            del self.running[call_id]
        return ToolOutput(text=f"output of {call_id}")

    async def close(self) -> None:
        """Nothing runs outside of this process."""
