"""Turns a run request into a Chat Completions body; pure, nothing is sent here."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tui.core.models import (
    CallId,
    HistoryCall,
    HistoryMessage,
    JsonObject,
    Role,
    ToolOrigin,
    ToolSpec,
)
from tui.core.ports import RunRequest
from tui.core.settings import Profile
from tui.providers.call_ids import short_id
from tui.providers.fields import obj, objects, parse_object, text, well_formed
from tui.providers.kept import NOTHING_KEPT, KeptItems
from tui.providers.options import options_of

# The API's limits; a name or description that breaks them would have the whole request refused.
_MAX_DESCRIPTION = 1024
_MAX_NAME = 64
_MAX_CALL_ID = 40
_RESERVED = frozenset({"messages", "model", "n", "stream", "stream_options", "tools"})
_WITH_TOOLS = frozenset({"tool_choice", "parallel_tool_calls"})

CUSTOM = "custom"
"""The type of a tool that takes text instead of JSON, and the field of what it is given."""
NOT_ANSWERED = "This call was not answered."


def encode_request(
    request: RunRequest,
    profile: Profile,
    *,
    model: str,
    kept: KeptItems = NOTHING_KEPT,
    begun: bool = False,
) -> JsonObject:
    """The body of a session's first request; later ones add the rounds since to ``messages``."""
    tools = [*encode_tools(request.tools), *profile.hosted_tools]
    left_out = _RESERVED if tools else _RESERVED | _WITH_TOOLS
    options = options_of(request, profile, begun=begun)
    body = {key: value for key, value in options.items() if key not in left_out}
    body |= {
        "model": model,
        "messages": encode_messages(request, profile, kept),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        body["tools"] = tools
    return body


def encode_messages(
    request: RunRequest, profile: Profile, kept: KeptItems = NOTHING_KEPT
) -> list[JsonObject]:
    """Instructions and history; messages that have nothing to say are left out.

    Messages that were ``kept`` as the server wants them back go back that way.
    """
    system = _system(request, profile)
    messages: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    customs = {text(obj(tool, CUSTOM), "name") for tool in profile.hosted_tools}
    for message in request.history:
        if message.role is Role.USER:
            _add(messages, {"role": "user", "content": message.text})
        elif message.id in kept:
            messages += _as_it_came(message, kept[message.id])
        elif message.role is Role.ASSISTANT:
            thinking = message.id.startswith(f"{request.run_id}:")
            for each in _assistant(message, customs, thinking=thinking):
                _add(messages, each)
    encoded: list[JsonObject] = well_formed(messages)
    return encoded


def encode_tools(specs: Iterable[ToolSpec]) -> Iterator[JsonObject]:
    """Function tools as a request declares them."""
    for spec in specs:
        function: JsonObject = {"name": spec.name, "parameters": spec.parameters}
        if spec.description:
            function["description"] = spec.description[:_MAX_DESCRIPTION]
        if spec.strict:
            function["strict"] = True
        yield {"type": "function", "function": function}


def encode_call(call_id: str, name: str, arguments: str) -> JsonObject:
    """A call as the model is reminded of it.

    Many servers take arguments apart on the way to the model and fail on what is no JSON object.
    """
    if parse_object(arguments) is None:
        arguments = json.dumps({"unreadable": arguments}) if arguments.strip() else "{}"
    function = {"name": _name(name), "arguments": arguments}
    return {"id": _call_id(call_id), "type": "function", "function": function}


def encode_custom_call(call_id: str, name: str, given: str) -> JsonObject:
    """The same for a tool that takes text as it is."""
    return {"id": _call_id(call_id), "type": CUSTOM, CUSTOM: {"name": name, "input": given}}


def encode_outputs(answer: JsonObject, told: Mapping[CallId, str]) -> Iterator[JsonObject]:
    """The outputs of the calls that ``answer`` (an assistant message as it is sent) makes."""
    outputs = {_call_id(call_id): well_formed(output) for call_id, output in told.items()}
    for call in objects(answer, "tool_calls"):
        content = outputs.get(text(call, "id"), NOT_ANSWERED)
        yield {"role": "tool", "tool_call_id": call["id"], "content": content}
    if name := text(obj(answer, "function_call"), "name"):
        # The protocol before tools: one call a message, and no id.
        content = next(iter(outputs.values()), NOT_ANSWERED)
        yield {"role": "function", "name": name, "content": content}


def is_told_by_history(answer: JsonObject) -> bool:
    """Whether this message, as it is sent back, holds nothing that our history does not."""
    plain = answer.keys() <= {"role", "content", "tool_calls"}
    return plain and not any("extra_content" in call for call in objects(answer, "tool_calls"))


def _system(request: RunRequest, profile: Profile) -> str:
    instructions = _first(request.instructions, profile.instructions)
    extra = _first(request.additional_instructions, profile.additional_instructions)
    system = [message.text for message in request.history if message.role is Role.SYSTEM]
    return "\n\n".join(each for each in [instructions, extra, *system] if each)


def _assistant(
    message: HistoryMessage, customs: Collection[str], *, thinking: bool
) -> Iterator[JsonObject]:
    """The message and the outputs of its calls; calls that a server ran are told as text.

    ``customs`` names tools that take text. ``thinking``: it belongs to the run that goes on, so
    the model's thoughts are not over.
    """
    calls = [call for call in message.calls if call.origin is ToolOrigin.CLIENT]
    hosted = [_told(call) for call in message.calls if call.origin is not ToolOrigin.CLIENT]
    content = "\n\n".join(each for each in [message.text, *hosted] if each.strip())
    encoded: JsonObject = {"role": "assistant", "content": content}
    if calls:
        encoded["content"] = content or None
        encoded["tool_calls"] = [
            (encode_custom_call if call.name in customs else encode_call)(
                call.call_id, call.name, str(call.arguments)
            )
            for call in calls
        ]
        if thinking and message.reasoning:
            encoded["reasoning_content"] = message.reasoning
    yield encoded
    for call in calls:
        output = NOT_ANSWERED if call.output is None else call.output
        yield {"role": "tool", "tool_call_id": _call_id(call.call_id), "content": output}


def _as_it_came(message: HistoryMessage, wires: Sequence[JsonObject]) -> Iterator[JsonObject]:
    outputs = {call.call_id: call.output for call in message.calls if call.output is not None}
    for wire in wires:
        yield wire
        yield from encode_outputs(wire, outputs)


def _add(messages: list[JsonObject], message: JsonObject) -> None:
    """Append it, or let it go on the one before: many models want the roles to alternate."""
    calls = message.get("tool_calls")
    if not calls and not (message["content"] or "").strip() and message["role"] != "tool":
        return
    before = messages[-1] if messages else {}
    if before.get("role") != message["role"] or message["role"] == "tool":
        messages.append(message)
        return
    both = [each for each in (before["content"], message["content"]) if each]
    messages[-1] = {**message, "content": "\n\n".join(both)}


def _told(call: HistoryCall) -> str:
    said = f"[The provider ran {call.name} with {call.arguments or '{}'}"
    return f"{said}; it gave no output.]" if not call.output else f"{said}; output: {call.output}]"


def _name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_MAX_NAME] or "unknown"


def _call_id(call_id: str) -> str:
    """Ids of other protocols can be longer than this one allows."""
    return call_id if len(call_id) <= _MAX_CALL_ID else short_id(call_id)


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)
