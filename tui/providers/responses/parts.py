"""Turns the items of one response into the parts of one message, as they arrive.

Part ids are made of the message's id and the item's place, so a response that is fetched again
gives the same parts.
"""

from __future__ import annotations

from dataclasses import replace

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
from tui.core.models import CallId, JsonObject, MessageId, Need, PartFinal, PartKind, ToolRef
from tui.providers.call_ids import unique_id
from tui.providers.fields import obj, objects, raw_text, text, well_formed
from tui.providers.responses.channels import CHANNELS, Channel
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
from tui.providers.responses.known import Item, KnownItems, Part
from tui.providers.responses.pieces import Pieces

_WIDTH = 100  # room for the parts of an item in the order of a message
_NOT_RUN = "The provider does not run this tool itself, and Tickertape cannot either."
_CONTENT = {"output_text": PartKind.TEXT, "text": PartKind.TEXT, "refusal": PartKind.REFUSAL}


class ResponseParts:
    """State of one response. Each method turns one wire object into events.

    ``used`` holds the call ids of the run: some servers give the same ones in every round.
    ``said_ids`` are the server's own for those that were given another.
    """

    def __init__(self, message_id: MessageId, used: set[CallId]) -> None:
        self.message_id = message_id
        self.said_ids: dict[CallId, CallId] = {}
        self._used = used
        self.started = False
        self._known = KnownItems()
        self._events: list[ProviderEvent] = []

    @property
    def wires(self) -> list[JsonObject]:
        """The finished items as the server gave them, in their order."""
        return [item.wire for item in self._known.in_order() if item.done]

    # --- what streams -----------------------------------------------------------------------

    def added(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_item.added``: who it is; names and ids come from here."""
        item = self._known.learn(event, obj(event, "item"))
        if is_call(item.type):
            self._start_tool(item)
        return self._take()

    def delta(self, channel: Channel, event: JsonObject) -> list[ProviderEvent]:
        """More of a part."""
        part = self._part(self._known.find(event, channel.item), channel, event)
        self._show(part, part.pieces.take(channel.piece(event), raw_text(event, "delta")))
        return self._take()

    def settled(self, channel: Channel, event: JsonObject) -> list[ProviderEvent]:
        """A ``done`` event of a part: authoritative, and legal without any delta before it."""
        item = self._known.find(event, channel.item)
        if not item.done:
            part = self._part(item, channel, event)
            whole = raw_text(event, channel.whole)
            self._show(part, part.pieces.settle(channel.piece(event), whole))
        return self._take()

    def content(self, event: JsonObject, wire: JsonObject) -> list[ProviderEvent]:
        """``content_part.added``: a text or a refusal begins, though nothing of it is there."""
        channel = CHANNELS.get(text(wire, "type"))
        if channel is not None and channel.item == MESSAGE:
            self._start(self._part(self._known.find(event, MESSAGE), channel, event))
        return self._take()

    def annotation(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_text.annotation.added``."""
        channel = CHANNELS["output_text"]
        part = self._part(self._known.find(event, MESSAGE), channel, event)
        self._start(part)
        self._annotate(part, [obj(event, "annotation")])
        return self._take()

    def status(self, item_type: str, status: str, event: JsonObject) -> list[ProviderEvent]:
        """Progress of a hosted tool."""
        item = self._known.find(event, item_type)
        if item.known and not item.done:
            part = self._start_tool(item)
            self._events.append(ToolStatusChanged(part_id=part.id, status=status))
        return self._take()

    # --- what is over -----------------------------------------------------------------------

    def finished(self, event: JsonObject) -> list[ProviderEvent]:
        """``output_item.done``: the item as it is, whatever was streamed of it."""
        self._finish(self._known.learn(event, obj(event, "item")))
        return self._take()

    def completed(self, wires: list[JsonObject]) -> list[ProviderEvent]:
        """The output of a response that is over: shows what was never streamed."""
        claimed: set[int] = set()
        for wire in wires:
            self._finish(self._known.claim(wire, claimed))
        return self._take()

    def close(self, *, complete: bool) -> list[ProviderEvent]:
        """No more of this response follows."""
        for item in self._known.in_order():
            if not item.done and (complete or not is_call(item.type)):
                self._finish(item)
            if complete and item.type in RUN_ELSEWHERE and not item.answered:
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
            for item in self._known.in_order()
            if item.type in ANSWERED_HERE and item.known and not item.answered
            for part in item.parts.values()
            if part.tool is not None
        )

    # --- parts ------------------------------------------------------------------------------

    def _part(self, item: Item, channel: Channel, event: JsonObject) -> Part:
        return self._slot(item, channel.part(event), channel.kind, channel.separator)

    def _slot(self, item: Item, slot: int, kind: PartKind, separator: str = "") -> Part:
        if slot not in item.parts:
            item.parts[slot] = Part(
                id=f"{self.message_id}:{item.place}.{slot}",
                index=item.place * _WIDTH + min(slot, _WIDTH - 1),
                kind=kind,
                pieces=Pieces(separator),
            )
        return item.parts[slot]

    def _start_tool(self, item: Item) -> Part:
        separator = "\n" if item.type == "shell_call" else ""
        part = self._slot(item, 0, PartKind.TOOL_CALL, separator)
        if part.tool is None:
            part.tool = self._tool(item, part)
        self._start(part)
        return part

    def _tool(self, item: Item, part: Part) -> ToolRef:
        tool = tool_of(item.wire, part.id)
        if item.type == APPROVAL:  # answered by the id that the server gave it
            return tool
        call_id = unique_id(tool.call_id, part.id, self._used)
        if item.type in (FUNCTION, CUSTOM):
            self.said_ids[call_id] = tool.call_id
            item.wire["call_id"] = call_id  # what is sent back has to name it
        return replace(tool, call_id=call_id)

    def _start(self, part: Part) -> None:
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

    def _show(self, part: Part, shown: str) -> None:
        """A part that starts only now shows everything so far."""
        if part.started:
            self._emit(part, shown)
        elif shown:
            self._start(part)

    def _emit(self, part: Part, shown: str) -> None:
        if not shown:
            return
        if part.kind is PartKind.TOOL_CALL:
            self._events.append(ArgumentsDelta(part_id=part.id, fragment=shown))
        else:
            self._events.append(TextDelta(part_id=part.id, text=shown))

    def _annotate(self, part: Part, annotations: list[JsonObject]) -> None:
        part.annotations += len(annotations)
        for annotation in annotations:
            self._events.append(
                AnnotationAdded(part_id=part.id, annotation=well_formed(annotation))
            )

    # --- the ends of items ------------------------------------------------------------------

    def _finish(self, item: Item) -> None:
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

    def _finish_message(self, item: Item) -> None:
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

    def _finish_reasoning(self, item: Item) -> None:
        for slot, whole in enumerate(reasoning_of(item.wire)):
            if whole and slot not in item.parts:
                part = self._slot(item, slot, PartKind.REASONING, "\n\n")
                self._show(part, part.pieces.settle(0, whole))
            if slot in item.parts:
                self._finish_text(item.parts[slot], whole or item.parts[slot].pieces.joined)

    def _finish_text(self, part: Part, whole: str) -> None:
        if part.started:
            self._events.append(PartFinished(part_id=part.id, final=PartFinal(text=whole)))

    def _finish_call(self, item: Item) -> None:
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

    def _finish_other_call(self, item: Item) -> None:
        """What came of a call is an item of its own for some tools."""
        call = self._known.called(text(item.wire, "call_id"))
        if call is None or call is item or 0 not in call.parts:
            self._events.append(UnknownEvent(name=f"output item of type {item.type}"))
            return
        call.answered = True
        final = PartFinal(output=output_of(item.wire), is_error=has_failed(item.wire))
        self._events.append(PartFinished(part_id=call.parts[0].id, final=final))

    def _take(self) -> list[ProviderEvent]:
        events, self._events = self._events, []
        return events


def _said(content: JsonObject) -> str:
    return raw_text(content, "refusal") or raw_text(content, "text")
