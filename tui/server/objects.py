"""The API's objects as it spells them: new ones, listings and notes of deletion.

Field for field as the hosted service sent them (recorded streams of November 2025), except that
sampling options nobody set are null: the model's own defaults are not known here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from tui.core.models import JsonObject, Usage

TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})


def new_id(prefix: str) -> str:
    """A new id in the usual form: ``run_`` and 24 characters."""
    return f"{prefix}_{secrets.token_hex(12)}"


def now() -> int:
    """The time as objects carry it: whole seconds since the epoch."""
    return int(time.time())


def new_assistant(changes: JsonObject) -> JsonObject:
    """An assistant with the given fields."""
    return {
        "id": new_id("asst"),
        "object": "assistant",
        "created_at": now(),
        "name": None,
        "description": None,
        "model": "",
        "instructions": None,
        "tools": [],
        "tool_resources": {},
        "metadata": {},
        "temperature": None,
        "top_p": None,
        "reasoning_effort": None,
        "response_format": "auto",
        **changes,
    }


def new_thread(changes: JsonObject) -> JsonObject:
    """A thread with the given fields."""
    return {
        "id": new_id("thread"),
        "object": "thread",
        "created_at": now(),
        "metadata": {},
        "tool_resources": {},
        **changes,
    }


def new_message(thread_id: str, fields: JsonObject) -> JsonObject:
    """A message that a client adds: complete as it is."""
    created = now()
    return {
        "id": new_id("msg"),
        "object": "thread.message",
        "created_at": created,
        "assistant_id": None,
        "thread_id": thread_id,
        "run_id": None,
        "status": "completed",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": created,
        "role": "user",
        "content": [],
        "attachments": [],
        "metadata": {},
        **fields,
    }


def new_answer(run: JsonObject) -> JsonObject:
    """A message that a run begins to write."""
    return new_message(
        run["thread_id"],
        {
            "assistant_id": run["assistant_id"],
            "run_id": run["id"],
            "status": "in_progress",
            "completed_at": None,
            "role": "assistant",
        },
    )


def new_run(thread_id: str, expires_at: int, fields: JsonObject) -> JsonObject:
    """A queued run; ``fields`` name its assistant and what is asked of it."""
    return {
        "id": new_id("run"),
        "object": "thread.run",
        "created_at": now(),
        "assistant_id": "",
        "thread_id": thread_id,
        "status": "queued",
        "started_at": None,
        "expires_at": expires_at,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": "",
        "instructions": None,
        "tools": [],
        "tool_resources": {},
        "metadata": {},
        "temperature": None,
        "top_p": None,
        "reasoning_effort": None,
        "max_completion_tokens": None,
        "max_prompt_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None},
        "incomplete_details": None,
        "usage": None,
        "response_format": "auto",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        **fields,
    }


def new_step(run: JsonObject, details: JsonObject) -> JsonObject:
    """A step in progress; ``details`` has the type and what belongs to it."""
    return {
        "id": new_id("step"),
        "object": "thread.run.step",
        "created_at": now(),
        "run_id": run["id"],
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "type": details["type"],
        "status": "in_progress",
        "cancelled_at": None,
        "completed_at": None,
        "expired_at": None,
        "expires_at": run["expires_at"],
        "failed_at": None,
        "last_error": None,
        "step_details": details,
        "usage": None,
    }


def encode_usage(usage: Usage) -> JsonObject:
    """Token counts in the API's names."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_token_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def listing(objects: Sequence[JsonObject], *, more: bool) -> JsonObject:
    """One page of a list."""
    return {
        "object": "list",
        "data": objects,
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
        "has_more": more,
    }


def deleted(kind: str, object_id: str) -> JsonObject:
    """What is left of an object; ``kind`` is its ``object`` field."""
    return {"id": object_id, "object": f"{kind}.deleted", "deleted": True}


def model(name: str) -> JsonObject:
    """An entry of the model list."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "tickertape"}


def message_text(message: JsonObject) -> str:
    """The words of a message, without its images."""
    return "".join(_content_text(part) for part in message["content"])


def _content_text(part: JsonObject) -> str:
    value: Any = ""
    if part["type"] == "text":
        value = part["text"]["value"]
    elif part["type"] == "refusal":
        value = part["refusal"]
    return str(value)
