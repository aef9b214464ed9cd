"""The kinds of streams within an item: which events carry them, and where their text belongs."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.models import JsonObject, PartKind
from tui.providers.fields import count
from tui.providers.responses.items import CUSTOM, FUNCTION, MESSAGE, REASONING

SUMMARY, THOUGHTS = 0, 1
"""The places of a reasoning item's two parts."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of stream within an item: ``whole`` names the field of its ``done`` event."""

    item: str
    whole: str
    kind: PartKind = PartKind.TOOL_CALL
    numbered: str = ""
    slot: int = 0
    separator: str = ""

    def part(self, event: JsonObject) -> int:
        """Which part of its item; each content of a message is a part of its own."""
        return count(event, self.numbered) if self.item == MESSAGE else self.slot

    def piece(self, event: JsonObject) -> int:
        """Which piece of its part."""
        return 0 if self.item == MESSAGE else count(event, self.numbered)


CHANNELS = {
    "output_text": Channel(MESSAGE, "text", PartKind.TEXT, "content_index"),
    "refusal": Channel(MESSAGE, "refusal", PartKind.REFUSAL, "content_index"),
    "reasoning_text": Channel(
        REASONING, "text", PartKind.REASONING, "content_index", THOUGHTS, "\n\n"
    ),
    "reasoning_summary_text": Channel(
        REASONING, "text", PartKind.REASONING, "summary_index", SUMMARY, "\n\n"
    ),
    "function_call_arguments": Channel(FUNCTION, "arguments"),
    "custom_tool_call_input": Channel(CUSTOM, "input"),
    "mcp_call_arguments": Channel("mcp_call", "arguments"),
    "code_interpreter_call_code": Channel("code_interpreter_call", "code"),
    "shell_call_command": Channel(
        "shell_call", "command", numbered="command_index", separator="\n"
    ),
    "apply_patch_call_operation_diff": Channel("apply_patch_call", "diff"),
}
