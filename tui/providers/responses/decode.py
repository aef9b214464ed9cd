"""Turns the Responses wire events of one run into ours: state and one event in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tui.core.events import (
    ProviderEvent,
    RunStatusChanged,
    TurnFinished,
    UnknownEvent,
    UsageReported,
)
from tui.core.models import CallId, HistoryMessage, JsonObject, Outcome, RunId, Usage
from tui.providers import words
from tui.providers.call_ids import used_ids
from tui.providers.fields import count, obj, objects, parse_object, text
from tui.providers.responses.channels import CHANNELS
from tui.providers.responses.parts import ResponseParts

_STATES = frozenset(
    {"created", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled"}
)
TERMINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})
# They say nothing that other events do not say.
_SILENT = frozenset(
    {
        "content_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_part.done",
        "shell_call_command.added",
        "keepalive",
    }
)


class ResponsesDecoder:
    """Decodes all streams of one run: a response a round, each a message of its own.

    ``round`` counts the responses that showed something, from the number given. ``response_id`` is
    the newest response's, ``sequence`` the number of its last event, ``status`` as last seen.
    ``spent`` is what responses before those of this decoder used, ``history`` is the run's.
    """

    def __init__(
        self,
        run_id: RunId,
        first_round: int = 1,
        *,
        spent: Usage | None = None,
        history: Iterable[HistoryMessage] = (),
    ) -> None:
        self.round = first_round
        self.response_id = ""
        self.status = ""
        self.sequence: int | None = None
        self._run_id = run_id
        self._call_ids = used_ids(history, newest=f"{run_id}:{first_round}")
        self._parts = self._new_parts()
        self._usages: dict[str, Usage] = {"": spent or Usage()}
        self._end: TurnFinished | None = None
        self._before = self.round, self._parts, self.response_id, self.status

    @property
    def ended(self) -> bool:
        """Whether this stream's last word has come; nothing but ``[DONE]`` should follow."""
        return self._end is not None

    @property
    def waits(self) -> bool:
        """Whether the newest response is over and waits for answers from us."""
        return self.status == "completed" and bool(self._parts.needs())

    @property
    def spent(self) -> Usage:
        """What all responses before the newest used."""
        before = (used for key, used in self._usages.items() if key != self.message_id)
        return sum(before, Usage())

    @property
    def message_id(self) -> str:
        """The message that the newest response is shown as."""
        return self._parts.message_id

    @property
    def output(self) -> list[JsonObject]:
        """The finished items of the newest response, as they came."""
        return self._parts.wires

    @property
    def said_ids(self) -> Mapping[CallId, CallId]:
        """What the server calls the newest response's calls, by the ids that we know them by."""
        return self._parts.said_ids

    @property
    def shown(self) -> bool:
        """Whether anything of the newest response was to be shown."""
        return self._parts.started

    def begin(self) -> None:
        """What is decoded next belongs to another response."""
        self._before = self.round, self._parts, self.response_id, self.status
        if self._parts.started:
            self.round += 1
        self._parts = self._new_parts()
        self.response_id, self.status, self.sequence = "", "", None

    def back(self) -> None:
        """Nothing came of the response that was begun: the one before it is the newest again."""
        self.round, self._parts, self.response_id, self.status = self._before

    def decode(self, name: str, data: str, *, terminated: bool = True) -> list[ProviderEvent]:
        """The events that one wire event means. Never raises, whatever it is given.

        An event that the end of the stream cut off (not ``terminated``) counts if it is whole.
        """
        if data.strip() == "[DONE]":
            return []
        body = parse_object(data)
        if body is None:
            return self._unreadable(name, data, terminated=terminated)
        sequence = body.get("sequence_number")
        self.sequence = sequence if isinstance(sequence, int) else self.sequence
        if text(body, "object") == "response":  # a whole one, where a stream was asked for
            return self.decode_response(body)
        # Some servers name their events only on the inside.
        return self._decode(text(body, "type") or name, body)

    def decode_response(self, response: JsonObject) -> list[ProviderEvent]:
        """The same for a response that was fetched whole."""
        return self._response(f"response.{text(response, 'status')}", response)

    def finish(self) -> TurnFinished:
        """How this stream ended, now that nothing more comes; ready for the next stream."""
        end = self._end or TurnFinished(outcome=Outcome.TRUNCATED, error=words.TRUNCATED)
        self._end = None
        return end

    def _new_parts(self) -> ResponseParts:
        return ResponseParts(f"{self._run_id}:{self.round}", self._call_ids)

    def _unreadable(self, name: str, data: str, *, terminated: bool) -> list[ProviderEvent]:
        if not terminated:
            return [UnknownEvent(name=f"{name} (cut off)")]
        if name == "error":
            return self._failed({"message": data})
        return [UnknownEvent(name=f"{name} (malformed JSON)")]

    def _decode(self, name: str, body: JsonObject) -> list[ProviderEvent]:
        if name == "error" or (body.get("error") and not name.startswith("response.")):
            return self._failed(obj(body, "error") or body)
        kind, _, verb = name.removeprefix("response.").rpartition(".")
        if not kind and verb in _STATES and "response" in body:
            return self._response(name, obj(body, "response"))
        if kind == "output_item" and verb in ("added", "done"):
            return self._parts.added(body) if verb == "added" else self._parts.finished(body)
        if kind == "content_part" and verb == "added":
            return self._parts.content(body, obj(body, "part"))
        if kind == "output_text.annotation" and verb == "added":
            return self._parts.annotation(body)
        # "mcp_call.arguments.delta" and "mcp_call_arguments.delta" are both seen.
        channel = CHANNELS.get(kind.replace(".", "_"))
        if channel is not None and verb == "delta":
            return self._parts.delta(channel, body)
        if channel is not None and verb == "done":
            return self._parts.settled(channel, body)
        if kind.endswith("_call") or kind == "mcp_list_tools":
            return self._parts.status(kind, verb, body)
        if name.removeprefix("response.") in _SILENT:
            return []
        return [UnknownEvent(name=name)]

    # --- the response itself ----------------------------------------------------------------

    def _response(self, name: str, response: JsonObject) -> list[ProviderEvent]:
        self.response_id = text(response, "id") or self.response_id
        said = name.rpartition(".")[2]
        self.status = text(response, "status") or said
        if said in TERMINAL and self.status not in TERMINAL:
            self.status = said
        events: list[ProviderEvent] = [RunStatusChanged(status=self.status, raw=name)]
        if self.status not in TERMINAL:
            return events
        complete = self.status == "completed"
        events += self._parts.completed(objects(response, "output"))
        events += self._parts.close(complete=complete)
        events += self._used(response)
        self._end = self._end or self._ending(response)
        return events

    def _ending(self, response: JsonObject) -> TurnFinished:
        if self.status == "completed":
            needs = self._parts.needs()
            outcome = Outcome.REQUIRES_ACTION if needs else Outcome.COMPLETED
            return TurnFinished(outcome=outcome, needs=needs)
        if self.status == "cancelled":
            return TurnFinished(outcome=Outcome.CANCELLED, reason=words.CANCELLED_ELSEWHERE)
        if self.status == "incomplete":
            reason = text(obj(response, "incomplete_details"), "reason")
            reason = words.incomplete_reason(reason, response.get("max_output_tokens"))
            return TurnFinished(outcome=Outcome.INCOMPLETE, reason=reason)
        return _failure(obj(response, "error"))

    def _failed(self, error: JsonObject) -> list[ProviderEvent]:
        self._end = self._end or _failure(error)
        self.status = "failed"
        return self._parts.close(complete=False)

    def _used(self, response: JsonObject) -> list[ProviderEvent]:
        usage = obj(response, "usage")
        if not usage:
            return []
        self._usages[self.message_id] = _usage(usage)
        return [UsageReported(usage=self.spent + self._usages[self.message_id])]


def _usage(usage: JsonObject) -> Usage:
    given, made = count(usage, "input_tokens"), count(usage, "output_tokens")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=count(usage, "total_tokens") or given + made,
        cached_tokens=count(obj(usage, "input_tokens_details"), "cached_tokens"),
        reasoning_tokens=count(obj(usage, "output_tokens_details"), "reasoning_tokens"),
    )


def _failure(error: JsonObject) -> TurnFinished:
    problem = words.run_problem(
        text(error, "code") or text(error, "type"),
        text(error, "message"),
        fallback="The response failed and the provider did not say why.",
    )
    return TurnFinished(outcome=Outcome.FAILED, error=problem)
