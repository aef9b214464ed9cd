"""Whole recorded runs under every chunking: the same transcript; cut anywhere: a prefix of it.

``interleaved.*.sse`` is this project's own: three parallel calls whose indexes interleave, two text
parts that do, ids repeated in deltas, a byte-order mark, comments, CRLF in the second stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tui.core.events import Envelope, MessageAdded, ProviderEvent, RunStarted, TurnFinished
from tui.core.models import Outcome, Role
from tui.core.transcript import Transcript
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.sse import ServerSentEvent, SseDecoder

OWN = Path(__file__).parent / "assistants"
SHARED = Path(__file__).parents[3] / "shared" / "recordings" / "assistants"
RUNS = {
    "interleaved": (OWN, ("interleaved.1.sse", "interleaved.2.sse")),
    "text": (SHARED, ("text.sse",)),
    "tool_call": (SHARED, ("tool_call.1.sse", "tool_call.2.sse")),
}
TERMINAL = ("thread.run.completed", "thread.run.requires_action")

Streams = Sequence[bytes]


@pytest.fixture(params=RUNS)
def streams(request: pytest.FixtureRequest) -> Streams:
    folder, names = RUNS[request.param]
    if not folder.is_dir():
        pytest.skip(f"the recorded streams are not there: {folder}")
    return [(folder / name).read_bytes() for name in names]


def sse(chunks: Iterable[bytes]) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.flush()


class Fold:
    """One run decoded and folded, stream by stream."""

    def __init__(self) -> None:
        self.decoder = AssistantsDecoder()
        self.transcript = Transcript("local")
        self.ends: list[TurnFinished] = []
        self.record(MessageAdded(message_id="u", parent_id=None, role=Role.USER))
        self.record(RunStarted(parent_id="u"))

    def record(self, event: Any) -> None:
        seq = self.transcript.seq + 1
        envelope = Envelope(thread="local", seq=seq, at=0.0, mono=0.0, event=event, run="run")
        self.transcript.apply(envelope)

    def stream(self, events: Iterable[ServerSentEvent]) -> None:
        for event in events:
            found: list[ProviderEvent] = self.decoder.decode(
                event.name, event.data, terminated=event.terminated
            )
            for each in found:
                self.record(each)
        self.ends.append(self.decoder.finish())
        self.record(self.ends[-1])

    def all(self, streams: Iterable[Iterable[bytes]]) -> Fold:
        for chunks in streams:
            self.stream(sse(chunks))
        return self

    @property
    def view(self) -> dict[str, Any]:
        return self.transcript.view(times=False)


def test_the_recordings_say_what_they_are_known_to_say(streams: Streams) -> None:
    fold = Fold().all([stream] for stream in streams)
    assert [end.outcome for end in fold.ends[:-1]] == [Outcome.REQUIRES_ACTION] * (len(streams) - 1)
    assert fold.ends[-1].outcome is Outcome.COMPLETED
    assert fold.transcript.runs["run"].usage is not None
    assert fold.transcript.path()[-1].text
    assert all(part.finished for part in fold.transcript.parts.values())


def test_the_interleaved_run_comes_out_in_order() -> None:
    folder, names = RUNS["interleaved"]
    fold = Fold().all([(folder / name).read_bytes()] for name in names)
    calls = [part.tool for part in fold.transcript.messages["step_il"].parts]
    assert [(c.name, str(c.arguments), str(c.output)) for c in calls if c] == [
        ("weather", '{"city": "Tōkyō", "units": "metric"}', "18 °C, rain"),
        ("calculate", '{"expression": "17*23"}', "391"),
        ("current_time", '{"timezone": "Europe/Paris"}', "14:05"),
    ]
    assert [need.call_id for need in fold.ends[0].needs] == ["call_a", "call_b", "call_c"]
    assert fold.transcript.path()[-1].text == (
        "In **Tōkyō** it is 18 °C ☔ and 17*23 = 391.\n\nParis: 14:05 😀"
    )


def test_byte_by_byte_gives_the_same_transcript(streams: Streams) -> None:
    whole = Fold().all([stream] for stream in streams)
    bytewise = Fold().all((stream[i : i + 1] for i in range(len(stream))) for stream in streams)
    assert bytewise.view == whole.view
    assert bytewise.ends == whole.ends


def test_a_split_at_every_byte_gives_the_same_events(streams: Streams) -> None:
    """Equal events fold to equal transcripts, so the fold itself is made once (above)."""
    for stream in streams:
        whole = sse([stream])
        for at in range(len(stream) + 1):
            assert sse([stream[:at], stream[at:]]) == whole, at


def test_a_split_at_every_event_boundary_and_inside_gives_the_same_transcript(
    streams: Streams,
) -> None:
    whole = Fold().all([stream] for stream in streams)
    for number, stream in enumerate(streams):
        for at in _interesting(stream):
            chunked: list[list[bytes]] = [[other] for other in streams]
            chunked[number] = [stream[:at], stream[at:]]
            assert Fold().all(chunked).view == whole.view, at


def test_ended_at_every_byte_it_is_a_prefix_and_says_so(streams: Streams) -> None:
    """The last stream is cut; the outcome is truncated unless a whole terminal event was there.

    Cuts that leave the same events give the same fold, so each is folded once.
    """
    *earlier, last = streams
    whole = Fold().all([stream] for stream in streams)
    texts, arguments = _contents(whole.transcript)
    seen: dict[tuple[ServerSentEvent, ...], Fold] = {}
    for at in range(len(last) + 1):
        events = tuple(sse([last[:at]]))
        if events and not events[-1].terminated and not events[-1].data.endswith("}"):
            # Half an event is dropped whatever its length: one of each is enough.
            half = events[-1].data[: len(events[-1].data) // 400 * 400] or "{"
            events = (
                *events[:-1],
                ServerSentEvent(name=events[-1].name, data=half, terminated=False),
            )
        if events in seen:
            continue
        fold = seen[events] = Fold().all([stream] for stream in earlier)
        fold.stream(events)
        assert fold.ends[-1].outcome is _expected(events), at
        cut_texts, cut_arguments = _contents(fold.transcript)
        _assert_prefix(cut_texts, texts)
        _assert_prefix(cut_arguments, arguments)
        assert (
            list(fold.transcript.messages)
            == list(whole.transcript.messages)[: len(fold.transcript.messages)]
        )


def _expected(events: Sequence[ServerSentEvent]) -> Outcome:
    """Straight from the raw events: the last whole terminal one, or truncated."""
    for event in reversed(events):
        whole = event.terminated or event.data.endswith("}")
        if event.name in TERMINAL and whole and event.data.count("{") == event.data.count("}"):
            return Outcome(event.name.removeprefix("thread.run."))
    return Outcome.TRUNCATED


def _contents(transcript: Transcript) -> tuple[dict[str, str], dict[str, str]]:
    texts = {part.id: str(part.text) for part in transcript.parts.values()}
    arguments = {
        part.id: str(part.tool.arguments) for part in transcript.parts.values() if part.tool
    }
    return texts, arguments


def _assert_prefix(cut: dict[str, str], whole: dict[str, str]) -> None:
    for part_id, text in cut.items():
        assert whole[part_id].startswith(text), part_id


def _interesting(stream: bytes) -> list[int]:
    """Just before, in and after each line end, and inside each multi-byte character."""
    ends = {at + shift for at, byte in enumerate(stream) if byte in b"\r\n" for shift in (0, 1)}
    inside = {at for at, byte in enumerate(stream) if byte & 0xC0 == 0x80}
    return sorted(ends | inside)
