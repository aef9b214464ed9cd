"""Request bodies as fields of our objects: checked, nulls replaced by their meaning."""

from __future__ import annotations

import re
from typing import Any

from tui.core.models import JsonObject
from tui.server.fields import Fields

_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HOSTED_TOOLS = ("code_interpreter", "file_search")
_MAX_TOOLS = 128
_CHOICES = ("none", "auto", "required")


def decode_assistant(fields: Fields) -> JsonObject:
    """The fields of an assistant that the request gives (for creating and for changing it)."""
    given: JsonObject = {
        "name": fields.text("name", limit=256),
        "description": fields.text("description", limit=512),
        "reasoning_effort": fields.text("reasoning_effort"),
        **_decode_shared(fields),
    }
    return _given_only(fields, given)


def decode_thread(fields: Fields) -> JsonObject:
    """The fields of a thread that the request gives."""
    given = {"metadata": fields.metadata() or {}, "tool_resources": _decode_resources(fields)}
    return _given_only(fields, given)


def decode_message(fields: Fields) -> JsonObject:
    """The fields of a new message."""
    role = fields.one_of("role", "user", "assistant")
    if role is None:
        raise fields.missing("role")
    return {
        "role": role,
        "content": _decode_content(fields),
        "attachments": _decode_attachments(fields),
        "metadata": fields.metadata() or {},
    }


def decode_messages(fields: Fields, name: str) -> list[JsonObject]:
    """New messages given along with something else."""
    return [decode_message(message) for message in fields.objects(name) or ()]


def decode_run(fields: Fields) -> JsonObject:
    """The fields of a new run that the request itself gives; null leaves it to the assistant."""
    given = {
        "reasoning_effort": fields.text("reasoning_effort"),
        "max_completion_tokens": fields.integer("max_completion_tokens", 1),
        "max_prompt_tokens": fields.integer("max_prompt_tokens", 1),
        "parallel_tool_calls": fields.flag("parallel_tool_calls"),
        "tool_choice": _decode_tool_choice(fields),
        "truncation_strategy": _decode_truncation(fields),
        **_decode_shared(fields),
    }
    return {name: value for name, value in given.items() if fields.any(name) is not None}


def inherit(assistant: JsonObject, given: JsonObject) -> JsonObject:
    """The fields of a new run: the request's, else the assistant's."""
    names = (
        "model",
        "instructions",
        "tools",
        "tool_resources",
        "temperature",
        "top_p",
        "reasoning_effort",
        "response_format",
    )
    return {**{name: assistant[name] for name in names}, **given}


def decode_outputs(fields: Fields) -> list[tuple[str, str]]:
    """Submitted tool outputs as (call id, output), in the order given."""
    outputs = fields.objects("tool_outputs")
    if outputs is None:
        raise fields.missing("tool_outputs")
    return [(item.needed_text("tool_call_id"), item.text("output") or "") for item in outputs]


def _decode_shared(fields: Fields) -> JsonObject:
    """What assistants and runs have in common."""
    return {
        "model": fields.text("model"),
        "instructions": fields.text("instructions"),
        "tools": _decode_tools(fields),
        "tool_resources": _decode_resources(fields),
        "metadata": fields.metadata() or {},
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "response_format": _decode_response_format(fields),
    }


def _given_only(fields: Fields, values: JsonObject) -> JsonObject:
    return {name: value for name, value in values.items() if name in fields}


def _decode_tools(fields: Fields) -> list[JsonObject]:
    return [_decode_tool(tool) for tool in fields.objects("tools", limit=_MAX_TOOLS) or ()]


def _decode_tool(tool: Fields) -> JsonObject:
    _check_function_type(tool)
    function = tool.object("function")
    if function is None:
        raise tool.missing("function")
    if not _FUNCTION_NAME.fullmatch(function.needed_text("name")):
        raise function.invalid("name", "expected 1 to 64 of a-z, A-Z, 0-9, _ and -.")
    function.text("description")
    function.raw_object("parameters")
    function.flag("strict")
    return tool.raw()


def _check_function_type(tool: Fields) -> None:
    """The tools that the hosted service ran itself are nowhere to be had."""
    if tool.any("type") in _HOSTED_TOOLS:
        raise tool.unsupported("type", f"'{tool.any('type')}' tools; only functions can be called")
    if tool.one_of("type", "function") is None:
        raise tool.missing("type")


def _decode_tool_choice(fields: Fields) -> Any:
    value = fields.any("tool_choice")
    if not isinstance(value, dict):
        return fields.one_of("tool_choice", *_CHOICES)
    choice = Fields(value, fields.path("tool_choice"))
    _check_function_type(choice)
    function = choice.object("function")
    if function is None:
        raise choice.missing("function")
    function.needed_text("name")
    return value


def check_tools(run: JsonObject) -> None:
    """Raise ApiError 400 when a run is to call what it does not have.

    Its assistant may come from a version that did not look at tools so closely.
    """
    for index, tool in enumerate(run["tools"]):
        _check_function_type(Fields(tool, f"tools[{index}]"))
    choice, names = run.get("tool_choice"), [tool["function"]["name"] for tool in run["tools"]]
    if isinstance(choice, dict) and choice["function"]["name"] not in names:
        raise Fields(run).invalid("tool_choice", "the run has no function of this name.")
    if choice == "required" and not names:
        raise Fields(run).invalid("tool_choice", "'required', but the run has no tools.")


def _decode_resources(fields: Fields) -> JsonObject:
    """Files and vector stores cannot be had; naming none of them is all right."""
    resources = fields.raw_object("tool_resources") or {}
    if any(_decode_resource(fields, value) for value in resources.values()):
        raise fields.unsupported("tool_resources", "files and vector stores")
    return resources


def _decode_resource(fields: Fields, value: Any) -> bool:
    if value is not None and not isinstance(value, dict):
        raise fields.invalid("tool_resources", "expected objects in it.")
    return any((value or {}).values())


def _decode_attachments(fields: Fields) -> list[JsonObject]:
    if fields.objects("attachments"):
        raise fields.unsupported("attachments", "files")
    return []


def _decode_response_format(fields: Fields) -> Any:
    value = fields.any("response_format")
    if isinstance(value, dict):
        chosen = Fields(value, fields.path("response_format"))
        kind = chosen.one_of("type", "text", "json_object", "json_schema")
        if kind is None:
            raise chosen.missing("type")
        if kind == "json_schema":
            schema = chosen.object("json_schema")
            if schema is None:
                raise chosen.missing("json_schema")
            schema.needed_text("name")
            schema.raw_object("schema")
        return value
    return fields.one_of("response_format", "auto") or "auto"


def _decode_truncation(fields: Fields) -> JsonObject | None:
    strategy = fields.object("truncation_strategy")
    if strategy is None:
        return None
    kind = strategy.one_of("type", "auto", "last_messages")
    count = strategy.integer("last_messages", 1)
    if kind is None:
        raise strategy.missing("type")
    if kind == "last_messages" and count is None:
        raise strategy.missing("last_messages")
    return {"type": kind, "last_messages": count}


def _decode_content(fields: Fields) -> list[JsonObject]:
    value = fields.any("content")
    if isinstance(value, list):
        parts = [_decode_part(part) for part in fields.objects("content") or ()]
    else:
        parts = [_text_part(fields.text("content") or "")]
    if not parts or parts == [_text_part("")]:
        raise fields.invalid("content", "message content must be non-empty.")
    return parts


def _decode_part(part: Fields) -> JsonObject:
    kind = part.one_of("type", "text", "image_url", "image_file")
    if kind is None:
        raise part.missing("type")
    if kind != "text":
        raise part.unsupported("type", "images")
    return _text_part(part.text("text") or "")


def _text_part(text: str) -> JsonObject:
    return {"type": "text", "text": {"value": text, "annotations": []}}
