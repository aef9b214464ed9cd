"""What an output item of a response is, in words: which tool, with what, and what came of it.

Hosted tools all look different on the wire; here each becomes a name, arguments and an output that
a person can read. Nothing here keeps state.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tui.core.models import JsonObject, ToolOrigin, ToolRef
from tui.providers.fields import obj, objects, raw_text, text, well_formed

MESSAGE, REASONING = "message", "reasoning"
FUNCTION, CUSTOM = "function_call", "custom_tool_call"
APPROVAL = "mcp_approval_request"

ANSWERED_HERE = frozenset({FUNCTION, CUSTOM, APPROVAL})
"""Items that wait for something from us."""

RUN_ELSEWHERE = frozenset({"shell_call", "local_shell_call", "apply_patch_call", "computer_call"})
"""Calls whose output is an item of its own, if the provider runs them at all."""

_SERVERS = frozenset({APPROVAL, "mcp_call", "mcp_list_tools"})
_FAILED = frozenset({"failed", "incomplete"})
# Whatever is longer than this in a tool's own fields is data, not something to read.
_LONG = 4000


def is_call(item_type: str) -> bool:
    """Whether such an item is shown as a tool call."""
    return item_type in _SERVERS or item_type.endswith("_call")


def tool_of(item: JsonObject, fallback_id: str) -> ToolRef:
    """The tool that a call item calls."""
    item_type = text(item, "type")
    call_id = text(item, "call_id") or text(item, "id") or fallback_id
    name = text(item, "name") or item_type.removesuffix("_call")
    if item_type in _SERVERS:
        server = text(item, "server_label") or None
        return ToolRef(name=name, call_id=call_id, origin=ToolOrigin.REMOTE_MCP, server=server)
    client = item_type in (FUNCTION, CUSTOM)
    origin = ToolOrigin.CLIENT if client else ToolOrigin.HOSTED
    return ToolRef(name=name or "unknown", call_id=call_id, origin=origin)


def arguments_of(item: JsonObject) -> str:
    """What a call item was called with: raw for functions, else code, commands or JSON."""
    read = _ARGUMENTS.get(text(item, "type"), _other_arguments)
    return str(well_formed(read(item)))


def output_of(item: JsonObject) -> str:
    """What a hosted call that is over gave back; empty when the server does not say."""
    if problem := _problem(item):
        return problem
    read = _OUTPUTS.get(text(item, "type"), _other_output)
    return str(well_formed(read(item)))


def has_failed(item: JsonObject) -> bool:
    """Whether a hosted call went wrong."""
    return text(item, "status") in _FAILED or bool(_problem(item))


def reasoning_of(item: JsonObject) -> tuple[str, str]:
    """The summary and the full text of a reasoning item, each in paragraphs."""
    return _paragraphs(item, "summary"), _paragraphs(item, "content")


def _paragraphs(item: JsonObject, key: str) -> str:
    return "\n\n".join(filter(None, (text(part, "text") for part in objects(item, key))))


def _problem(item: JsonObject) -> str:
    error = item.get("error")
    if isinstance(error, dict):
        return text(error, "message") or _json(error)
    return error if isinstance(error, str) else ""


def _json(value: object) -> str:
    return json.dumps(well_formed(_short(value)), ensure_ascii=False)


def _short(value: object) -> object:
    """The value with every string cut out that is too long to be read."""
    if isinstance(value, str) and len(value) > _LONG:
        return f"[{len(value):,} characters]"
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value


def _without(item: JsonObject, *names: str) -> JsonObject:
    return {key: value for key, value in item.items() if key not in names and value is not None}


# --- arguments ------------------------------------------------------------------------------


def _search_arguments(item: JsonObject) -> str:
    action = _without(obj(item, "action"), "sources")
    return _json(action) if action else ""


def _commands(item: JsonObject) -> str:
    commands = obj(item, "action").get("commands")
    return "\n".join(map(str, commands)) if isinstance(commands, list) else ""


def _action(item: JsonObject) -> str:
    action = item.get("action") or item.get("actions")
    return _json(action) if action else ""


def _patch(item: JsonObject) -> str:
    operation = obj(item, "operation")
    what = " ".join(filter(None, (text(operation, "type"), text(operation, "path"))))
    return "\n".join(filter(None, (what, raw_text(operation, "diff"))))


def _queries(item: JsonObject) -> str:
    return _json({"queries": item["queries"]}) if item.get("queries") else ""


def _prompt(item: JsonObject) -> str:
    prompt = text(item, "revised_prompt")
    return _json({"prompt": prompt}) if prompt else ""


def _other_arguments(item: JsonObject) -> str:
    if found := raw_text(item, "arguments"):
        return found
    rest = _without(item, "id", "type", "status", "call_id", "name", "output", "error", "result")
    return _json(rest) if rest else ""


_ARGUMENTS: dict[str, Callable[[JsonObject], str]] = {
    FUNCTION: lambda item: raw_text(item, "arguments"),
    CUSTOM: lambda item: raw_text(item, "input"),
    APPROVAL: lambda item: raw_text(item, "arguments"),
    "mcp_call": lambda item: raw_text(item, "arguments"),
    "mcp_list_tools": lambda _: "",
    "code_interpreter_call": lambda item: raw_text(item, "code"),
    "shell_call": _commands,
    "local_shell_call": _action,
    "computer_call": _action,
    "apply_patch_call": _patch,
    "web_search_call": _search_arguments,
    "file_search_call": _queries,
    "image_generation_call": _prompt,
}


# --- outputs --------------------------------------------------------------------------------


def _code_outputs(item: JsonObject) -> str:
    return "\n".join(
        text(output, "logs") or _picture(text(output, "url")) for output in objects(item, "outputs")
    )


def _picture(url: str) -> str:
    return f"[image, {len(url) * 3 // 4:,} bytes]" if url.startswith("data:") else f"[image {url}]"


def _image(item: JsonObject) -> str:
    details = " ".join(filter(None, (text(item, "size"), text(item, "output_format"))))
    size = f"{len(text(item, 'result')) * 3 // 4:,} bytes"
    return f"[image, {', '.join(filter(None, (details, size)))}]"


def _sources(item: JsonObject) -> str:
    found = objects(obj(item, "action"), "sources")
    return "\n".join(text(source, "url") or text(source, "name") for source in found)


def _files(item: JsonObject) -> str:
    return "\n".join(map(_file, objects(item, "results")))


def _file(result: JsonObject) -> str:
    name = text(result, "filename") or text(result, "file_id")
    score = result.get("score")
    scored = f"{name} (score {score:.2f})" if isinstance(score, float) else name
    said = text(result, "text")
    return f"{scored}: {said}" if said else scored


def _listed_tools(item: JsonObject) -> str:
    return "\n".join(map(_listed_tool, objects(item, "tools")))


def _listed_tool(tool: JsonObject) -> str:
    first = text(tool, "description").strip().partition("\n")[0]
    return f"{text(tool, 'name')}: {first}" if first else text(tool, "name")


def _shell_outputs(item: JsonObject) -> str:
    if isinstance(item.get("output"), str):
        return raw_text(item, "output")
    return "\n".join(map(_shell_output, objects(item, "output")))


def _shell_output(output: JsonObject) -> str:
    outcome = obj(output, "outcome")
    code = outcome.get("exit_code")
    ending = "timed out" if text(outcome, "type") == "timeout" else f"exit code {code}"
    pieces = [text(output, "stdout"), text(output, "stderr"), f"[{ending}]" if outcome else ""]
    return "\n".join(piece.rstrip("\n") for piece in pieces if piece)


def _other_output(item: JsonObject) -> str:
    for name in ("output", "result", "results"):
        value = item.get(name)
        if isinstance(value, str):
            return value if len(value) <= _LONG or name == "output" else str(_short(value))
        if value:
            return _json(value)
    return ""


_OUTPUTS: dict[str, Callable[[JsonObject], str]] = {
    "mcp_call": lambda item: raw_text(item, "output"),
    "mcp_list_tools": _listed_tools,
    "code_interpreter_call": _code_outputs,
    "web_search_call": _sources,
    "file_search_call": _files,
    "image_generation_call": _image,
    "shell_call_output": _shell_outputs,
}
