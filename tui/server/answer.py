"""What a model says, written as the API's messages, steps and deltas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.core import events as e
from tui.core.models import CallId, JsonObject, Need, PartFinal, PartId, PartKind, ToolOrigin, Usage
from tui.server.objects import encode_usage
from tui.server.parts import CallPart, TextPart
from tui.server.record import RunRecord
from tui.server.writers import COMPLETED, CallsWriter, End, MessageWriter

_MESSAGE_KINDS = (PartKind.TEXT, PartKind.REFUSAL)


class AnswerWriter:
    """Applies a provider's events, turn by turn.

    Text opens a message and calls open the turn's one tool step; a message that has nothing left
    to say is closed before something else begins, as the hosted service does.
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._messages: list[MessageWriter] = []
        self._calls: CallsWriter | None = None
        self._texts: dict[PartId, tuple[MessageWriter, TextPart]] = {}
        self._call_parts: dict[PartId, tuple[CallsWriter, CallPart]] = {}
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
        """Write an event down.

        What the protocol has no place for is left out: what the model thinks, and what its
        provider does with tools of its own.
        """
        fold = self._folds.get(type(event))
        if fold is not None:
            fold(event)

    def wait_for(self, needs: Sequence[Need]) -> list[JsonObject]:
        """The turn ends with these calls open; returns them for the required action."""
        self._close_messages(COMPLETED)
        return self._calls_writer().wait_for(needs)

    def take_outputs(self, outputs: Mapping[CallId, str]) -> None:
        """The client's outputs are there: the tool step is complete."""
        self._calls_writer().take_outputs(outputs)
        self._close_calls(COMPLETED)

    def close(self, end: End) -> None:
        """The run is over: so is everything open."""
        self._close_messages(end)
        self._close_calls(end)

    # --- events ----------------------------------------------------------------------------------

    def _part_started(self, event: e.PartStarted) -> None:
        if event.kind in _MESSAGE_KINDS:
            message = self._message_writer(event.message_id)
            part = message.add_part(refusal=event.kind is PartKind.REFUSAL)
            self._texts[event.part_id] = (message, part)
        elif event.tool is not None and event.tool.origin is ToolOrigin.CLIENT:
            calls = self._calls_writer()
            call = calls.start(event.tool.call_id, event.tool.name)
            self._call_parts[event.part_id] = (calls, call)

    def _text_delta(self, event: e.TextDelta) -> None:
        if found := self._texts.get(event.part_id):
            message, part = found
            message.add_text(part, event.text)

    def _arguments_delta(self, event: e.ArgumentsDelta) -> None:
        if found := self._call_parts.get(event.part_id):
            calls, call = found
            calls.add_arguments(call, event.fragment)

    def _annotation_added(self, event: e.AnnotationAdded) -> None:
        if found := self._texts.get(event.part_id):
            message, part = found
            message.annotate(part, event.annotation)

    def _part_finished(self, event: e.PartFinished) -> None:
        final = event.final or PartFinal()
        if text := self._texts.pop(event.part_id, None):
            message, part = text
            message.finish_part(part, final.text)
        elif found := self._call_parts.pop(event.part_id, None):
            calls, call = found
            if final.arguments is not None:
                calls.settle(call, final.arguments)

    def _message_finished(self, event: e.MessageFinished) -> None:
        for message in self._messages:
            if message.source != event.message_id:
                continue
            message.cut_short = not event.complete
            if event.complete:
                message.complete()

    def _usage_reported(self, event: e.UsageReported) -> None:
        self.usage = event.usage

    # --- what is open ---------------------------------------------------------------------------

    def _message_writer(self, source: str) -> MessageWriter:
        for message in self._messages:
            if message.source == source and message.open:
                return message
        self._close_idle()
        self._messages.append(MessageWriter(self._record, source))
        return self._messages[-1]

    def _calls_writer(self) -> CallsWriter:
        if self._calls is None:
            self._close_idle()
            self._calls = CallsWriter(self._record)
        return self._calls

    def _close_idle(self) -> None:
        idle = [message for message in self._messages if message.idle]
        self._messages = [message for message in self._messages if not message.idle]
        for message in idle:
            message.close(COMPLETED, self._usage_of_step())

    def _close_messages(self, end: End) -> None:
        messages, self._messages = self._messages, []
        for message in messages:
            message.close(end, self._usage_of_step())

    def _close_calls(self, end: End) -> None:
        calls, self._calls = self._calls, None
        self._call_parts.clear()
        if calls is not None:
            calls.close(end, self._usage_of_step())

    def _usage_of_step(self) -> JsonObject | None:
        """Tokens since the last step that was told its share; None when none were reported."""
        if self.usage is None or self.usage == self._counted:
            return None
        before, self._counted = self._counted, self.usage
        return encode_usage(_difference(self.usage, before))


def _difference(usage: Usage, before: Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens - before.input_tokens,
        output_tokens=usage.output_tokens - before.output_tokens,
        total_tokens=usage.total_tokens - before.total_tokens,
        cached_tokens=usage.cached_tokens - before.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens - before.reasoning_tokens,
    )
