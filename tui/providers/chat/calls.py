"""Decodes ``tool_calls[]`` of one round: calls whose arguments arrive in pieces, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tui.core.events import ArgumentsDelta, PartFinished, PartStarted, ProviderEvent
from tui.core.models import (
    CallId,
    JsonObject,
    MessageId,
    Need,
    PartFinal,
    PartId,
    PartKind,
    ToolRef,
)
from tui.providers.call_ids import unique_id
from tui.providers.chat.request import CUSTOM, encode_call, encode_custom_call
from tui.providers.fields import Joiner, obj, parse_object, position, raw_text, text

LEGACY = "function_call"


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call as far as it is known. ``said_id`` is the server's word, ``call_id`` what we use."""

    place: int
    said_id: CallId = ""
    call_id: CallId = ""
    name: str = ""
    part_id: PartId = ""
    arguments: Joiner = field(default_factory=Joiner)
    final: str | None = None
    extra: JsonObject = field(default_factory=dict)
    custom: bool = False

    @property
    def whole_arguments(self) -> str:
        return self.arguments.joined if self.final is None else self.final

    def encode(self) -> JsonObject:
        """The call as it is sent back."""
        encode = encode_custom_call if self.custom else encode_call
        extra = {"extra_content": self.extra} if self.extra else {}
        return encode(self.call_id, self.name, self.whole_arguments) | extra


class CallsDecoder:
    """The calls of one message. ``open_part`` gives the next place in it.

    ``used`` holds the call ids of the run: some servers give the same ones in every round.
    """

    def __init__(
        self,
        message_id: MessageId,
        open_part: Callable[[list[ProviderEvent]], int],
        used: set[CallId],
    ) -> None:
        self._message_id = message_id
        self._open_part = open_part
        self._used = used
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._legacy: _Call | None = None

    @property
    def needs(self) -> tuple[Need, ...]:
        """The calls in the model's order, once they are finished."""
        return tuple(
            Need(call_id=call.call_id, name=call.name, arguments=call.whole_arguments)
            for call in self._in_order()
        )

    def deltas(
        self, wires: list[JsonObject], events: list[ProviderEvent], *, whole: bool = False
    ) -> None:
        """The items of one ``tool_calls``; ``whole``: their arguments are all there are."""
        for place, wire in enumerate(wires):
            call = self._find(wire, place if len(wires) > 1 else None, whole=whole)
            call.said_id = call.said_id or text(wire, "id")
            # Some servers want back what they attach to a call (signatures of thoughts).
            call.extra = obj(wire, "extra_content") or call.extra
            call.custom = call.custom or text(wire, "type") == CUSTOM or CUSTOM in wire
            self._take(call, _called(wire), events, whole=whole)

    def legacy(self, wire: JsonObject, events: list[ProviderEvent], *, whole: bool = False) -> None:
        """``function_call``: the one call of the protocol before tools."""
        if self._legacy is None:
            self._legacy = _Call(place=len(self._calls))
            self._calls.append(self._legacy)
        self._take(self._legacy, wire, events, whole=whole)

    def finish(self, events: list[ProviderEvent]) -> None:
        """No more pieces are expected."""
        for call in self._calls:
            self._start(call, events)
            final = PartFinal(arguments=call.whole_arguments)
            events.append(PartFinished(part_id=call.part_id, final=final))

    def encode(self) -> JsonObject:
        """The fields of the assistant message that makes these calls, as it is sent back."""
        if self._legacy is not None:
            call = self._legacy
            return {LEGACY: encode_call("", call.name, call.whole_arguments)["function"]}
        return {"tool_calls": [call.encode() for call in self._in_order()]}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def _in_order(self) -> list[_Call]:
        return sorted(self._calls, key=lambda call: call.place)

    def _find(self, wire: JsonObject, place: int | None, *, whole: bool) -> _Call:
        """By index; without one by id, else by its place; alone in its list it is the last."""
        call_id, index = text(wire, "id"), position(wire, -1)
        if index < 0 and call_id:
            same = next((call for call in self._calls if call.said_id == call_id), None)
            return same or self._new(len(self._calls))
        if index < 0:
            index = max(self._at, default=0) if place is None else place
        call = self._at.get(index)
        if call is None:
            return self._new(index)
        # Some servers give all their calls the same index, or none.
        is_over = not whole and parse_object(call.arguments.joined) is not None
        if is_over and _is_another(wire, call):
            return self._new(index, place=len(self._calls))
        return call

    def _new(self, index: int, place: int | None = None) -> _Call:
        call = self._at[index] = _Call(place=index if place is None else place)
        self._calls.append(call)
        return call

    def _take(
        self, call: _Call, function: JsonObject, events: list[ProviderEvent], *, whole: bool
    ) -> None:
        call.name = call.name or text(function, "name")
        said = raw_text(function, "input" if call.custom else "arguments")
        if whole:
            call.final = said or call.final
        piece = call.arguments.take(said if not (whole and call.arguments.joined) else "")
        if call.part_id:
            if piece:
                events.append(ArgumentsDelta(part_id=call.part_id, fragment=piece))
        elif call.name and (call.said_id or call.arguments.joined):
            self._start(call, events)

    def _start(self, call: _Call, events: list[ProviderEvent]) -> None:
        if call.part_id:
            return
        index = self._open_part(events)
        call.part_id = f"{self._message_id}:{index}"
        call.name = call.name or "unknown"
        call.call_id = unique_id(call.said_id, call.part_id, self._used)
        events.append(
            PartStarted(
                message_id=self._message_id,
                part_id=call.part_id,
                index=index,
                kind=PartKind.TOOL_CALL,
                tool=ToolRef(name=call.name, call_id=call.call_id),
            )
        )
        if call.arguments.joined:
            events.append(ArgumentsDelta(part_id=call.part_id, fragment=call.arguments.joined))


def _is_another(wire: JsonObject, call: _Call) -> bool:
    """Whether this begins a call behind one that is over; a name alone may only be repeated."""
    function = obj(wire, "function") or wire
    name, call_id = text(function, "name"), text(wire, "id")
    if not name or call_id:
        return bool(name) and call_id != call.said_id
    return name != call.name or bool(raw_text(function, "arguments"))


def _called(wire: JsonObject) -> JsonObject:
    """What a call calls, and with what; some servers do not nest it."""
    return obj(wire, "function") or obj(wire, CUSTOM) or wire
