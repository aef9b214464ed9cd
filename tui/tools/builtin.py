"""The tools that come with Tickertape; being bounded, they run in a thread of this process."""

from __future__ import annotations

import asyncio

from tui.core.errors import ToolError
from tui.core.models import ToolOutput
from tui.tools.calculator import calculate
from tui.tools.clock import current_time
from tui.tools.function import ToolFunction, encode_result
from tui.tools.mark import mark_of


def builtin_tools() -> list[ToolFunction]:
    """The built-in tools, in the order in which they are offered. Imports pydantic."""
    marked = ((function, mark_of(function)) for function in (current_time, calculate))
    return [ToolFunction(function, mark) for function, mark in marked if mark is not None]


async def call_builtin(tool: ToolFunction, arguments: str) -> ToolOutput:
    """Run a built-in tool off the event loop; what it refuses is an error output."""
    return await asyncio.to_thread(_run, tool, arguments)


def _run(tool: ToolFunction, arguments: str) -> ToolOutput:
    try:
        bound = tool.bind(arguments)
        return ToolOutput(text=encode_result(tool.function(*bound.positional, **bound.named)))
    except ToolError as error:
        hint = f" {error.hint}" if error.hint else ""
        return ToolOutput(text=f"{error.message}{hint}", is_error=True)
