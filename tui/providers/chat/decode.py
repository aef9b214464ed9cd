"""Turns the chunks of one run into our events: state and one event in, events out."""

from __future__ import annotations

from collections.abc import Iterable

from tui.core.events import (
    NoticeAdded,
    ProviderEvent,
    TurnFinished,
    UnknownEvent,
    UsageReported,
)
from tui.core.models import HistoryMessage, JsonObject, MessageId, Outcome, RunId, Usage
from tui.providers import words
from tui.providers.call_ids import used_ids
from tui.providers.chat.round import Round
from tui.providers.chat.usage import decode_usage
from tui.providers.fields import obj, objects, parse_object, position, text

_COMPLETED = frozenset({"stop", "tool_calls", "function_call", "eos", "end_turn", "stop_sequence"})
_CALLING = frozenset({"tool_calls", "function_call"})
_FAILED = frozenset({"error", "abort", "insufficient_system_resource"})
_REASONS = {"length": "max_completion_tokens", "model_length": "max_completion_tokens"}
# Nothing in this protocol says the whole once more, so it cannot be made good.
_LOST = "A piece of the answer could not be read: something may be missing from it."
_CHUNK = ("choices", "usage", "timings")


class ChatDecoder:
    """Decodes all streams of one run; each brings one message of at most ``limit`` tokens.

    ``history`` is the conversation's: ids of its calls are not given out again, and a run that goes
    on in another process has messages there.
    ``message_id`` and ``outcome`` are those of the newest round that is over.
    """

    def __init__(
        self, run_id: RunId, history: Iterable[HistoryMessage] = (), *, limit: object = None
    ) -> None:
        history = tuple(history)
        self._used = used_ids(history)
        self._run_id = run_id
        self._limit = limit
        self._rounds = sum(message.id.startswith(f"{run_id}:") for message in history)
        self._before = self._usage = Usage()
        self.message_id: MessageId = ""
        self.outcome: Outcome | None = None
        self._answer: JsonObject | None = None
        self._reason = ""
        self._failure: TurnFinished | None = None
        self._told_lost = False
        self._round = self._next_round()

    @property
    def ended(self) -> bool:
        """Whether this stream's last word has come; only usage and ``[DONE]`` should follow."""
        return bool(self._reason) or self._failure is not None

    def decode(self, name: str, data: str, *, terminated: bool = True) -> list[ProviderEvent]:
        """The events that one wire event means. Never raises, whatever it is given.

        An event that the end of the stream cut off (not ``terminated``) counts if it is whole.
        """
        if name == "done" or data.strip() == "[DONE]":
            return []
        body = parse_object(data)
        if body is None:
            return self._unreadable(name, data, terminated=terminated)
        # Most servers send errors without a name, nested or not, some along with an empty chunk.
        if body.get("error") or name == "error" or text(body, "object") == "error":
            return self._fail(body)
        if not any(key in body for key in _CHUNK):
            return [UnknownEvent(name=text(body, "object") or text(body, "type") or name)]
        events: list[ProviderEvent] = []
        for choice in objects(body, "choices"):
            events += self._choice(choice)
        return events + self._count(body)

    def finish(self) -> TurnFinished:
        """How this stream ended, now that nothing more comes; ready for the next stream."""
        end = self._end()
        self.message_id, self.outcome = self._round.message_id, end.outcome
        if end.outcome is Outcome.REQUIRES_ACTION:
            self._answer = self._round.encode()
        self._before, self._usage = self._before + self._usage, Usage()
        self._reason, self._failure = "", None
        if self._round.begun:
            self._round = self._next_round()
        return end

    @property
    def answer(self) -> JsonObject | None:
        """The message of the last round, which waits for outputs, until it is taken."""
        return self._answer

    def take_answer(self) -> JsonObject | None:
        """``answer``, once: as it is sent back."""
        answer, self._answer = self._answer, None
        return answer

    def _next_round(self) -> Round:
        self._rounds += 1
        return Round(f"{self._run_id}:{self._rounds}", self._used)

    def _choice(self, choice: JsonObject) -> list[ProviderEvent]:
        if at := position(choice, 0):
            return [UnknownEvent(name=f"choice {at}")]
        # Some servers send the whole message at the end, or nothing but that.
        events = self._round.delta(obj(choice, "delta"))
        if message := obj(choice, "message"):
            events += self._round.delta(message, whole=True)
        self._reason = text(choice, "finish_reason").lower() or self._reason
        if self.ended:
            complete = self._end().outcome in (Outcome.COMPLETED, Outcome.REQUIRES_ACTION)
            events += self._round.finish(complete=complete)
        return events

    def _end(self) -> TurnFinished:
        if self._failure is not None:
            return self._failure
        if not self._reason:
            return TurnFinished(outcome=Outcome.TRUNCATED, error=words.TRUNCATED)
        if self._reason in _FAILED:
            return _failure({"code": self._reason})
        if self._reason not in _COMPLETED:
            reason = words.incomplete_reason(_REASONS.get(self._reason, self._reason), self._limit)
            return TurnFinished(outcome=Outcome.INCOMPLETE, reason=reason)
        # Some servers say "stop" although the model called something.
        if self._round.calls or self._reason in _CALLING:
            return TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=self._round.calls.needs)
        return TurnFinished(outcome=Outcome.COMPLETED)

    def _count(self, chunk: JsonObject) -> list[ProviderEvent]:
        usage = decode_usage(chunk)
        if usage is None or usage == self._usage:
            return []
        self._usage = usage
        return [UsageReported(usage=self._before + usage)]

    def _fail(self, body: JsonObject) -> list[ProviderEvent]:
        said = body.get("error")
        error = said if isinstance(said, dict) else {**body, "message": said or body.get("message")}
        self._failure = _failure(error)
        return self._round.finish(complete=False)

    def _unreadable(self, name: str, data: str, *, terminated: bool) -> list[ProviderEvent]:
        if not terminated:
            return [UnknownEvent(name=f"{name} (cut off)")]
        if name == "error":
            return self._fail({"message": data})
        unknown = UnknownEvent(name=f"{name} (malformed JSON)")
        if self._told_lost:
            return [unknown]
        self._told_lost = True
        return [unknown, NoticeAdded(text=_LOST)]


def _failure(error: JsonObject) -> TurnFinished:
    code = text(error, "code") or text(error, "type")
    number = error.get("code")
    if not code and isinstance(number, int):
        code = str(number)
    problem = words.run_problem(
        code,
        text(error, "message"),
        fallback="The model failed and the server did not say why.",
    )
    return TurnFinished(outcome=Outcome.FAILED, error=problem)
