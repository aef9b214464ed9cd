"""Decodes what one answer says: text, refusal and thoughts beside its calls, as one message."""

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
)
from tui.core.models import CallId, JsonObject, MessageId, PartFinal, PartId, PartKind
from tui.providers.chat.calls import LEGACY, CallsDecoder
from tui.providers.chat.thoughts import Thoughts
from tui.providers.fields import Joiner, obj, objects, raw_text, text, well_formed


@dataclass(slots=True, kw_only=True)
class _Part:
    id: PartId
    kind: PartKind
    text: Joiner = field(default_factory=Joiner)
    final: str | None = None
    finished: bool = False

    @property
    def whole(self) -> str:
        return self.text.joined if self.final is None else self.final


class Round:
    """One assistant message.

    Content is a single string in this protocol, so it is one part, wherever its pieces come;
    thoughts that come back after something else begin a new one.
    """

    def __init__(self, message_id: MessageId, used: set[CallId]) -> None:
        self.calls = CallsDecoder(message_id, self._open_part, used)
        self.message_id = message_id
        self._thoughts = Thoughts()
        self._parts: list[_Part] = []
        self._opened = 0

    @property
    def begun(self) -> bool:
        """Whether there is a message."""
        return self._opened > 0

    def delta(self, delta: JsonObject, *, whole: bool = False) -> list[ProviderEvent]:
        """One ``delta``, or (``whole``) a ``message`` that says everything once more."""
        events: list[ProviderEvent] = []
        thoughts = Thoughts() if whole else self._thoughts
        listed, said = _content(delta)
        if thought := thoughts.take(delta) + listed:
            self._thoughts = thoughts
        self._say(PartKind.REASONING, thought, events, whole=whole)
        self._say(PartKind.TEXT, said, events, whole=whole)
        self._say(PartKind.REFUSAL, raw_text(delta, "refusal"), events, whole=whole)
        for annotation in objects(delta, "annotations"):
            part = self._part(PartKind.TEXT, events)
            events.append(AnnotationAdded(part_id=part.id, annotation=well_formed(annotation)))
        if wires := objects(delta, "tool_calls"):
            self._end_thought(events)
            self.calls.deltas(wires, events, whole=whole)
        if call := obj(delta, LEGACY):
            self.calls.legacy(call, events, whole=whole)
        return events

    def finish(self, *, complete: bool) -> list[ProviderEvent]:
        """Everything that is open ends here. Called again when something came after the end."""
        events: list[ProviderEvent] = [
            _finished(part) for part in self._parts if not part.finished or part.final is not None
        ]
        self.calls.finish(events)
        if self._opened:
            events.append(MessageFinished(message_id=self.message_id, complete=complete))
        return events

    def encode(self) -> JsonObject:
        """The message as the server wants it back with the outputs of its calls."""
        kinds = (PartKind.TEXT, PartKind.REFUSAL)
        said = [part.whole for part in self._parts if part.kind in kinds and part.whole]
        message: JsonObject = {"role": "assistant", "content": "\n\n".join(said) or None}
        return message | self._thoughts.encode() | self.calls.encode()

    def _say(self, kind: PartKind, piece: str, events: list[ProviderEvent], *, whole: bool) -> None:
        if not piece:
            return
        if kind is not PartKind.REASONING:
            self._end_thought(events)
        known = [part for part in self._parts if part.kind is kind]
        if whole and known:
            # Thoughts in several parts were shown as they came; the whole says no more.
            known[0].final = str(well_formed(piece)) if len(known) == 1 else None
            return
        part = self._part(kind, events)
        if fresh := part.text.take(piece):
            events.append(TextDelta(part_id=part.id, text=fresh))

    def _part(self, kind: PartKind, events: list[ProviderEvent]) -> _Part:
        for part in self._parts:
            if part.kind is kind and not part.finished:
                return part
        index = self._open_part(events)
        part = _Part(id=f"{self.message_id}:{index}", kind=kind)
        self._parts.append(part)
        events.append(
            PartStarted(message_id=self.message_id, part_id=part.id, index=index, kind=kind)
        )
        return part

    def _end_thought(self, events: list[ProviderEvent]) -> None:
        for part in self._parts:
            if part.kind is PartKind.REASONING and not part.finished:
                part.finished = True
                events.append(_finished(part))

    def _open_part(self, events: list[ProviderEvent]) -> int:
        """The place of a new part; the first one begins the message."""
        if not self._opened:
            events.append(MessageStarted(message_id=self.message_id))
        self._opened += 1
        return self._opened - 1


def _finished(part: _Part) -> PartFinished:
    return PartFinished(part_id=part.id, final=PartFinal(text=part.whole))


def _content(delta: JsonObject) -> tuple[str, str]:
    """Thought and text of ``content``, which Mistral sends as a list when a model thinks."""
    content = delta.get("content")
    if isinstance(content, str):
        return "", content
    items = objects(delta, "content")
    thoughts = [text(each, "text") for item in items for each in objects(item, "thinking")]
    return "".join(thoughts), "".join(text(item, "text") for item in items)
