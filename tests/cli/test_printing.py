"""How ``ask`` prints an answer while it comes."""

from __future__ import annotations

import io

import pytest

from tui.cli.printing import TextPrinter
from tui.core import events as e
from tui.core.models import PartFinal, PartKind
from tui.core.text import GrowingText
from tui.core.transcript import Transcript

_BEGIN: tuple[e.Event, ...] = (
    e.RunStarted(parent_id="u"),
    e.MessageStarted(message_id="m"),
    e.PartStarted(message_id="m", part_id="p", index=0, kind=PartKind.TEXT),
)


class Told:
    """A printer that is told events, and what it printed."""

    def __init__(self, *events: e.Event) -> None:
        self.out = io.StringIO()
        self._printer = TextPrinter(out=self.out, err=io.StringIO())
        self._transcript = Transcript("t")
        self.tell(*events)

    def tell(self, *events: e.Event) -> str:
        for event in events:
            envelope = e.Envelope(
                thread="t", seq=self._transcript.seq + 1, at=0, mono=0, run="r", event=event
            )
            self._transcript.apply(envelope)
            self._printer.show(self._transcript, envelope)
        return self.out.getvalue()


def test_a_delta_costs_the_same_after_a_long_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(*_BEGIN)
    with monkeypatch.context() as patched:
        patched.setattr(GrowingText, "__str__", None)  # the whole is not asked for
        shown = told.tell(*(e.TextDelta(part_id="p", text=word) for word in ("one ", "two ")))
    assert shown == "one two "


def test_what_no_delta_brought_comes_with_the_end() -> None:
    told = Told(*_BEGIN, e.TextDelta(part_id="p", text="one "))
    final = e.PartFinished(part_id="p", final=PartFinal(text="one two"))
    assert told.tell(final, final, e.TextDelta(part_id="p", text="late")) == "one two"


def test_a_corrected_text_is_printed_again_as_a_whole() -> None:
    told = Told(*_BEGIN, e.TextDelta(part_id="p", text="Helo"))
    final = e.PartFinished(part_id="p", final=PartFinal(text="Hello"))
    assert told.tell(final, final) == "Helo\nHello"


def test_parts_are_apart_and_reasoning_is_not_printed() -> None:
    told = Told(*_BEGIN, e.TextDelta(part_id="p", text="one"))
    for place, kind in enumerate((PartKind.REASONING, PartKind.TEXT), start=1):
        part_id = f"p{place}"
        told.tell(
            e.PartStarted(message_id="m", part_id=part_id, index=place, kind=kind),
            e.TextDelta(part_id=part_id, text=kind.value),
            e.PartFinished(part_id=part_id),
        )
    assert told.out.getvalue() == "one\n\ntext"
