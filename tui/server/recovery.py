"""What a server does about runs that were active when it last stopped."""

from __future__ import annotations

from tui.core.models import JsonObject
from tui.core.ports import AssistantStore, Page
from tui.server.history import everything
from tui.server.objects import TERMINAL, now

_ERROR = {
    "code": "server_error",
    "message": "The server stopped while this run was active. Start a new run.",
}


def mark_interrupted(store: AssistantStore) -> int:
    """Mark every run that is not over as failed, with its steps and messages; returns how many.

    A thread has at most one such run, and it is the newest of the thread.
    """
    count = 0
    for thread in everything(store, "thread", ""):
        newest, _ = store.page("run", thread["id"], Page(limit=1))
        for run in newest:
            if run["status"] not in TERMINAL:
                _fail_run(store, run)
                count += 1
    return count


def _fail_run(store: AssistantStore, run: JsonObject) -> None:
    for step in everything(store, "step", run["id"]):
        if step["status"] == "in_progress":
            step.update(status="failed", failed_at=now(), last_error=_ERROR)
            store.put("step", run["id"], step)
            _fail_message(store, step)
    run.update(
        status="failed", failed_at=now(), last_error=_ERROR, required_action=None, expires_at=None
    )
    store.put("run", run["thread_id"], run)


def _fail_message(store: AssistantStore, step: JsonObject) -> None:
    if step["type"] != "message_creation":
        return
    message = store.get("message", step["step_details"]["message_creation"]["message_id"])
    if message is not None and message["status"] == "in_progress":
        details = {"reason": "run_failed"}
        message.update(status="incomplete", incomplete_at=now(), incomplete_details=details)
        store.put("message", message["thread_id"], message)
