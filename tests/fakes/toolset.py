"""A Toolset of Python functions in this process, and policies that say one thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.core.models import CallId, Decision, Problem, ToolOutput, ToolSpec
from tui.core.ports import Ask
from tui.core.thread import ToolCall

Function = Callable[[str], Awaitable[str]]


async def echo(arguments: str) -> str:
    """Give the raw arguments back."""
    return arguments


async def for_ever(arguments: str) -> str:
    """Never return."""
    await asyncio.Event().wait()
    return arguments


async def broken(arguments: str) -> str:
    """Raise what no tool should."""
    raise RuntimeError("it broke")


@dataclass(slots=True)
class FakeToolset:
    """``called`` holds the call ids that were started, ``running`` how many at most at once."""

    functions: Mapping[str, Function]
    called: list[CallId] = field(default_factory=list)
    broken: Sequence[Problem] = ()
    running: int = 0
    most: int = 0

    async def specs(self) -> Sequence[ToolSpec]:
        return tuple(ToolSpec(name=name) for name in self.functions)

    def problems(self) -> Sequence[Problem]:
        return self.broken

    def validate(self, name: str, arguments: str) -> Problem | None:
        if name not in self.functions:
            return Problem(code="unknown_tool", message=f"There is no tool {name!r}.")
        if not arguments.endswith("}"):
            return Problem(code="invalid_json", message="The arguments are not valid JSON.")
        return None

    async def call(
        self, call_id: CallId, name: str, arguments: str, emit: Callable[[str], None]
    ) -> ToolOutput:
        self.called.append(call_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            return ToolOutput(text=await self.functions[name](arguments))
        finally:
            self.running -= 1

    async def close(self) -> None:
        """Nothing runs."""


@dataclass(frozen=True, slots=True)
class Always:
    """A policy with one answer."""

    answer: Decision | Ask = field(default_factory=lambda: Decision(approved=True, by="policy"))

    def decide(self, call: ToolCall, spec: ToolSpec | None) -> Decision | Ask:
        return self.answer
