"""Recorded Chat streams: what they are known to hold, under every chunking, cut anywhere.

``interleaved.sse`` is this project's own: thoughts, text and three calls whose indexes interleave,
ids repeated in deltas, a byte-order mark, comments, CRLF.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.events import Envelope, MessageAdded, RunStarted, TurnFinished, UnknownEvent
from tui.core.models import Outcome, PartKind, Role
from tui.core.transcript import Transcript
from tui.providers.chat.decode import ChatDecoder
from tui.providers.fields import objects, parse_object
from tui.providers.sse import ServerSentEvent, SseDecoder

OWN = Path(__file__).parent / "chat"
SHARED = Path(__file__).parents[3] / "shared" / "recordings" / "chat"
PATHS = {
    "interleaved": OWN / "interleaved.sse",
    "llamacpp_text": OWN / "llamacpp_text.sse",
    "llamacpp_call": OWN / "llamacpp_tool_call.sse",
    "llamacpp_timings": SHARED / "llamacpp_tool_call.sse",
    "deepseek_reasoning": SHARED / "deepseek_reasoning.sse",
    "groq_tool_call": SHARED / "groq_tool_call.sse",
    "openai_refusal": SHARED / "openai_refusal.sse",
}
EVERY = pytest.mark.parametrize("name", PATHS)


def recorded(name: str) -> bytes:
    if not PATHS[name].is_file():
        pytest.skip(f"the recorded stream is not there: {PATHS[name]}")
    return PATHS[name].read_bytes()


def sse(chunks: Iterable[bytes]) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.flush()


class Fold:
    """One stream decoded and folded."""

    def __init__(self, events: Sequence[ServerSentEvent]) -> None:
        self.transcript = Transcript("local")
        self.unknown: list[str] = []
        self.record(MessageAdded(message_id="u", parent_id=None, role=Role.USER))
        self.record(RunStarted(parent_id="u"))
        decoder = ChatDecoder("run")
        for event in events:
            for each in decoder.decode(event.name, event.data, terminated=event.terminated):
                self.record(each)
        self.end: TurnFinished = decoder.finish()

    def record(self, event: Any) -> None:
        if isinstance(event, UnknownEvent):
            self.unknown.append(event.name)
        seq = self.transcript.seq + 1
        envelope = Envelope(thread="local", seq=seq, at=0.0, mono=0.0, event=event, run="run")
        self.transcript.apply(envelope)

    @property
    def contents(self) -> list[tuple[PartKind, str]]:
        """The parts as (kind, text or arguments)."""
        return [
            (part.kind, str(part.tool.arguments if part.tool else part.text))
            for part in self.transcript.path()[-1].parts
        ]


@cache
def folded(name: str) -> Fold:
    return Fold(sse([recorded(name)]))


@EVERY
def test_nothing_recorded_is_unknown_or_left_open(name: str) -> None:
    fold = folded(name)
    assert fold.unknown == []
    (message,) = fold.transcript.path()[1:]
    assert message.complete
    assert message.parts
    assert all(part.finished for part in message.parts)
    usage = fold.transcript.runs["run"].usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "interleaved",
            [
                ("call_a", "weather", '{"city": "Tōkyō"}'),
                ("call_b", "calculate", '{"expression": "17*23"}'),
                ("call_c", "current_time", '{"timezone": "Europe/Paris"}'),
            ],
        ),
        (
            "llamacpp_call",
            [("CTtNGRTrAnj16IBuBu6gXSoTRrg12Auq", "get_weather", '{"city": "Oslo"}')],
        ),
        (
            "llamacpp_timings",
            [("euAk2NUsR3DNa0hiJ6FblXfcwvu3fkUb", "get_weather", '{"city": "Paris"}')],
        ),
        ("groq_tool_call", [("tk85n1k4m", "weather", "{}")]),
    ],
)
def test_calls_wait_for_us(name: str, calls: list[tuple[str, str, str]]) -> None:
    fold = folded(name)
    assert fold.end.outcome is Outcome.REQUIRES_ACTION
    assert [(need.call_id, need.name, need.arguments) for need in fold.end.needs] == calls
    shown = [text for kind, text in fold.contents if kind is PartKind.TOOL_CALL]
    assert shown == [arguments for _, _, arguments in calls]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("llamacpp_text", "Hello, welcome to my little corner of the world."),
        ("openai_refusal", "I'm sorry, I can't assist with that request."),
    ],
)
def test_text(name: str, text: str) -> None:
    fold = folded(name)
    assert fold.end == TurnFinished(outcome=Outcome.COMPLETED)
    assert fold.contents == [(PartKind.TEXT, text)]


def test_thoughts_come_before_what_they_led_to() -> None:
    (thought, said) = folded("deepseek_reasoning").contents
    assert thought[0] is PartKind.REASONING
    assert thought[1].startswith('We need to count the number of the letter "r"')
    assert said == (PartKind.TEXT, 'The word "strawberry" contains three "r"s.')
    assert folded("interleaved").contents[:2] == [
        (PartKind.REASONING, "Tōkyō and Paris…"),
        (PartKind.TEXT, "Let me look: ☔ 😀"),
    ]


@EVERY
@given(cuts=st.lists(st.floats(0, 1), max_size=30))
def test_cut_anywhere_it_gives_the_same_transcript(name: str, cuts: list[float]) -> None:
    stream = recorded(name)
    at = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})
    chunks = [stream[a:b] for a, b in pairwise(at)]
    # Equal events fold to equal transcripts, so the fold itself is made once (below).
    assert sse(chunks) == sse([stream])


@EVERY
def test_byte_by_byte_it_gives_the_same_transcript(name: str) -> None:
    stream = recorded(name)
    bytewise = Fold(sse(stream[i : i + 1] for i in range(len(stream))))
    assert bytewise.transcript.view(times=False) == folded(name).transcript.view(times=False)
    assert bytewise.end == folded(name).end


@EVERY
@given(cut=st.floats(0, 1))
def test_ended_anywhere_it_is_a_prefix_and_says_so(name: str, cut: float) -> None:
    stream = recorded(name)
    events = sse([stream[: int(cut * len(stream))]])
    whole, part = folded(name), Fold(events)
    if any(map(_says_why_it_ends, events)):
        assert part.end == whole.end
    else:
        assert part.end.outcome is Outcome.TRUNCATED
    for part_id, found in part.transcript.parts.items():
        known = whole.transcript.parts[part_id]
        assert str(known.text).startswith(str(found.text))
        if found.tool and known.tool:
            assert str(known.tool.arguments).startswith(str(found.tool.arguments))
            assert (found.tool.name, found.tool.call_id) == (known.tool.name, known.tool.call_id)


def _says_why_it_ends(event: ServerSentEvent) -> bool:
    """Straight from the raw events: half a last word is none."""
    choices = objects(parse_object(event.data) or {}, "choices")
    return any(choice.get("finish_reason") for choice in choices)
