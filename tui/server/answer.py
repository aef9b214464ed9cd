"""What a model says, written as the API's messages, steps and deltas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.core import events as e
from tui.core.models import CallId, JsonObject, Need, PartFinal, PartId, PartKind, Usage
from tui.server.objects import encode_usage, new_answer, new_step, now
from tui.server.parts import CallPart, TextPart, settle
from tui.server.record import RunRecord

_MESSAGE_KINDS = (PartKind.TEXT, PartKind.REFUSAL)


@dataclass(slots=True)
class _OpenMessage:
    """The message being written, with its step."""

    source: str
    body: JsonObject
    step: JsonObject
    parts: list[TextPart] = field(default_factory=list)
    cut_short: bool = False


@dataclass(slots=True)
class _OpenCalls:
    """The step that holds a turn's tool calls."""

    step: JsonObject
    calls: list[CallPart] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How open objects end: the step's status, and why a message stays incomplete (or None)."""

    step: str
    incomplete: str | None = None
    error: JsonObject | None = None


COMPLETED = End(step="completed")


class AnswerWriter:
    """Applies a provider's events, turn by turn.

    At most one message and one tool step are open: text opens a message, a call opens the step
    and completes a message that has nothing left to say.
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._message: _OpenMessage | None = None
        self._calls: _OpenCalls | None = None
        self._texts: dict[PartId, TextPart] = {}
        self._call_parts: dict[PartId, CallPart] = {}
        self.usage: Usage | None = None
        self._counted = Usage()
        self._folds: dict[type[Any], Callable[[Any], None]] = {
            e.PartStarted: self._part_started,
            e.TextDelta: self._text_delta,
            e.ArgumentsDelta: self._arguments_delta,
            e.AnnotationAdded: self._annotation_added,
            e.PartFinished: self._part_finished,
            e.MessageFinished: self._message_finished,
            e.UsageReported: self._usage_reported,
        }

    def apply(self, event: e.Event) -> None:
        """Write an event down; what the protocol has no place for is left out."""
        fold = self._folds.get(type(event))
        if fold is not None:
            fold(event)

    def wait_for(self, needs: Sequence[Need]) -> list[JsonObject]:
        """The turn ends with these calls open; returns them for the required action."""
        self._close_message(COMPLETED)
        calls = self._calls or self._open_calls()
        known = {call.call_id: call for call in calls.calls}
        needed: list[JsonObject] = []
        for need in needs:
            call = known.get(need.call_id) or self._start_call(need.call_id, need.name)
            self._settle_arguments(call, need.arguments)
            function = {"name": need.name, "arguments": need.arguments}
            needed.append({"id": need.call_id, "type": "function", "function": function})
        calls.step["step_details"] = _call_details(calls)
        self._record.save_step(calls.step)
        return needed

    def take_outputs(self, outputs: Mapping[CallId, str]) -> None:
        """The client's outputs are there: the tool step is complete."""
        for call in self._calls.calls if self._calls else ():
            call.output = outputs.get(call.call_id, call.output)
        self._close_calls(COMPLETED)

    def close(self, end: End) -> None:
        """The run is over: so is everything open."""
        self._close_message(end)
        self._close_calls(end)

    # --- parts ---------------------------------------------------------------------------------

    def _part_started(self, event: e.PartStarted) -> None:
        if event.kind in _MESSAGE_KINDS:
            message = self._message_for(event.message_id)
            part = TextPart(len(message.parts), event.kind is PartKind.REFUSAL)
            message.parts.append(part)
            self._texts[event.part_id] = part
        elif event.kind is PartKind.TOOL_CALL and event.tool is not None:
            call = self._start_call(event.tool.call_id, event.tool.name)
            self._call_parts[event.part_id] = call

    def _text_delta(self, event: e.TextDelta) -> None:
        part = self._texts.get(event.part_id)
        if part is not None:
            self._add_text(part, event.text)

    def _add_text(self, part: TextPart, text: str) -> None:
        if self._message is None or not text:
            return
        self._publish_content(self._message, part.delta(text))
        part.chunks.append(text)

    def _arguments_delta(self, event: e.ArgumentsDelta) -> None:
        call = self._call_parts.get(event.part_id)
        if call is not None and event.fragment:
            self._add_arguments(call, event.fragment)

    def _add_arguments(self, call: CallPart, fragment: str) -> None:
        call.chunks.append(fragment)
        function = {"arguments": fragment}
        self._publish_call({"index": call.index, "type": "function", "function": function})

    def _annotation_added(self, event: e.AnnotationAdded) -> None:
        part = self._texts.get(event.part_id)
        if part is None or part.refusal or self._message is None:
            return
        annotation = {"index": len(part.annotations), **event.annotation}
        delta = {"index": part.index, "type": "text", "text": {"annotations": [annotation]}}
        self._publish_content(self._message, delta)
        part.annotations.append(event.annotation)

    def _part_finished(self, event: e.PartFinished) -> None:
        final = event.final or PartFinal()
        if part := self._texts.get(event.part_id):
            part.finished = True
            rest = settle(part.chunks, final.text)
            self._add_text(part, rest)
        elif call := self._call_parts.get(event.part_id):
            if final.arguments is not None:
                self._settle_arguments(call, final.arguments)
            call.output = final.output if final.output is not None else call.output

    def _settle_arguments(self, call: CallPart, final: str) -> None:
        if rest := settle(call.chunks, final):
            self._add_arguments(call, rest)

    def _message_finished(self, event: e.MessageFinished) -> None:
        message = self._message
        if message is None or message.source != event.message_id:
            return
        message.cut_short = not event.complete
        if event.complete:
            self._complete_body(message)

    def _usage_reported(self, event: e.UsageReported) -> None:
        self.usage = event.usage

    # --- messages ------------------------------------------------------------------------------

    def _message_for(self, source: str) -> _OpenMessage:
        message = self._message
        if message is not None and message.source == source and _is_open(message.body):
            return message
        self._close_message(COMPLETED)
        body = new_answer(self._record.run)
        details = {
            "type": "message_creation",
            "message_creation": {"message_id": body["id"]},
        }
        message = _OpenMessage(source, body, new_step(self._record.run, details))
        self._record.add_step(message.step)
        self._record.add_message(body)
        self._message = message
        return message

    def _complete_body(self, message: _OpenMessage) -> None:
        if not _is_open(message.body):
            return
        message.body["content"] = [part.body for part in message.parts]
        message.body.update(status="completed", completed_at=now())
        self._texts.clear()
        self._record.end_message(message.body)

    def _close_message(self, end: End) -> None:
        message, self._message = self._message, None
        if message is None:
            return
        self._texts.clear()
        if message.cut_short and end.incomplete is None:
            end = End(step=end.step, incomplete="max_tokens", error=end.error)
        if end.incomplete is None:
            self._complete_body(message)
        elif _is_open(message.body):
            message.body["content"] = [part.body for part in message.parts]
            details = {"reason": end.incomplete}
            message.body.update(
                status="incomplete", incomplete_at=now(), incomplete_details=details
            )
            self._record.end_message(message.body)
        self._end_step(message.step, end)

    def _publish_content(self, message: _OpenMessage, content: JsonObject) -> None:
        self._record.publish(
            "thread.message.delta",
            {
                "id": message.body["id"],
                "object": "thread.message.delta",
                "delta": {"content": [content]},
            },
        )

    # --- tool calls ----------------------------------------------------------------------------

    def _start_call(self, call_id: CallId, name: str) -> CallPart:
        calls = self._calls or self._open_calls()
        call = CallPart(len(calls.calls), call_id, name)
        calls.calls.append(call)
        self._publish_call({"index": call.index, **call.body})
        return call

    def _open_calls(self) -> _OpenCalls:
        if self._message is not None and all(part.finished for part in self._message.parts):
            self._close_message(COMPLETED)
        step = new_step(self._record.run, {"type": "tool_calls", "tool_calls": []})
        self._record.add_step(step)
        self._calls = _OpenCalls(step)
        return self._calls

    def _close_calls(self, end: End) -> None:
        calls, self._calls = self._calls, None
        if calls is not None:
            self._call_parts.clear()
            calls.step["step_details"] = _call_details(calls)
            self._end_step(calls.step, end)

    def _publish_call(self, call: JsonObject) -> None:
        if self._calls is None:
            return
        self._record.publish(
            "thread.run.step.delta",
            {
                "id": self._calls.step["id"],
                "object": "thread.run.step.delta",
                "delta": {"step_details": {"type": "tool_calls", "tool_calls": [call]}},
            },
        )

    def _end_step(self, step: JsonObject, end: End) -> None:
        step["usage"] = self._usage_of_turn()
        step["last_error"] = end.error if end.step == "failed" else None
        self._record.end_step(step, end.step)

    def _usage_of_turn(self) -> JsonObject | None:
        """Tokens since the last step that was told its share; None when none were reported."""
        if self.usage is None or self.usage == self._counted:
            return None
        before, self._counted = self._counted, self.usage
        return encode_usage(_difference(self.usage, before))


def _is_open(message: JsonObject) -> bool:
    return bool(message["status"] == "in_progress")


def _call_details(calls: _OpenCalls) -> JsonObject:
    return {"type": "tool_calls", "tool_calls": [call.body for call in calls.calls]}


def _difference(usage: Usage, before: Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens - before.input_tokens,
        output_tokens=usage.output_tokens - before.output_tokens,
        total_tokens=usage.total_tokens - before.total_tokens,
        cached_tokens=usage.cached_tokens - before.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens - before.reasoning_tokens,
    )
