"""Rounds of calls that come with the history: a run that its server lost goes on with a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tui.core.models import HistoryMessage, Role, ToolOutput
from tui.sandbox.steps import FinishedCall, PlannedCall

# Threads hold text only, so a client that rebuilds one writes its calls like this.
_TOLD = re.compile(
    r"(?:\A|\n\n)\[Called (?P<name>\S+) with (?P<arguments>.*?)"
    r"(?:; (?P<word>output|error): (?P<output>.*?)|; it gave no output\.)\]"
    r"(?=\n\n\[Called |\Z)",
    re.DOTALL,
)


def rounds_handed_in(history: Sequence[HistoryMessage]) -> list[tuple[FinishedCall, ...]]:
    """The rounds since the last question, if calls are the last thing that happened."""
    rounds: list[tuple[FinishedCall, ...]] = []
    for message in reversed(history):
        if message.role is Role.USER:
            break
        calls = (*_calls(message), *_told_calls(message))
        if calls:
            rounds.append(calls)
        elif not rounds:
            return []
    return rounds[::-1]


def _calls(message: HistoryMessage) -> Iterator[FinishedCall]:
    for call in message.calls:
        output = None if call.output is None else _output(call.output, call.is_error)
        yield FinishedCall(
            call=PlannedCall(name=call.name, arguments=call.arguments), output=output
        )


def _told_calls(message: HistoryMessage) -> Iterator[FinishedCall]:
    for found in _TOLD.finditer(message.text):
        output = None
        if found["word"]:
            output = _output(found["output"], found["word"] == "error")
        call = PlannedCall(name=found["name"], arguments=found["arguments"])
        yield FinishedCall(call=call, output=output)


def _output(text: str, is_error: bool) -> ToolOutput:
    return ToolOutput(text=text, is_error=is_error)
