"""The rules: from a message and the tools on offer to rounds of calls, then an answer."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.ports import RunRequest
from tui.sandbox.answer import (
    answer_freely,
    answer_freely_as_json,
    answer_results,
    answer_results_as_json,
)
from tui.sandbox.choose import choose_calls
from tui.sandbox.fill import fill_json
from tui.sandbox.steps import CallTools, Plan, PlannedCall, Rounds, Say, Step


def rule_plan(request: RunRequest, question: str) -> Plan:
    """One turn for each group of calls that the message asks for, then the answer."""
    groups = _groups(request, question)

    def plan(rounds: Rounds) -> Sequence[Step]:
        if len(rounds) < len(groups):
            return (CallTools(calls=tuple(groups[len(rounds)])),)
        return answer_steps(request, question, rounds)

    return plan


def answer_steps(request: RunRequest, question: str, rounds: Rounds) -> Sequence[Step]:
    """The last turn: what the outputs say, or without any what the sandbox can do."""
    calls = [call for finished in rounds for call in finished]
    form = request.options.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_schema" and isinstance(form, dict):
        wrapper = form.get("json_schema")
        schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
        return (Say(text=fill_json(schema if isinstance(schema, dict) else {}, question)),)
    if kind == "json_object":
        make = answer_results_as_json(question, calls) if calls else None
        return (Say(text=make or answer_freely_as_json(request, question)),)
    return (
        Say(text=answer_results(question, calls) if calls else answer_freely(request, question)),
    )


def _groups(request: RunRequest, question: str) -> list[list[PlannedCall]]:
    choice = request.options.get("tool_choice")
    groups = choose_calls(question, request.tools, choice)
    if request.options.get("parallel_tool_calls") is False:
        return [[call] for group in groups for call in group]
    return groups
