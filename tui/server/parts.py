"""The pieces of an answer while they grow: text of a message, calls of a tool step."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.core.models import CallId, JsonObject


@dataclass(slots=True)
class TextPart:
    """One content part of the open message."""

    index: int
    refusal: bool
    chunks: list[str] = field(default_factory=list)
    annotations: list[JsonObject] = field(default_factory=list)
    finished: bool = False

    @property
    def body(self) -> JsonObject:
        """The part as a finished message holds it."""
        text = "".join(self.chunks)
        if self.refusal:
            return {"type": "refusal", "refusal": text}
        return {"type": "text", "text": {"value": text, "annotations": self.annotations}}

    def delta(self, text: str) -> JsonObject:
        """More text, as a content delta; the first one of a text carries its annotations."""
        if self.refusal:
            return {"index": self.index, "type": "refusal", "refusal": text}
        first: JsonObject = {} if self.chunks else {"annotations": []}
        return {"index": self.index, "type": "text", "text": {"value": text, **first}}


@dataclass(slots=True)
class CallPart:
    """One call of the open tool step."""

    index: int
    call_id: CallId
    name: str
    chunks: list[str] = field(default_factory=list)
    output: str | None = None

    @property
    def arguments(self) -> str:
        """The raw JSON so far."""
        return "".join(self.chunks)

    @property
    def body(self) -> JsonObject:
        """The call as a step holds it."""
        function = {"name": self.name, "arguments": self.arguments, "output": self.output}
        return {"id": self.call_id, "type": "function", "function": function}


def settle(chunks: list[str], final: str | None) -> str:
    """Make the chunks agree with the authoritative text; returns what still has to be sent.

    What was streamed cannot be taken back; if it was wrong, the finished object corrects it.
    """
    streamed = "".join(chunks)
    if final is None or final == streamed:
        return ""
    if final.startswith(streamed):
        return final[len(streamed) :]
    chunks[:] = [final]
    return ""
