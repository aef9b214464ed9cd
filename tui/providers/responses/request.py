"""Turns a run request into Responses request bodies; pure, nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from tui.core.models import (
    CallId,
    HistoryCall,
    HistoryMessage,
    JsonObject,
    Role,
    ToolOrigin,
    ToolSpec,
)
from tui.core.ports import RunRequest, ToolResult
from tui.core.settings import Profile
from tui.providers.fields import obj, parse_object, raw_text, text, well_formed
from tui.providers.kept import KeptItems
from tui.providers.options import options_of
from tui.providers.responses.items import APPROVAL, CUSTOM, FUNCTION, REASONING

_MAX_DESCRIPTION = 1024
_RESERVED = frozenset({"model", "input", "stream", "tools", "instructions", "previous_response_id"})
_NO_OUTPUT = "The call was never answered; whether it took effect is unknown."
# What hosted tools found is only told on request.
_TOLD = {
    "code_interpreter": "code_interpreter_call.outputs",
    "file_search": "file_search_call.results",
    "web_search": "web_search_call.action.sources",
}


def encode_request(request: RunRequest, profile: Profile, *, begun: bool = False) -> JsonObject:
    """The body without its ``input``, ``model``, state and ``encode_wishes``.

    ``begun``: the run has had a round before.
    """
    body = _encode_options(options_of(request, profile, begun=begun))
    body["stream"] = True
    if instructions := _instructions(request, profile):
        body["instructions"] = instructions
    tools = [*map(_encode_tool, request.tools), *profile.hosted_tools]
    if tools:
        body["tools"] = tools
    return body


def encode_wishes(body: JsonObject, profile: Profile) -> JsonObject:
    """Fields that make a run better; whichever of them a server refuses is left out.

    Thoughts are told in summary, and go back encrypted if the server keeps nothing.
    """
    told = sorted({_TOLD[kind] for kind in _hosted_kinds(profile) if kind in _TOLD})
    include = [*_list(body.get("include")), *told]
    wishes: JsonObject = {"reasoning": {"summary": "auto", **obj(body, "reasoning")}}
    if profile.stateful:
        # To trim a conversation that is too long is up to who keeps it.
        wishes["truncation"] = body.get("truncation", "auto")
    else:
        wishes["store"] = body.get("store", False)
        include.append("reasoning.encrypted_content")
    return wishes | ({"include": include} if include else {})


def encode_history(
    history: Iterable[HistoryMessage], profile: Profile, items: KeptItems
) -> list[JsonObject]:
    """Input items. Messages of which the server's own ``items`` are kept go back as they came."""
    customs = {
        text(tool, "name") for tool in profile.hosted_tools if text(tool, "type") == "custom"
    }
    encoded: list[JsonObject] = []
    for message in history:
        if message.role is Role.SYSTEM:
            continue
        if wires := items.get(message.id):
            encoded += sent_back(wires)
            encoded += _outputs(message.calls, wires)
        else:
            encoded += _encode_message(message, customs)
    return well_formed(encoded)  # type: ignore[no-any-return]  # it keeps the shape


def encode_results(
    results: Iterable[ToolResult],
    wires: Sequence[JsonObject],
    said_ids: Mapping[CallId, CallId] = MappingProxyType({}),
) -> list[JsonObject]:
    """What answers the calls and approval requests among ``wires``.

    ``said_ids``: a server that has the calls itself knows them by these.
    """
    types = _types(wires)
    encoded = []
    for result in results:
        if types.get(result.call_id) == APPROVAL:
            decision = result.decision
            approved = decision.approved if decision is not None else not result.output.is_error
            reason = decision.reason if decision is not None else ""
            encoded.append(_approval(result.call_id, approved, reason))
        else:
            custom = types.get(result.call_id) == CUSTOM
            call_id = said_ids.get(result.call_id, result.call_id)
            encoded.append(_call_output(call_id, result.output.text, custom=custom))
    return encoded


def sent_back(wires: Iterable[JsonObject]) -> list[JsonObject]:
    """Output items as input; reasoning that the server did not let out of its hands stays there."""
    return [
        {**wire, "arguments": _readable(raw_text(wire, "arguments"))}
        if text(wire, "type") == FUNCTION
        else wire
        for wire in wires
        if text(wire, "type") != REASONING or wire.get("encrypted_content") or wire.get("content")
    ]


# --- messages -------------------------------------------------------------------------------


def _encode_message(message: HistoryMessage, customs: set[str]) -> list[JsonObject]:
    ours = [call for call in message.calls if call.origin is ToolOrigin.CLIENT]
    pieces = [message.text] if message.text.strip() else []
    pieces += [_call_text(call) for call in message.calls if call.origin is not ToolOrigin.CLIENT]
    said = "\n\n".join(pieces)
    encoded: list[JsonObject] = []
    if said:
        encoded.append(_said(message.role, said))
    encoded += [_encode_call(call, customs) for call in ours]
    for call in ours:
        output = _NO_OUTPUT if call.output is None else call.output
        encoded.append(_call_output(call.call_id, output, custom=call.name in customs))
    return encoded


def _said(role: Role, words: str) -> JsonObject:
    # llama.cpp takes words of the model only in this form; the others take any.
    if role is Role.ASSISTANT:
        content = [{"type": "output_text", "text": words}]
        return {"type": "message", "role": role.value, "content": content}
    return {"role": role.value, "content": words}


def _encode_call(call: HistoryCall, customs: set[str]) -> JsonObject:
    named = {"call_id": call.call_id, "name": call.name}
    if call.name in customs:
        return {"type": CUSTOM, **named, "input": call.arguments}
    return {"type": FUNCTION, **named, "arguments": _readable(call.arguments)}


def _readable(arguments: str) -> str:
    """Many servers take arguments apart on the way to the model, and fail on what is no object."""
    if parse_object(arguments) is not None:
        return arguments
    return json.dumps({"unreadable": arguments}) if arguments.strip() else "{}"


def _outputs(calls: Iterable[HistoryCall], wires: Sequence[JsonObject]) -> list[JsonObject]:
    types = _types(wires)
    encoded = []
    for call in calls:
        kind = types.get(call.call_id)
        if kind == APPROVAL:
            encoded.append(_approval(call.call_id, bool(call.approved), ""))
        elif call.origin is ToolOrigin.CLIENT:
            output = _NO_OUTPUT if call.output is None else call.output
            encoded.append(_call_output(call.call_id, output, custom=kind == CUSTOM))
    return encoded


def _types(wires: Iterable[JsonObject]) -> dict[str, str]:
    return {text(wire, "call_id") or text(wire, "id"): text(wire, "type") for wire in wires}


def _call_output(call_id: str, output: str, *, custom: bool) -> JsonObject:
    kind = "custom_tool_call_output" if custom else "function_call_output"
    return {"type": kind, "call_id": call_id, "output": well_formed(output)}


def _approval(request_id: str, approve: bool, reason: str) -> JsonObject:
    answer: JsonObject = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": approve,
    }
    return answer | ({"reason": reason} if reason else {})


def _call_text(call: HistoryCall) -> str:
    said = f"[{call.name} was called with {call.arguments or 'nothing'}"
    if not call.output:
        return said + ".]"
    return f"{said}; {'error' if call.is_error else 'output'}: {call.output}]"


# --- tools and options ----------------------------------------------------------------------


def _encode_tool(spec: ToolSpec) -> JsonObject:
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description[:_MAX_DESCRIPTION],
        "parameters": spec.parameters,
        "strict": spec.strict,  # left out it would mean true here
    }


def _hosted_kinds(profile: Profile) -> list[str]:
    return [text(tool, "type") for tool in profile.hosted_tools]


def _instructions(request: RunRequest, profile: Profile) -> str:
    given = _first(request.instructions, profile.instructions)
    additional = _first(request.additional_instructions, profile.additional_instructions)
    system = [message.text for message in request.history if message.role is Role.SYSTEM]
    pieces = [given or "", additional or "", *system]
    return str(well_formed("\n\n".join(piece for piece in pieces if piece)))


def _encode_options(options: JsonObject) -> JsonObject:
    """Chat's names in the words of Responses; what has no other name here goes as it is."""
    body = {key: value for key, value in options.items() if key not in _RESERVED}
    limits = [body.pop(name, None) for name in ("max_completion_tokens", "max_tokens")]
    if (limit := next((each for each in limits if each is not None), None)) is not None:
        body.setdefault("max_output_tokens", limit)
    if (effort := body.pop("reasoning_effort", None)) is not None:
        body["reasoning"] = {"effort": effort, **obj(body, "reasoning")}
    words: JsonObject = {}
    if (form := body.pop("response_format", None)) is not None:
        words["format"] = _text_format(form)
    if (verbosity := body.pop("verbosity", None)) is not None:
        words["verbosity"] = verbosity
    if words:
        body["text"] = {**words, **obj(body, "text")}
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        body["tool_choice"] = {"type": "function", **choice["function"]}
    return body


def _text_format(form: object) -> object:
    """``{type: json_schema, json_schema: {name, schema, strict}}`` is flat here."""
    if not isinstance(form, dict) or not isinstance(form.get("json_schema"), dict):
        return {"type": form} if isinstance(form, str) else form
    return {"type": "json_schema", **form["json_schema"]}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)
