"""Decides for a run what to do: play a scenario, or follow the rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tui.core.models import Role
from tui.core.ports import RunRequest
from tui.core.settings import SandboxSettings
from tui.sandbox.answer import complain
from tui.sandbox.rules import answer_steps, rule_plan
from tui.sandbox.scenario import ScenarioError, decode_scenario, find_scenario
from tui.sandbox.steps import CallTools, Plan, Rounds, Say, Step


def make_plan(request: RunRequest, settings: SandboxSettings) -> Plan:
    """The plan of a run; reads the scenario file if the settings name one.

    A scenario in the message goes before the file, and both go before the rules.
    """
    question = _last_question(request)
    if (block := find_scenario(question)) is not None:
        return _scenario_plan(block, "your message", request, question)
    if settings.scenario is not None:
        return _file_plan(settings.scenario, request, question)
    return rule_plan(request, question)


def _last_question(request: RunRequest) -> str:
    asked = (each.text for each in reversed(request.history) if each.role is Role.USER)
    return next(asked, "")


def _file_plan(path: Path, request: RunRequest, question: str) -> Plan:
    source = f"the file {path.name}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return _fixed(complain(f"It cannot be read: {reason}.", source))
    return _scenario_plan(text, source, request, question)


def _scenario_plan(text: str, source: str, request: RunRequest, question: str) -> Plan:
    try:
        turns = _split_at_calls(decode_scenario(text))
    except ScenarioError as error:
        return _fixed(complain(str(error), source))

    def plan(rounds: Rounds) -> Sequence[Step]:
        if len(rounds) < len(turns):
            return turns[len(rounds)]
        return answer_steps(request, question, rounds)

    return plan


def _split_at_calls(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of each turn: a turn ends with the calls it makes."""
    turns: list[list[Step]] = [[]]
    for step in steps:
        turns[-1].append(step)
        if isinstance(step, CallTools):
            turns.append([])
    return turns if turns[-1] else turns[:-1]


def _fixed(text: str) -> Plan:
    return lambda _rounds: (Say(text=text),)
