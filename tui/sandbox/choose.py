"""Which tools a message mentions, in groups: parallel within a group, groups one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.core.models import ToolSpec
from tui.sandbox.fill import fill_json
from tui.sandbox.steps import PlannedCall


def choose_calls(question: str, tools: Sequence[ToolSpec], choice: Any) -> list[list[PlannedCall]]:
    """The rounds of calls to make; empty when no tool is mentioned."""
    if choice == "none":
        return []
    named = [tool for tool in tools if tool.name in question]
    calls = [
        PlannedCall(name=tool.name, arguments=fill_json(tool.parameters, question))
        for tool in named
    ]
    return [calls] if calls else []
