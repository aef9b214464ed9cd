"""Decodes ``thread.run.step.*``: tool calls whose arguments arrive in pieces.

A step of tool calls becomes a message of its own: the step's id is the message's, and the call at
index n is the part ``step_id:n``. Calls run by the server (code interpreter, file search, and
whatever a later server adds) are parts like any other, marked as hosted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tui.core.events import (
    ArgumentsDelta,
    MessageFinished,
    MessageStarted,
    PartFinished,
    PartStarted,
    ProviderEvent,
    ToolStatusChanged,
)
from tui.core.models import (
    CallId,
    JsonObject,
    MessageId,
    Need,
    PartFinal,
    PartId,
    PartKind,
    ToolOrigin,
    ToolRef,
)
from tui.providers import words
from tui.providers.fields import (
    Joiner,
    obj,
    objects,
    position,
    raw_text,
    text,
    well_formed,
)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call as far as it is known; its part starts once both id and name are."""

    message_id: MessageId
    index: int
    type: str = ""
    call_id: CallId = ""
    name: str = ""
    server: str | None = None
    arguments: Joiner = field(default_factory=Joiner)
    outputs: dict[int, str] = field(default_factory=dict)
    started: bool = False

    @property
    def part_id(self) -> PartId:
        return f"{self.message_id}:{self.index}"

    @property
    def hosted(self) -> bool:
        return self.type != "function"

    def learn(self, wire: JsonObject) -> None:
        """Identity: the first non-empty value wins, repeated ones are never joined."""
        self.type = self.type or text(wire, "type") or ("function" if "function" in wire else "")
        self.call_id = self.call_id or text(wire, "id")
        self.name = self.name or text(obj(wire, "function"), "name") or text(wire, "name")
        if self.hosted:
            self.name = self.name or self.type
            self.server = self.server or text(wire, "server_label") or None

    def ref(self) -> ToolRef:
        origin = ToolOrigin.CLIENT
        if self.hosted:
            origin = ToolOrigin.HOSTED if self.server is None else ToolOrigin.REMOTE_MCP
        return ToolRef(name=self.name, call_id=self.call_id, origin=origin, server=self.server)


class StepDecoder:
    """State of the tool calls of one run. Each method turns one wire object into events."""

    def __init__(self) -> None:
        self._steps: dict[MessageId, dict[int, _Call]] = {}
        self._adopted: dict[CallId, _Call] = {}
        self._shown: set[MessageId] = set()
        self._finished: set[MessageId] = set()
        self._current: MessageId = ""

    def started(self, step: JsonObject) -> list[ProviderEvent]:
        """``created`` and ``in_progress``: nothing to show before the first call is known.

        In a stream such a step is empty; one that was retrieved says which calls it makes.
        """
        if _is_tool_step(step):
            step_id = text(step, "id")
            calls = self._calls(step_id)
            for place, wire in enumerate(objects(obj(step, "step_details"), "tool_calls")):
                calls.setdefault(place, _Call(message_id=step_id, index=place)).learn(wire)
        return []

    def delta(self, step: JsonObject) -> list[ProviderEvent]:
        """``delta.step_details.tool_calls[]``: pieces keyed by index, in any order."""
        step_id = text(step, "id")
        wires = objects(obj(step, "delta", "step_details"), "tool_calls")
        if not step_id or not wires or step_id in self._finished:
            return []
        calls = self._calls(step_id)
        events: list[ProviderEvent] = []
        for place, wire in enumerate(wires):
            at = position(wire, place)
            call = calls.setdefault(at, _Call(message_id=step_id, index=at))
            call.learn(wire)
            _collect_outputs(call, wire)
            piece = call.arguments.take(_fragment(call, wire))
            if call.started and piece:
                events.append(ArgumentsDelta(part_id=call.part_id, fragment=piece))
            elif not call.started and call.call_id and call.name:
                self._start(call, events)
        return events

    def finished(self, step: JsonObject, status: str) -> list[ProviderEvent]:
        """``completed``, ``failed``, ``cancelled``, ``expired``: the object is authoritative."""
        step_id = text(step, "id")
        wires = objects(obj(step, "step_details"), "tool_calls")
        if not step_id or step_id in self._finished or not (wires or step_id in self._steps):
            return []
        self._finished.add(step_id)
        known = self._steps.setdefault(step_id, {})
        pairs: list[tuple[_Call, JsonObject]] = []
        for place, wire in enumerate(wires):
            call = self._find(step_id, place, wire)
            call.learn(wire)
            pairs.append((call, wire))
        seen = {id(call) for call, _ in pairs}
        pairs += [(call, {}) for call in known.values() if id(call) not in seen]
        problem = words.plain(text(obj(step, "last_error"), "message"))
        events: list[ProviderEvent] = []
        for call, wire in sorted(pairs, key=lambda pair: pair[0].index):
            self._finish(call, wire, status, problem, events)
        if step_id in self._shown:
            events.append(MessageFinished(message_id=step_id, complete=status == "completed"))
        return events

    def required(self, wires: list[JsonObject]) -> tuple[list[ProviderEvent], tuple[Need, ...]]:
        """``submit_tool_outputs.tool_calls[]``: the calls the run waits for, known or not."""
        events: list[ProviderEvent] = []
        needs: list[Need] = []
        for place, wire in enumerate(wires):
            call = self._required_call(place, wire)
            call.learn(wire)
            arguments = str(well_formed(raw_text(obj(wire, "function"), "arguments")))
            arguments = arguments or call.arguments.joined
            self._start(call, events)
            events.append(PartFinished(part_id=call.part_id, final=PartFinal(arguments=arguments)))
            needs.append(Need(call_id=call.call_id, name=call.name, arguments=arguments))
            if call.call_id in self._adopted:
                events.append(MessageFinished(message_id=call.message_id))
        return events, tuple(needs)

    def _calls(self, step_id: MessageId) -> dict[int, _Call]:
        if step_id not in self._finished:
            self._current = step_id
        return self._steps.setdefault(step_id, {})

    def _find(self, step_id: MessageId, place: int, wire: JsonObject) -> _Call:
        """A call of a finished step: by its id, else by its place, else a new one."""
        calls = self._steps[step_id]
        call_id = text(wire, "id")
        if call_id:
            same = next((call for call in calls.values() if call.call_id == call_id), None)
            same = same or self._adopted.pop(call_id, None)
            if same is not None:
                return same
        if place in calls and (not call_id or not calls[place].call_id):
            return calls[place]
        at = place if place not in calls else max(calls) + 1
        calls[at] = _Call(message_id=step_id, index=at)
        return calls[at]

    def _required_call(self, place: int, wire: JsonObject) -> _Call:
        call_id = text(wire, "id")
        if self._current and self._current not in self._finished:
            calls = self._steps[self._current]
            same = next((call for call in calls.values() if call.call_id == call_id), None)
            nameless = next((call for call in calls.values() if not call.call_id), None)
            if (known := same or nameless) is not None:
                return known
            at = place if place not in calls else max(calls) + 1
            calls[at] = _Call(message_id=self._current, index=at)
            return calls[at]
        # A server without step events: the call gets a message of its own.
        if call_id not in self._adopted:
            self._adopted[call_id] = _Call(message_id=f"calls:{call_id}", index=0)
        return self._adopted[call_id]

    def _start(self, call: _Call, events: list[ProviderEvent]) -> None:
        if call.started:
            return
        call.started = True
        call.call_id = call.call_id or call.part_id
        call.name = call.name or "unknown"
        if call.message_id not in self._shown:
            self._shown.add(call.message_id)
            events.append(MessageStarted(message_id=call.message_id))
        events.append(
            PartStarted(
                message_id=call.message_id,
                part_id=call.part_id,
                index=call.index,
                kind=PartKind.TOOL_CALL,
                tool=call.ref(),
            )
        )
        if call.arguments.joined:
            events.append(ArgumentsDelta(part_id=call.part_id, fragment=call.arguments.joined))

    def _finish(
        self, call: _Call, wire: JsonObject, status: str, problem: str, events: list[ProviderEvent]
    ) -> None:
        self._start(call, events)
        if call.hosted:
            events.append(ToolStatusChanged(part_id=call.part_id, status=status))
        arguments = str(well_formed(_fragment(call, wire))) or None
        failed = status in ("failed", "expired")
        output = _output(call, wire)
        if output is None and failed:
            output = problem or f"The step {status}."
        elif output is None and call.hosted and status == "completed":
            output = ""
        final = PartFinal(arguments=arguments, output=output, is_error=failed)
        events.append(PartFinished(part_id=call.part_id, final=final))


def _is_tool_step(step: JsonObject) -> bool:
    kind = text(step, "type") or text(obj(step, "step_details"), "type")
    return kind == "tool_calls" and bool(text(step, "id"))


def _fragment(call: _Call, wire: JsonObject) -> str:
    """The piece of arguments in a call object: JSON for functions, code for an interpreter."""
    for source in (obj(wire, call.type), wire):
        piece = raw_text(source, "arguments") or raw_text(source, "input")
        if piece:
            return piece
    return ""


def _collect_outputs(call: _Call, wire: JsonObject) -> None:
    for place, output in enumerate(objects(obj(wire, call.type), "outputs")):
        at = position(output, place)
        call.outputs[at] = call.outputs.get(at, "") + _output_text(output)


def _output(call: _Call, wire: JsonObject) -> str | None:
    """What the call gave back, or None while nobody said."""
    payload = obj(wire, call.type)
    for source in (payload, wire):
        if source.get("output") is not None:
            return str(well_formed(raw_text(source, "output")))
    if outputs := objects(payload, "outputs"):
        return "\n".join(_output_text(output) for output in outputs)
    if results := objects(payload, "results"):
        return "\n".join(_result_text(result) for result in results)
    if call.outputs:
        return "\n".join(piece for _, piece in sorted(call.outputs.items()))
    return None


def _output_text(output: JsonObject) -> str:
    if text(output, "type") == "image":
        return f"[image {text(obj(output, 'image'), 'file_id')}]"
    return text(output, "logs") or json.dumps(well_formed(output))


def _result_text(result: JsonObject) -> str:
    name = text(result, "file_name") or text(result, "file_id") or json.dumps(well_formed(result))
    score = result.get("score")
    return f"{name} (score {score:.2f})" if isinstance(score, int | float) else name
