"""Runs the sandbox as the engine would, with tools that answer at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.core import events as e
from tui.core.models import (
    HistoryMessage,
    JsonObject,
    Need,
    Outcome,
    PartKind,
    Role,
    ToolOutput,
    ToolSpec,
)
from tui.core.ports import (
    NewMessages,
    RunRequest,
    Signal,
    ToolResult,
    ToolResults,
    TurnInput,
    WireFault,
)
from tui.core.settings import SandboxSettings
from tui.sandbox.provider import SandboxProvider

STRING: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "number"}


def tool(name: str, description: str = "", required: str = "", **properties: Any) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=description,
        parameters={"type": "object", "properties": properties, "required": required.split()},
    )


CURRENT_TIME = tool(
    "current_time",
    "Current date and time in a time zone.",
    "timezone",
    timezone={"type": "string", "description": "IANA name such as Europe/Paris"},
)
CALCULATE = tool("calculate", "Evaluate an arithmetic expression.", "expression", expression=STRING)
BUILTIN = (CURRENT_TIME, CALCULATE)


def asked(text: str, **fields: Any) -> RunRequest:
    history = (HistoryMessage(id="m1", role=Role.USER, text=text),)
    return RunRequest(**{"thread_id": "t1", "run_id": "r1", "history": history, **fields})


@dataclass
class Answer:
    """What a run said, turn by turn."""

    turns: list[list[Signal]] = field(default_factory=list)

    @property
    def signals(self) -> list[Signal]:
        return [signal for turn in self.turns for signal in turn]

    @property
    def ends(self) -> list[e.TurnFinished]:
        return [each for each in self.signals if isinstance(each, e.TurnFinished)]

    @property
    def outcome(self) -> Outcome:
        return self.ends[-1].outcome

    @property
    def faults(self) -> list[WireFault]:
        return [each for each in self.signals if isinstance(each, WireFault)]

    @property
    def calls(self) -> list[list[tuple[str, str]]]:
        """Name and arguments of the calls of each turn that made some."""
        return [
            [(need.name, need.arguments) for need in end.needs] for end in self.ends if end.needs
        ]

    def texts(self, kind: PartKind = PartKind.TEXT) -> list[str]:
        """The streamed text of each part of a kind."""
        parts = {
            each.part_id: ""
            for each in self.signals
            if isinstance(each, e.PartStarted) and each.kind is kind
        }
        for each in self.signals:
            if isinstance(each, e.TextDelta) and each.part_id in parts:
                parts[each.part_id] += each.text
        return list(parts.values())

    @property
    def text(self) -> str:
        return "\n".join(self.texts())


async def run(
    request: RunRequest,
    *,
    rate: float = 0,
    scenario: Path | None = None,
    interleave: bool = True,
    output: Callable[[Need], ToolOutput] = lambda need: ToolOutput(text=f"<{need.arguments}>"),
    most: int = 20,
) -> Answer:
    """The whole run; ``output`` answers each call."""
    provider = SandboxProvider(SandboxSettings(rate=rate, scenario=scenario, interleave=interleave))
    answer = Answer()
    given: TurnInput = NewMessages()
    async with provider.open(request) as session:
        for _ in range(most):
            answer.turns.append([signal async for signal in session.turn(given)])
            end = answer.ends[-1]
            if end.outcome is not Outcome.REQUIRES_ACTION:
                break
            given = results(end.needs, output)
    return answer


def results(
    needs: Sequence[Need], output: Callable[[Need], ToolOutput] = lambda _: ToolOutput(text="ok")
) -> ToolResults:
    return ToolResults(
        results=tuple(ToolResult(call_id=need.call_id, output=output(need)) for need in needs)
    )
