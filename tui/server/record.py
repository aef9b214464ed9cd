"""One run's objects: every change of them is stored and told to the run's streams, in order."""

from __future__ import annotations

from typing import Any

from tui.core.models import JsonObject
from tui.core.ports import AssistantStore
from tui.server.broadcast import Broadcast
from tui.server.objects import TERMINAL, now
from tui.server.wire import DONE, encode_frame


class RunRecord:
    """The run object, its steps and its messages.

    The record is the only writer of an active run's objects, except that clients may change
    metadata and delete messages meanwhile.
    """

    def __init__(self, run: JsonObject, store: AssistantStore) -> None:
        self.run = run
        self.broadcast = Broadcast()
        self._store = store
        self._gone = False
        self.save_run()

    @property
    def status(self) -> str:
        """The run's status in the API's words."""
        return str(self.run["status"])

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.status in TERMINAL

    def forget(self) -> None:
        """The thread was deleted: nothing more is stored."""
        self._gone = True

    def save_run(self) -> None:
        """Store the run object as it is."""
        if not self._gone:
            self._store.put("run", self.run["thread_id"], self.run)

    def change_run(self, status: str, **fields: Any) -> None:
        """A new status, with whatever else changes."""
        self.run.update(fields, status=status)
        self.save_run()
        self.publish(f"thread.run.{status}", self.run)

    def add_message(self, message: JsonObject) -> None:
        """An answer begins."""
        self._save_message(message)
        for event in ("created", "in_progress"):
            self.publish(f"thread.message.{event}", message)

    def end_message(self, message: JsonObject) -> None:
        """An answer has reached its final status."""
        stored = self._store.get("message", message["id"])
        if stored is not None:
            message["metadata"] = stored["metadata"]
            self._save_message(message)
        self.publish(f"thread.message.{message['status']}", message)

    def add_step(self, step: JsonObject) -> None:
        """A step begins."""
        self.save_step(step)
        for event in ("created", "in_progress"):
            self.publish(f"thread.run.step.{event}", step)

    def save_step(self, step: JsonObject) -> None:
        """Store a step without telling anyone: its deltas have."""
        if not self._gone:
            self._store.put("step", self.run["id"], step)

    def end_step(self, step: JsonObject, status: str) -> None:
        """A step has reached its final status."""
        step["status"] = status
        step[f"{status}_at"] = now()
        self.save_step(step)
        self.publish(f"thread.run.step.{status}", step)

    def publish(self, name: str, data: JsonObject) -> None:
        """Send an event to the streams; encoded at once, so later changes do not show in it."""
        self.broadcast.send(encode_frame(name, data))

    def end_streams(self) -> None:
        """The streams have said all they will: at a required action, or at the run's end."""
        self.broadcast.send(DONE)
        self.broadcast.end()

    def _save_message(self, message: JsonObject) -> None:
        if not self._gone:
            self._store.put("message", self.run["thread_id"], message)
