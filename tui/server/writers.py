"""One message and one tool step while a model writes them: objects, deltas, endings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.core.models import CallId, JsonObject, Need
from tui.server.objects import new_answer, new_step, now
from tui.server.parts import CallPart, TextPart, settle
from tui.server.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How open objects end: the step's status, and why a message stays incomplete (or None)."""

    step: str
    incomplete: str | None = None
    error: JsonObject | None = None


COMPLETED = End(step="completed")


class MessageWriter:
    """A message with its step, both announced when this is made."""

    def __init__(self, record: RunRecord, source: str) -> None:
        self.source = source
        self.cut_short = False
        self._record = record
        self._parts: list[TextPart] = []
        self._body = new_answer(record.run)
        created = {"type": "message_creation", "message_creation": {"message_id": self._body["id"]}}
        self._step = new_step(record.run, created)
        record.add_step(self._step)
        record.add_message(self._body)

    @property
    def open(self) -> bool:
        """Whether more may be written."""
        return bool(self._body["status"] == "in_progress")

    @property
    def idle(self) -> bool:
        """Whether every part that was begun is finished."""
        return all(part.finished for part in self._parts)

    def add_part(self, *, refusal: bool) -> TextPart:
        """Begin a part; it is announced with its first text."""
        part = TextPart(len(self._parts), refusal)
        self._parts.append(part)
        return part

    def add_text(self, part: TextPart, text: str) -> None:
        """More text of a part."""
        if self.open and text:
            self._publish(part.delta(text))
            part.chunks.append(text)

    def annotate(self, part: TextPart, annotation: JsonObject) -> None:
        """A citation or the like; refusals have none."""
        if self.open and not part.refusal:
            numbered = {"index": len(part.annotations), **annotation}
            text = {"annotations": [numbered]}
            self._publish({"index": part.index, "type": "text", "text": text})
            part.annotations.append(annotation)

    def finish_part(self, part: TextPart, final: str | None) -> None:
        """The part is complete; ``final`` is authoritative."""
        part.finished = True
        self.add_text(part, settle(part.chunks, final))

    def complete(self) -> None:
        """Nothing more follows; the step stays open until its usage is known."""
        if self.open:
            self._finish(status="completed", completed_at=now())

    def close(self, end: End, usage: JsonObject | None) -> None:
        """The message ends, if it has not, and its step with it."""
        incomplete = end.incomplete or ("max_tokens" if self.cut_short else None)
        if incomplete is None:
            self.complete()
        elif self.open:
            details = {"reason": incomplete}
            self._finish(status="incomplete", incomplete_at=now(), incomplete_details=details)
        end_step(self._record, self._step, end, usage)

    def _finish(self, **fields: object) -> None:
        self._body.update(fields, content=[part.body for part in self._parts])
        self._record.end_message(self._body)

    def _publish(self, content: JsonObject) -> None:
        delta = {"content": [content]}
        name = "thread.message.delta"
        self._record.publish(name, {"id": self._body["id"], "object": name, "delta": delta})


class CallsWriter:
    """The step that holds a turn's tool calls, announced when this is made."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._calls: dict[CallId, CallPart] = {}
        self._step = new_step(record.run, {"type": "tool_calls", "tool_calls": []})
        record.add_step(self._step)

    def start(self, call_id: CallId, name: str) -> CallPart:
        """Announce a call; one that is known already is not told again."""
        if call_id not in self._calls:
            call = CallPart(len(self._calls), call_id, name)
            self._calls[call_id] = call
            self._publish({"index": call.index, **call.body})
        return self._calls[call_id]

    def add_arguments(self, call: CallPart, fragment: str) -> None:
        """More of a call's arguments."""
        if fragment:
            call.chunks.append(fragment)
            function = {"arguments": fragment}
            self._publish({"index": call.index, "type": "function", "function": function})

    def settle(self, call: CallPart, arguments: str) -> None:
        """The arguments are complete and authoritative."""
        rest = settle(call.chunks, arguments)
        self.add_arguments(call, rest)

    def wait_for(self, needs: Sequence[Need]) -> list[JsonObject]:
        """These calls wait for a client now; returns them for the required action."""
        for need in needs:
            self.settle(self.start(need.call_id, need.name), need.arguments)
        self._step["step_details"]["tool_calls"] = self._bodies()
        self._record.save_step(self._step)
        return [
            {
                "id": need.call_id,
                "type": "function",
                "function": {"name": need.name, "arguments": need.arguments},
            }
            for need in needs
        ]

    def take_outputs(self, outputs: Mapping[CallId, str]) -> None:
        """What the client's functions gave back."""
        for call_id, text in outputs.items():
            self._calls[call_id].output = text

    def close(self, end: End, usage: JsonObject | None) -> None:
        """The step ends."""
        self._step["step_details"]["tool_calls"] = self._bodies()
        end_step(self._record, self._step, end, usage)

    def _bodies(self) -> list[JsonObject]:
        return [call.body for call in self._calls.values()]

    def _publish(self, call: JsonObject) -> None:
        details = {"type": "tool_calls", "tool_calls": [call]}
        name = "thread.run.step.delta"
        delta = {"step_details": details}
        self._record.publish(name, {"id": self._step["id"], "object": name, "delta": delta})


def end_step(record: RunRecord, step: JsonObject, end: End, usage: JsonObject | None) -> None:
    """Give a step its last fields and its final status."""
    step["usage"] = usage
    step["last_error"] = end.error
    record.end_step(step, end.step)
