"""The embedded server keeps the threads that are used, and no more."""

from __future__ import annotations

from tui.core.ports import Page
from tui.server.memory import MemoryAssistantStore


def _run(store: MemoryAssistantStore, thread: str, status: str) -> None:
    store.put("run", thread, {"id": f"run-{thread}", "status": status})


def _threads(store: MemoryAssistantStore) -> list[str]:
    return [body["id"] for body in store.page("thread", "", Page(descending=False))[0]]


def test_only_the_threads_used_last_are_kept() -> None:
    store = MemoryAssistantStore(keep_threads=2)
    for thread in ("a", "b"):
        store.put("thread", "", {"id": thread})
        _run(store, thread, "completed")
        store.put("step", f"run-{thread}", {"id": f"step-{thread}"})
    store.put("message", "a", {"id": "m"})
    store.put("thread", "", {"id": "c"})
    assert [body["id"] for body in store.page("thread", "", Page(descending=False))[0]] == [
        "a",
        "c",
    ]
    assert store.get("run", "run-b") is None
    assert store.get("step", "step-b") is None
    assert store.get("message", "m") is not None


def test_a_thread_that_answers_is_never_dropped() -> None:
    store = MemoryAssistantStore(keep_threads=1)
    store.put("thread", "", {"id": "a"})
    _run(store, "a", "in_progress")
    store.put("thread", "", {"id": "b"})
    assert store.get("thread", "a") is not None
    _run(store, "a", "completed")
    store.put("thread", "", {"id": "c"})
    assert _threads(store) == ["c"]
