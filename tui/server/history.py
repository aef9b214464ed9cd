"""A thread as the model behind the server is given it: messages, with the tool steps of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.core.models import HistoryCall, HistoryMessage, JsonObject, Role, ToolSpec
from tui.core.ports import AssistantStore, ObjectKind, Page, RunRequest
from tui.server.objects import message_text

_BATCH = 100
_OPTIONS = (
    "temperature",
    "top_p",
    "max_completion_tokens",
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
)
# What an option is when nobody asked for anything; it is not passed on then.
_UNSET = {"response_format": "auto", "tool_choice": "auto", "parallel_tool_calls": True}


def decode_request(
    store: AssistantStore,
    run: JsonObject,
    additional_instructions: str | None,
    default_models: Sequence[str] = (),
) -> RunRequest:
    """The stored run, with what it did so far, and the thread it answers, as a provider takes them.

    For a run that names one of ``default_models`` the provider chooses.
    """
    return RunRequest(
        thread_id=run["thread_id"],
        run_id=run["id"],
        history=_history(store, run),
        tools=tuple(_decode_tool(tool) for tool in run["tools"]),
        instructions=run["instructions"],
        additional_instructions=additional_instructions,
        model=run["model"] if run["model"] not in default_models else None,
        options={n: run[n] for n in _OPTIONS if run[n] != _UNSET.get(n)},
    )


def _decode_tool(tool: JsonObject) -> ToolSpec:
    function = tool["function"]
    return ToolSpec(
        name=function["name"],
        description=function.get("description") or "",
        parameters=function.get("parameters") or {"type": "object", "properties": {}},
        strict=bool(function.get("strict")),
    )


def _history(store: AssistantStore, run: JsonObject) -> tuple[HistoryMessage, ...]:
    messages = _messages(store, run["thread_id"], run["truncation_strategy"]["last_messages"])
    told: set[str] = set()
    history: list[HistoryMessage] = []
    for message in messages:
        run_id = message["run_id"]
        if run_id is None:
            history.append(_decode_message(message))
        elif run_id not in told:
            told.add(run_id)
            history.extend(_run_history(store, run_id, messages))
    if run["id"] not in told:  # it may have called before it said anything
        history.extend(_run_history(store, run["id"], messages))
    return tuple(history)


def _messages(store: AssistantStore, thread_id: str, limit: int | None) -> list[JsonObject]:
    if limit is None:
        return list(everything(store, "message", thread_id))
    newest, _ = store.page("message", thread_id, Page(limit=limit))
    return newest[::-1]


def _run_history(
    store: AssistantStore, run_id: str, messages: list[JsonObject]
) -> Iterator[HistoryMessage]:
    """What a run said and called, in the order of its steps."""
    written = {message["id"]: message for message in messages if message["run_id"] == run_id}
    for step in everything(store, "step", run_id):
        details = step["step_details"]
        if details["type"] == "tool_calls":
            calls = tuple(_decode_calls(details["tool_calls"]))
            if calls:
                yield HistoryMessage(id=step["id"], role=Role.ASSISTANT, calls=calls)
        elif message := written.get(details["message_creation"]["message_id"]):
            yield _decode_message(message)


def _decode_calls(calls: list[JsonObject]) -> Iterator[HistoryCall]:
    """The calls that were answered; a model must not see one that never was."""
    for call in calls:
        function = call["function"]
        if function["output"] is not None:
            yield HistoryCall(
                call_id=call["id"],
                name=function["name"],
                arguments=function["arguments"],
                output=function["output"],
            )


def _decode_message(message: JsonObject) -> HistoryMessage:
    return HistoryMessage(id=message["id"], role=Role(message["role"]), text=message_text(message))


def everything(store: AssistantStore, kind: ObjectKind, parent: str) -> Iterator[JsonObject]:
    """All objects of a parent, the oldest first."""
    after: str | None = None
    more = True
    while more:
        page = Page(limit=_BATCH, descending=False, after=after)
        objects, more = store.page(kind, parent, page)
        yield from objects
        after = objects[-1]["id"] if objects else None
