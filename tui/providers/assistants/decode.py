"""Turns the Assistants wire events of one run into ours: state and one event in, events out."""

from __future__ import annotations

from tui.core.events import (
    MessageFinished,
    ProviderEvent,
    RunStatusChanged,
    TurnFinished,
    UnknownEvent,
    UsageReported,
)
from tui.core.models import JsonObject, MessageId, Outcome, ThreadId
from tui.providers import words
from tui.providers.assistants.messages import MessageDecoder
from tui.providers.assistants.outcome import decode_end, decode_failure, decode_usage
from tui.providers.assistants.steps import StepDecoder
from tui.providers.fields import obj, objects, parse_object, text

RUN_STATES = frozenset(
    {
        "created",
        "queued",
        "in_progress",
        "requires_action",
        "completed",
        "incomplete",
        "failed",
        "cancelling",
        "cancelled",
        "expired",
    }
)
_STEP_ENDS = frozenset({"completed", "failed", "cancelled", "expired"})


class AssistantsDecoder:
    """Decodes all streams of one run; a step may begin in one stream and end in the next.

    ``thread_id`` and ``run_id`` are the remote ids as far as they were seen; ``held_id`` is the
    newest assistant message or tool step that the server reported as over, so it holds it;
    ``status`` is the run's own as last seen.
    """

    def __init__(self) -> None:
        self.thread_id: ThreadId | None = None
        self.run_id: str | None = None
        self.held_id: MessageId | None = None
        self.status = ""
        self._messages = MessageDecoder()
        self._steps = StepDecoder()
        self._end: TurnFinished | None = None

    @property
    def ended(self) -> bool:
        """Whether this stream's last word has come; nothing but ``done`` should follow."""
        return self._end is not None

    def decode(self, name: str, data: str, *, terminated: bool = True) -> list[ProviderEvent]:
        """The events that one wire event means. Never raises, whatever it is given.

        An event that the end of the stream cut off (not ``terminated``) counts if it is whole.
        """
        if name == "done" or data.strip() == "[DONE]":
            return []
        body = parse_object(data)
        if body is None:
            return self._unreadable(name, data, terminated=terminated)
        return self.decode_object(name, body)

    def decode_object(self, name: str, body: JsonObject) -> list[ProviderEvent]:
        """The same for data that is parsed already (objects retrieved by polling)."""
        if name.startswith("thread.run.step."):
            return self._step(name, name.removeprefix("thread.run.step."), body)
        if name.startswith("thread.run."):
            return self._run(name, name.removeprefix("thread.run."), body)
        if name.startswith("thread.message."):
            return self._message(name, name.removeprefix("thread.message."), body)
        if name == "thread.created":
            self.thread_id = text(body, "id") or self.thread_id
            return []
        if name == "error":
            self._end = decode_failure(obj(body, "error") or body)
            return []
        return [UnknownEvent(name=name)]

    def finish(self) -> TurnFinished:
        """How this stream ended, now that nothing more comes; ready for the next stream."""
        end = self._end or TurnFinished(outcome=Outcome.TRUNCATED, error=words.TRUNCATED)
        self._end = None
        return end

    def _unreadable(self, name: str, data: str, *, terminated: bool) -> list[ProviderEvent]:
        if not terminated:
            return [UnknownEvent(name=f"{name} (cut off)")]
        if name == "error":
            self._end = decode_failure({"message": data})
            return []
        return [UnknownEvent(name=f"{name} (malformed JSON)")]

    def _run(self, name: str, state: str, run: JsonObject) -> list[ProviderEvent]:
        if state not in RUN_STATES:
            return [UnknownEvent(name=name)]
        self.run_id = text(run, "id") or self.run_id
        self.thread_id = text(run, "thread_id") or self.thread_id
        self.status = text(run, "status") or state
        events: list[ProviderEvent] = [RunStatusChanged(status=self.status, raw=name)]
        if state == "requires_action":
            events += self._required(run)
        else:
            self._end = decode_end(state, run) or self._end
        usage = decode_usage(run)
        if usage is not None:
            events.append(UsageReported(usage=usage))
        return events

    def _required(self, run: JsonObject) -> list[ProviderEvent]:
        action = obj(run, "required_action", "submit_tool_outputs")
        events, needs = self._steps.required(objects(action, "tool_calls"))
        if needs:
            self._end = TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=needs)
        else:
            self._end = TurnFinished(outcome=Outcome.FAILED, error=words.UNSUPPORTED_ACTION)
        return events

    def _step(self, name: str, state: str, step: JsonObject) -> list[ProviderEvent]:
        if state in ("created", "in_progress"):
            return self._steps.started(step)
        if state == "delta":
            return self._steps.delta(step)
        if state not in _STEP_ENDS:
            return [UnknownEvent(name=name)]
        events = self._steps.finished(step, state)
        if state == "completed":
            self._hold(events)
        return events

    def _message(self, name: str, state: str, message: JsonObject) -> list[ProviderEvent]:
        if state in ("created", "in_progress"):
            return self._messages.started(message)
        if state == "delta":
            return self._messages.delta(message)
        if state not in ("completed", "incomplete"):
            return [UnknownEvent(name=name)]
        events = self._messages.finished(message, complete=state == "completed")
        self._hold(events)
        return events

    def _hold(self, events: list[ProviderEvent]) -> None:
        for event in events:
            if isinstance(event, MessageFinished):
                self.held_id = event.message_id
