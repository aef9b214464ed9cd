"""Decodes ``thread.message.*``: assistant messages whose text arrives in pieces."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.core.events import (
    AnnotationAdded,
    MessageFinished,
    MessageStarted,
    PartFinished,
    PartStarted,
    ProviderEvent,
    TextDelta,
    UnknownEvent,
)
from tui.core.models import JsonObject, MessageId, PartFinal, PartId, PartKind
from tui.providers.fields import (
    Joiner,
    obj,
    objects,
    position,
    raw_text,
    text,
    well_formed,
)

_KINDS = {
    "text": PartKind.TEXT,
    "refusal": PartKind.REFUSAL,
    "image_file": PartKind.IMAGE,
    "image_url": PartKind.IMAGE,
}


@dataclass(slots=True, kw_only=True)
class _Part:
    id: PartId
    text: Joiner = field(default_factory=Joiner)
    annotations: int = 0


@dataclass(slots=True, kw_only=True)
class _Message:
    id: MessageId
    parts: dict[int, _Part] = field(default_factory=dict)
    finished: bool = False


class MessageDecoder:
    """State of the messages of one run. Each method turns one wire object into events."""

    def __init__(self) -> None:
        self._messages: dict[MessageId, _Message] = {}
        self._foreign: set[MessageId] = set()

    def started(self, message: JsonObject) -> list[ProviderEvent]:
        """``created`` and ``in_progress``; a user's own message is none of ours."""
        if text(message, "role") not in ("assistant", ""):
            self._foreign.add(text(message, "id"))
        events: list[ProviderEvent] = []
        self._open(text(message, "id"), events)
        return events

    def delta(self, message: JsonObject) -> list[ProviderEvent]:
        """``delta.content[]``: pieces keyed by index, in any order."""
        events: list[ProviderEvent] = []
        opened = self._open(text(message, "id"), events)
        if opened is None or opened.finished:
            return events
        for place, item in enumerate(objects(obj(message, "delta"), "content")):
            at = position(item, place)
            part = self._part(opened, at, item, events)
            if part is None:
                continue
            piece = part.text.take(_value(item))
            if piece:
                events.append(TextDelta(part_id=part.id, text=piece))
            for annotation in objects(obj(item, "text"), "annotations"):
                part.annotations += 1
                events.append(_annotation(part, annotation))
        return events

    def finished(self, message: JsonObject, *, complete: bool) -> list[ProviderEvent]:
        """``completed`` and ``incomplete``: what the object holds is authoritative."""
        events: list[ProviderEvent] = []
        opened = self._open(text(message, "id"), events)
        if opened is None or opened.finished:
            return events
        opened.finished = True
        finals: dict[int, str] = {}
        for at, item in enumerate(objects(message, "content")):
            part = self._part(opened, at, item, events)
            if part is None:
                continue
            finals[at] = str(well_formed(_value(item)))
            unseen = objects(obj(item, "text"), "annotations")[part.annotations :]
            events.extend(_annotation(part, annotation) for annotation in unseen)
        for at, part in sorted(opened.parts.items()):
            # A part that the object leaves out stays as it was streamed.
            final = PartFinal(text=finals[at]) if at in finals else None
            events.append(PartFinished(part_id=part.id, final=final))
        events.append(MessageFinished(message_id=opened.id, complete=complete))
        return events

    def _open(self, message_id: MessageId, events: list[ProviderEvent]) -> _Message | None:
        if not message_id or message_id in self._foreign:
            return None
        if message_id not in self._messages:
            self._messages[message_id] = _Message(id=message_id)
            events.append(MessageStarted(message_id=message_id))
        return self._messages[message_id]

    def _part(
        self, message: _Message, at: int, item: JsonObject, events: list[ProviderEvent]
    ) -> _Part | None:
        if at in message.parts:
            return message.parts[at]
        kind = _KINDS.get(_type(item))
        if kind is None:
            events.append(UnknownEvent(name=f"message content of type {_type(item) or 'none'}"))
            return None
        part = _Part(id=f"{message.id}:{at}")
        message.parts[at] = part
        events.append(
            PartStarted(message_id=message.id, part_id=part.id, index=at, kind=kind, tool=None)
        )
        return part


def _type(item: JsonObject) -> str:
    return text(item, "type") or next((name for name in _KINDS if name in item), "")


def _value(item: JsonObject) -> str:
    """The text of a content item; for an image its file id or address."""
    if "refusal" in item:
        return raw_text(item, "refusal")
    if isinstance(item.get("text"), str):
        return raw_text(item, "text")
    image = obj(item, "image_file").get("file_id") or obj(item, "image_url").get("url")
    return image if isinstance(image, str) else raw_text(obj(item, "text"), "value")


def _annotation(part: _Part, annotation: JsonObject) -> AnnotationAdded:
    return AnnotationAdded(part_id=part.id, annotation=well_formed(annotation))
