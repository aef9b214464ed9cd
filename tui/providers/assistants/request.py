"""Turns a run request into Assistants request bodies; pure, nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.core.models import HistoryCall, HistoryMessage, JsonObject, Role, ToolSpec
from tui.core.ports import RunRequest, ToolResult
from tui.core.settings import Profile
from tui.providers.fields import well_formed

MESSAGE_KEY = "tickertape_message_id"
RUN_KEY = "tickertape_run_id"
ASSISTANT_MARK = {"tickertape": "assistant"}

MAX_INITIAL_MESSAGES = 32
"""How many messages one create request may carry (the API's limit)."""

# The API's limits; a tool that breaks them would make it refuse the whole run.
_MAX_DESCRIPTION = 1024
_RESERVED = frozenset(
    {"assistant_id", "thread", "stream", "metadata", "tools", "additional_messages"}
)


def encode_assistant(model: str) -> JsonObject:
    """The assistant that Tickertape makes for itself, found again by its metadata."""
    return {"model": model, "name": "Tickertape", "metadata": dict(ASSISTANT_MARK)}


def encode_messages(history: Iterable[HistoryMessage]) -> list[JsonObject]:
    """Messages as the API takes them, without those that have nothing to say.

    A thread holds text only: tool calls of a past run become text of an assistant message, and
    system messages are sent as instructions (``encode_run``).
    """
    encoded = []
    for message in history:
        content = message_text(message)
        if content.strip() and message.role is not Role.SYSTEM:
            encoded.append(
                {
                    "role": message.role.value,
                    "content": content,
                    "metadata": {MESSAGE_KEY: message.id},
                }
            )
    return encoded


def message_text(message: HistoryMessage) -> str:
    """The text that stands for a message in a remote thread.

    A log may hold half a surrogate pair, as a server once sent it; no request can.
    """
    pieces = [message.text] if message.text.strip() else []
    pieces += [_call_text(call) for call in message.calls]
    return str(well_formed("\n\n".join(pieces)))


def encode_run(
    request: RunRequest,
    profile: Profile,
    *,
    assistant_id: str,
    tools: Sequence[JsonObject] | None,
) -> JsonObject:
    """The body that starts a run. ``tools`` None leaves the assistant's own in place."""
    options = {**profile.options, **request.options}
    body: JsonObject = {key: value for key, value in options.items() if key not in _RESERVED}
    body |= {
        "assistant_id": assistant_id,
        "stream": True,
        "metadata": {RUN_KEY: request.run_id},
    }
    if tools is not None:
        body["tools"] = list(tools)
    if model := request.model or profile.model:
        body["model"] = model
    instructions = _first(request.instructions, profile.instructions)
    if instructions is not None:
        body["instructions"] = instructions
    system = [message.text for message in request.history if message.role is Role.SYSTEM]
    extra = _first(request.additional_instructions, profile.additional_instructions)
    additional = "\n\n".join(text for text in [extra or "", *system] if text)
    if additional:
        body["additional_instructions"] = additional
    return body


def encode_tools(specs: Iterable[ToolSpec]) -> list[JsonObject]:
    """Function tools as a run declares them."""
    return [
        {
            "type": "function",
            "function": {
                "name": spec.name,
                "description": spec.description[:_MAX_DESCRIPTION],
                "parameters": spec.parameters,
                **({"strict": True} if spec.strict else {}),
            },
        }
        for spec in specs
    ]


def encode_outputs(results: Iterable[ToolResult]) -> JsonObject:
    """All outputs of one required action, for one submission."""
    outputs = [
        {"tool_call_id": each.call_id, "output": well_formed(each.output.text)} for each in results
    ]
    return {"tool_outputs": outputs, "stream": True}


def _call_text(call: HistoryCall) -> str:
    said = f"[Called {call.name} with {call.arguments or '{}'}"
    if call.output is None:
        return said + "; it gave no output.]"
    word = "error" if call.is_error else "output"
    return f"{said}; {word}: {call.output}]"


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)
