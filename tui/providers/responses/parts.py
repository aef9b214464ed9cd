"""Turns the items of one response into the parts of one message, as they arrive.

An item is known by its ``output_index``, else by its id (llama.cpp sends no index, other servers a
new id with every event). Its part ids are made of the message's id and its place, so a response
that is fetched again gives the same parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.core.events import (
    AnnotationAdded,
    ArgumentsDelta,
    MessageFinished,
    MessageStarted,
    PartFinished,
    PartStarted,
    ProviderEvent,
    TextDelta,
    ToolStatusChanged,
    UnknownEvent,
)
from tui.core.models import JsonObject, MessageId, Need, PartFinal, PartId, PartKind, ToolRef
from tui.providers.fields import count, obj, objects, raw_text, text, well_formed
from tui.providers.responses.items import (
    ANSWERED_HERE,
    APPROVAL,
    CUSTOM,
    FUNCTION,
    MESSAGE,
    REASONING,
    RUN_ELSEWHERE,
    arguments_of,
    has_failed,
    is_call,
    output_of,
    reasoning_of,
    tool_of,
)
from tui.providers.responses.pieces import Pieces

_SUMMARY, _THOUGHTS = 0, 1  # places of a reasoning item's two parts
_MAX_ITEMS = 1_000_000
_WIDTH = 100  # room for the parts of an item in the order of a message


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of stream within an item: ``whole`` names the field of its ``done`` event."""

    item: str
    whole: str
    kind: PartKind = PartKind.TOOL_CALL
    numbered: str = ""
    slot: int = 0
    separator: str = ""


CHANNELS = {
    "output_text": Channel(MESSAGE, "text", PartKind.TEXT, "content_index"),
    "refusal": Channel(MESSAGE, "refusal", PartKind.REFUSAL, "content_index"),
    "reasoning_text": Channel(
        REASONING, "text", PartKind.REASONING, "content_index", _THOUGHTS, "\n\n"
    ),
    "reasoning_summary_text": Channel(
        REASONING, "text", PartKind.REASONING, "summary_index", _SUMMARY, "\n\n"
    ),
    "function_call_arguments": Channel(FUNCTION, "arguments"),
    "custom_tool_call_input": Channel(CUSTOM, "input"),
    "mcp_call_arguments": Channel("mcp_call", "arguments"),
    "code_interpreter_call_code": Channel("code_interpreter_call", "code"),
    "shell_call_command": Channel(
        "shell_call", "command", numbered="command_index", separator="\n"
    ),
    "apply_patch_call_operation_diff": Channel("apply_patch_call", "diff"),
}
_NOT_RUN = "The provider does not run this tool itself, and Tickertape cannot either."
_CONTENT = {"output_text": PartKind.TEXT, "text": PartKind.TEXT, "refusal": PartKind.REFUSAL}


@dataclass(slots=True)
class _Part:
    id: PartId
    index: int
    kind: PartKind
    pieces: Pieces
    tool: ToolRef | None = None
    started: bool = False
    annotations: int = 0


@dataclass(slots=True)
class _Item:
    """An item as far as it is known; ``wire`` is what the server last said that it is."""

    type: str
    place: int
    wire: JsonObject = field(default_factory=dict)
    parts: dict[int, _Part] = field(default_factory=dict)
    known: bool = False
    done: bool = False
    output: bool = False


class ResponseParts:
    """State of one response. Each method turns one wire object into events."""

    def __init__(self, message_id: MessageId) -> None:
        self.message_id = message_id
        self.started = False
        self._items: list[_Item] = []
        self._by_index: dict[int, _Item] = {}
        self._by_id: dict[str, _Item] = {}
        self._events: list[ProviderEvent] = []

    @property
    def wires(self) -> list[JsonObject]:
        """The finished items as the server gave them, in their order."""
        return [item.wire for item in self._in_order() if item.done]

    # --- what streams -----------------------------------------------------------------------

    def added(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_item.added``: who it is; names and ids come from here."""
        item = self._learn(event, obj(event, "item"))
        if is_call(item.type):
            self._start_tool(item)
        return self._take()

    def delta(self, channel: Channel, event: JsonObject) -> list[ProviderEvent]:
        """More of a part."""
        part = self._part(self._find(event, channel.item), channel, event)
        self._show(part, part.pieces.take(_piece(channel, event), raw_text(event, "delta")))
        return self._take()

    def settled(self, channel: Channel, event: JsonObject) -> list[ProviderEvent]:
        """A ``done`` event of a part: authoritative, and legal without any delta before it."""
        item = self._find(event, channel.item)
        if not item.done:
            part = self._part(item, channel, event)
            whole = raw_text(event, channel.whole)
            self._show(part, part.pieces.settle(_piece(channel, event), whole))
        return self._take()

    def content(self, event: JsonObject, wire: JsonObject) -> list[ProviderEvent]:
        """``content_part.added``: a text or a refusal begins, though nothing of it is there."""
        channel = CHANNELS.get(text(wire, "type"))
        if channel is not None and channel.item == MESSAGE:
            self._start(self._part(self._find(event, MESSAGE), channel, event))
        return self._take()

    def annotation(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_text.annotation.added``."""
        channel = CHANNELS["output_text"]
        part = self._part(self._find(event, MESSAGE), channel, event)
        self._start(part)
        self._annotate(part, [obj(event, "annotation")])
        return self._take()

    def status(self, item_type: str, status: str, event: JsonObject) -> list[ProviderEvent]:
        """Progress of a hosted tool."""
        item = self._find(event, item_type)
        if item.known and not item.done:
            part = self._start_tool(item)
            self._events.append(ToolStatusChanged(part_id=part.id, status=status))
        return self._take()

    # --- what is over -----------------------------------------------------------------------

    def finished(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_item.done``: the item as it is, whatever was streamed of it."""
        self._finish(self._learn(event, obj(event, "item")))
        return self._take()

    def completed(self, wires: list[JsonObject]) -> list[ProviderEvent]:
        """The output of a response that is over: shows what was never streamed."""
        claimed: set[int] = set()
        for wire in wires:
            item = self._same(wire, claimed) or self._new(text(wire, "type"))
            claimed.add(item.place)
            if not item.done:
                self._settle_identity(item, wire)
                self._finish(item)
        return self._take()

    def close(self, *, complete: bool) -> list[ProviderEvent]:
        """No more of this response follows."""
        for item in self._in_order():
            if not item.done and (complete or not is_call(item.type)):
                self._finish(item)
            if complete and item.type in RUN_ELSEWHERE and not item.output:
                final = PartFinal(output=_NOT_RUN, is_error=True)
                self._events.append(PartFinished(part_id=item.parts[0].id, final=final))
        if self.started:
            self._events.append(MessageFinished(message_id=self.message_id, complete=complete))
        return self._take()

    def needs(self) -> tuple[Need, ...]:
        """What waits for something from us, in the order of the items."""
        return tuple(
            Need(
                call_id=part.tool.call_id,
                name=part.tool.name,
                arguments=arguments_of(item.wire) or part.pieces.joined,
                approval=item.type == APPROVAL,
            )
            for item in self._in_order()
            if item.type in ANSWERED_HERE and item.known and not item.output
            for part in item.parts.values()
            if part.tool is not None
        )

    # --- which item -------------------------------------------------------------------------

    def _in_order(self) -> list[_Item]:
        return sorted(self._items, key=lambda item: item.place)

    def _new(self, item_type: str, index: int | None = None) -> _Item:
        places = {item.place for item in self._items}
        place = max(places, default=-1) + 1 if index is None or index in places else index
        item = _Item(item_type, place)
        self._items.append(item)
        return item

    def _learn(self, event: JsonObject, wire: JsonObject) -> _Item:
        """The item that an event with a whole item is about."""
        index, item_type = _index(event), text(wire, "type")
        item = self._named(wire)
        if item is None and index is not None:
            there = self._by_index.get(index)
            over = there is not None and there.done
            item = there if there is not None and not over and there.type == item_type else None
        if item is None and index is None and not text(wire, "id"):
            item = next((i for i in self._items if i.type == item_type and not i.done), None)
        if item is None:
            item = self._new(item_type, index)
        if index is not None:
            self._by_index[index] = item
        self._settle_identity(item, wire)
        return item

    def _named(self, wire: JsonObject) -> _Item | None:
        """The item with this id; the output of a call has the call's ``call_id``."""
        found = self._by_id.get(text(wire, "id")) or self._by_id.get(text(wire, "call_id"))
        return found if found is not None and found.type == text(wire, "type") else None

    def _settle_identity(self, item: _Item, wire: JsonObject) -> None:
        # First non-empty names and ids win; all else is as the server says now.
        kept = {
            name: item.wire[name]
            for name in ("id", "call_id", "name", "server_label")
            if item.wire.get(name)
        }
        item.wire = {**well_formed(wire), **kept}
        item.known = True
        for name in ("id", "call_id"):
            if said := text(wire, name):
                self._by_id.setdefault(said, item)

    def _find(self, event: JsonObject, item_type: str) -> _Item:
        """The item that a smaller event is about; one that was never announced is made."""
        index, item_id = _index(event), text(event, "item_id")
        item = self._by_index.get(index) if index is not None else None
        if item is None or item.type != item_type:
            item = self._by_id.get(item_id)
        if item is None and index is None:
            open_ones = [i for i in self._items if i.type == item_type and not i.done]
            item = open_ones[-1] if open_ones and not item_id else None
        if item is None:
            item = self._new(item_type, index)
            item.wire = {"type": item_type}
            if item_id:
                self._by_id[item_id] = item
        if index is not None:
            self._by_index[index] = item
        return item

    def _same(self, wire: JsonObject, claimed: set[int]) -> _Item | None:
        """The known item that an item of the whole output is; servers may give it a new id."""
        if (named := self._named(wire)) is not None:
            return named
        item_type = text(wire, "type")
        alike = [i for i in self._in_order() if i.type == item_type and i.place not in claimed]
        return alike[0] if alike else None

    # --- parts ------------------------------------------------------------------------------

    def _part(self, item: _Item, channel: Channel, event: JsonObject) -> _Part:
        slot = count(event, channel.numbered) if channel.item == MESSAGE else channel.slot
        return self._slot(item, slot, channel.kind, channel.separator)

    def _slot(self, item: _Item, slot: int, kind: PartKind, separator: str = "") -> _Part:
        if slot not in item.parts:
            item.parts[slot] = _Part(
                id=f"{self.message_id}:{item.place}.{slot}",
                index=item.place * _WIDTH + min(slot, _WIDTH - 1),
                kind=kind,
                pieces=Pieces(separator),
            )
        return item.parts[slot]

    def _start_tool(self, item: _Item) -> _Part:
        separator = "\n" if item.type == "shell_call" else ""
        part = self._slot(item, 0, PartKind.TOOL_CALL, separator)
        if part.tool is None:
            part.tool = tool_of(item.wire, part.id)
            if item.type in (FUNCTION, CUSTOM):  # what is sent back has to name it
                item.wire["call_id"] = part.tool.call_id
        self._start(part)
        return part

    def _start(self, part: _Part) -> None:
        # A call whose name has not come yet has to wait for it.
        if part.started or (part.kind is PartKind.TOOL_CALL and part.tool is None):
            return
        part.started = True
        if not self.started:
            self.started = True
            self._events.append(MessageStarted(message_id=self.message_id))
        self._events.append(
            PartStarted(
                message_id=self.message_id,
                part_id=part.id,
                index=part.index,
                kind=part.kind,
                tool=part.tool,
            )
        )
        self._emit(part, part.pieces.joined)

    def _show(self, part: _Part, shown: str) -> None:
        """A part that starts only now shows everything so far."""
        if part.started:
            self._emit(part, shown)
        elif shown:
            self._start(part)

    def _emit(self, part: _Part, shown: str) -> None:
        if not shown:
            return
        if part.kind is PartKind.TOOL_CALL:
            self._events.append(ArgumentsDelta(part_id=part.id, fragment=shown))
        else:
            self._events.append(TextDelta(part_id=part.id, text=shown))

    def _annotate(self, part: _Part, annotations: list[JsonObject]) -> None:
        part.annotations += len(annotations)
        for annotation in annotations:
            self._events.append(
                AnnotationAdded(part_id=part.id, annotation=well_formed(annotation))
            )

    # --- the ends of items ------------------------------------------------------------------

    def _finish(self, item: _Item) -> None:
        if item.done:
            return
        item.done = True
        if item.type == MESSAGE:
            self._finish_message(item)
        elif item.type == REASONING:
            self._finish_reasoning(item)
        elif is_call(item.type):
            self._finish_call(item)
        elif item.type.endswith("_output"):
            self._finish_other_call(item)
        else:
            self._events.append(UnknownEvent(name=f"output item of type {item.type or 'none'}"))

    def _finish_message(self, item: _Item) -> None:
        for at, content in enumerate(objects(item.wire, "content")):
            kind = _CONTENT.get(text(content, "type"))
            if kind is None:
                name = text(content, "type") or "none"
                self._events.append(UnknownEvent(name=f"message content of type {name}"))
                continue
            part = self._slot(item, at, kind)
            self._show(part, part.pieces.settle(0, _said(content)))
            if part.started:
                self._annotate(part, objects(content, "annotations")[part.annotations :])
        for part in item.parts.values():
            self._finish_text(part, part.pieces.joined)

    def _finish_reasoning(self, item: _Item) -> None:
        for slot, whole in enumerate(reasoning_of(item.wire)):
            if whole and slot not in item.parts:
                part = self._slot(item, slot, PartKind.REASONING, "\n\n")
                self._show(part, part.pieces.settle(0, whole))
            if slot in item.parts:
                self._finish_text(item.parts[slot], whole or item.parts[slot].pieces.joined)

    def _finish_text(self, part: _Part, whole: str) -> None:
        if part.started:
            self._events.append(PartFinished(part_id=part.id, final=PartFinal(text=whole)))

    def _finish_call(self, item: _Item) -> None:
        part = self._start_tool(item)
        arguments = arguments_of(item.wire) or part.pieces.joined
        final = PartFinal(arguments=arguments)
        if item.type not in ANSWERED_HERE | RUN_ELSEWHERE:
            if status := text(item.wire, "status"):
                self._events.append(ToolStatusChanged(part_id=part.id, status=status))
            final = PartFinal(
                arguments=arguments, output=output_of(item.wire), is_error=has_failed(item.wire)
            )
        self._events.append(PartFinished(part_id=part.id, final=final))

    def _finish_other_call(self, item: _Item) -> None:
        """What came of a call is an item of its own for some tools."""
        call = self._by_id.get(text(item.wire, "call_id"))
        if call is None or call is item or 0 not in call.parts:
            self._events.append(UnknownEvent(name=f"output item of type {item.type}"))
            return
        call.output = True
        final = PartFinal(output=output_of(item.wire), is_error=has_failed(item.wire))
        self._events.append(PartFinished(part_id=call.parts[0].id, final=final))

    def _take(self) -> list[ProviderEvent]:
        events, self._events = self._events, []
        return events


def _index(event: JsonObject) -> int | None:
    value = event.get("output_index")
    # A number that no response reaches is none; the order of parts is kept in a database.
    return value if isinstance(value, int) and 0 <= value < _MAX_ITEMS else None


def _piece(channel: Channel, event: JsonObject) -> int:
    """Which piece of its part; each content of a message is a part of its own."""
    return 0 if channel.item == MESSAGE else count(event, channel.numbered)


def _said(content: JsonObject) -> str:
    return raw_text(content, "refusal") or raw_text(content, "text")
