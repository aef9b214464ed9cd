"""The server's objects in memory: what the embedded server uses, gone when it stops."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tui.core.errors import NotFoundError
from tui.core.models import JsonObject
from tui.core.ports import ObjectKind, Page

_CHILDREN: dict[ObjectKind, tuple[ObjectKind, ...]] = {
    "thread": ("message", "run"),
    "run": ("step",),
}
_ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")


class MemoryAssistantStore:
    """An AssistantStore. Objects are kept as JSON text, so that every reader gets a copy.

    ``keep_threads`` is how many threads are kept, those used last; None means all. A client that
    has the conversation itself, as ours does, builds the others anew when they are needed.
    """

    def __init__(self, *, keep_threads: int | None = None) -> None:
        self._keep_threads = keep_threads
        self._used: dict[str, None] = {}
        self._texts: dict[tuple[ObjectKind, str], str] = {}
        self._parents: dict[tuple[ObjectKind, str], str] = {}
        # A dict without values is an ordered set: replacing an object keeps its place.
        self._order: dict[tuple[ObjectKind, str], dict[str, None]] = {}

    def put(self, kind: ObjectKind, parent: str, body: JsonObject) -> None:
        object_id: str = body["id"]
        self._texts[kind, object_id] = json.dumps(body)
        self._parents.setdefault((kind, object_id), parent)
        self._order.setdefault((kind, parent), {}).setdefault(object_id)
        if kind == "thread":
            self._note_use(object_id)
            self._drop_unused()
        elif kind in _CHILDREN["thread"]:
            self._note_use(parent)

    def _note_use(self, thread_id: str) -> None:
        self._used.pop(thread_id, None)
        self._used[thread_id] = None

    def _drop_unused(self) -> None:
        if self._keep_threads is None or len(self._used) <= self._keep_threads:
            return
        idle = [each for each in self._used if not self._answers(each)]
        for thread_id in idle[: len(self._used) - self._keep_threads]:
            self.delete("thread", thread_id)

    def _answers(self, thread_id: str) -> bool:
        """Whether a run goes on in the thread; only its newest one can."""
        newest = next(reversed(self._order.get(("run", thread_id), {})), None)
        run = None if newest is None else self.get("run", newest)
        return run is not None and run["status"] in _ACTIVE

    def get(self, kind: ObjectKind, object_id: str) -> JsonObject | None:
        text = self._texts.get((kind, object_id))
        return None if text is None else json.loads(text)

    def page(
        self, kind: ObjectKind, parent: str, page: Page, match: JsonObject | None = None
    ) -> tuple[list[JsonObject], bool]:
        ids = list(self._order.get((kind, parent), ()))
        if page.descending:
            ids.reverse()
        backwards = page.before is not None and page.after is None
        found: list[JsonObject] = []
        candidates = _between(ids, kind, page)
        for object_id in reversed(candidates) if backwards else candidates:
            body: JsonObject = json.loads(self._texts[kind, object_id])
            if match and not _matches(body, match):
                continue
            if len(found) == page.limit:
                return _in_order(found, backwards), True
            found.append(body)
        return _in_order(found, backwards), False

    def delete(self, kind: ObjectKind, object_id: str) -> bool:
        if self._texts.pop((kind, object_id), None) is None:
            return False
        if kind == "thread":
            self._used.pop(object_id, None)
        parent = self._parents.pop((kind, object_id))
        del self._order[kind, parent][object_id]
        for child in _CHILDREN.get(kind, ()):
            for child_id in list(self._order.get((child, object_id), ())):
                self.delete(child, child_id)
            self._order.pop((child, object_id), None)
        return True

    def close(self) -> None:
        """Nothing to give back."""


def _between(ids: Sequence[str], kind: ObjectKind, page: Page) -> Sequence[str]:
    start, end = 0, len(ids)
    if page.after is not None:
        start = _place(ids, kind, page.after) + 1
    if page.before is not None:
        end = _place(ids, kind, page.before)
    return ids[start:end]


def _place(ids: Sequence[str], kind: ObjectKind, cursor: str) -> int:
    try:
        return ids.index(cursor)
    except ValueError:
        raise NotFoundError(f"No {kind} found with id '{cursor}'.") from None


def _matches(body: JsonObject, match: JsonObject) -> bool:
    return all(body.get(name) == value for name, value in match.items())


def _in_order(found: list[Any], backwards: bool) -> list[Any]:
    # The page before a cursor is the one next to it, so it was collected from its end.
    return found[::-1] if backwards else found
