"""Recorded Responses streams: what they are known to hold, under every chunking, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.events import Envelope, MessageAdded, RunStarted, TurnFinished, UnknownEvent
from tui.core.models import Outcome, PartKind, Role, ToolOrigin
from tui.core.transcript import Transcript
from tui.providers.responses.decode import ResponsesDecoder
from tui.providers.sse import ServerSentEvent, SseDecoder

OWN = Path(__file__).parent / "responses"
SHARED = Path(__file__).parents[3] / "shared" / "recordings" / "responses"
LLAMA = ["llamacpp_text", "llamacpp_tool_call"]
NAMES = [
    "azure_tool_call",
    "code_interpreter",
    "function_call",
    "lmstudio_tool_call",
    "mcp_tool",
    "text",
]


def recorded(name: str) -> bytes:
    path = (OWN if name in LLAMA else SHARED) / f"{name}.sse"
    if not path.is_file():
        pytest.skip(f"the recorded stream is not there: {path}")
    return path.read_bytes()


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
        decoder = ResponsesDecoder("run")
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
    def view(self) -> dict[str, Any]:
        return self.transcript.view(times=False)

    @property
    def contents(self) -> list[tuple[PartKind, str]]:
        """The parts as (kind, text or arguments)."""
        return [
            (part.kind, str(part.tool.arguments if part.tool else part.text))
            for part in self.transcript.path()[-1].parts
        ]


def folded(name: str) -> Fold:
    return Fold(sse([recorded(name)]))


@pytest.mark.parametrize("name", [*NAMES, *LLAMA])
def test_nothing_recorded_is_unknown_or_left_open(name: str) -> None:
    fold = folded(name)
    assert fold.unknown == []
    assert fold.transcript.parts
    assert all(part.finished for part in fold.transcript.parts.values())
    (message,) = fold.transcript.path()[1:]
    assert message.complete
    usage = fold.transcript.runs["run"].usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


@pytest.mark.parametrize(
    ("name", "tool", "call_id", "arguments"),
    [
        (
            "azure_tool_call",
            "weather",
            "call_H5DxLSFnsGhiROnUiDHmgyc8",
            '{"location":"San Francisco"}',
        ),
        (
            "function_call",
            "get_weather_at_location",
            "call_0UFGPwrziw5rbinYp7rthrTb",
            '{"location":"San Francisco, CA"}',
        ),
        ("lmstudio_tool_call", "weather", "call_2025306790300011", '{"location":"San Francisco"}'),
        (
            "llamacpp_tool_call",
            "get_weather",
            "call_PK3eIMeWMzkxwOHuxnIV5kgKoA2nredc",
            '{"city": "Oslo"}',
        ),
    ],
)
def test_function_calls_wait_for_us(name: str, tool: str, call_id: str, arguments: str) -> None:
    fold = folded(name)
    assert fold.end.outcome is Outcome.REQUIRES_ACTION
    (need,) = fold.end.needs
    assert (need.name, need.call_id, need.arguments) == (tool, call_id, arguments)
    assert fold.contents[-1] == (PartKind.TOOL_CALL, arguments)


def test_lmstudio_thinks_and_says_before_it_calls() -> None:
    (thought, said, _) = folded("lmstudio_tool_call").contents
    assert thought[0] is PartKind.REASONING
    assert thought[1].startswith("The user is asking for the weather in San Francisco.")
    assert said == (
        PartKind.TEXT,
        "I'll get the current weather information for San Francisco for you.",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text", "Hello! How can I assist you today?"),
        ("llamacpp_text", "Hello, welcome to my little corner of the world."),
    ],
)
def test_text(name: str, text: str) -> None:
    fold = folded(name)
    assert fold.end == TurnFinished(outcome=Outcome.COMPLETED)
    assert fold.contents == [(PartKind.TEXT, text)]


def test_the_code_interpreter_shows_code_results_and_the_file_it_made() -> None:
    fold = folded("code_interpreter")
    assert fold.end == TurnFinished(outcome=Outcome.COMPLETED)
    *calls, text = fold.transcript.path()[-1].parts
    tools = [part.tool for part in calls if part.tool]
    assert [tool.name for tool in tools] == ["code_interpreter"] * 3
    assert {tool.origin for tool in tools} == {ToolOrigin.HOSTED}
    assert str(tools[0].arguments).startswith("import random, math\nN=10000\n")
    assert [str(tool.output) for tool in tools][:2] == [
        "(2, 12, 69868, 6.9868)",
        "(PosixPath('/mnt/data/roll2dice_sums_10000.csv'), True, 10000)",
    ]
    assert str(text.text).startswith("Here\u2019s a simulation of rolling two fair six-sided dice")
    assert [each["filename"] for each in text.annotations] == ["roll2dice_sums_10000.csv"]


def test_a_list_of_remote_tools_names_its_server() -> None:
    fold = folded("mcp_tool")
    listed, text = fold.transcript.path()[-1].parts
    assert listed.tool is not None
    assert (listed.tool.origin, listed.tool.server) == (ToolOrigin.REMOTE_MCP, "zip1")
    names = [line.partition(":")[0] for line in str(listed.tool.output).splitlines()]
    assert names[:2] == ["create_short_url", "get_url_stats"]
    assert str(text.text).startswith("I wasn\u2019t able to create the short link")


@pytest.mark.parametrize("name", [*NAMES, *LLAMA])
@given(cuts=st.lists(st.floats(0, 1), max_size=30))
def test_cut_anywhere_it_gives_the_same_transcript(name: str, cuts: list[float]) -> None:
    stream = recorded(name)
    at = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})
    chunks = [stream[a:b] for a, b in pairwise(at)]
    # Equal events fold to equal transcripts, so the fold itself is made once (below).
    assert sse(chunks) == sse([stream])


@pytest.mark.parametrize("name", [*NAMES, *LLAMA])
def test_byte_by_byte_it_gives_the_same_transcript(name: str) -> None:
    stream = recorded(name)
    bytewise = Fold(sse(stream[i : i + 1] for i in range(len(stream))))
    assert bytewise.view == folded(name).view
    assert bytewise.end == folded(name).end


@pytest.mark.parametrize("name", [*NAMES, *LLAMA])
@given(cut=st.floats(0, 1))
def test_ended_anywhere_it_is_a_prefix_and_says_so(name: str, cut: float) -> None:
    stream = recorded(name)
    events = sse([stream[: int(cut * len(stream))]])
    whole, part = folded(name), Fold(events)
    # Straight from the raw events: half a last word is none.
    last = [each for each in events if each.name == "response.completed"]
    is_whole = bool(last) and last[0].data.count("{") == last[0].data.count("}")
    assert part.end == whole.end if is_whole else part.end.outcome is Outcome.TRUNCATED
    for part_id, found in part.transcript.parts.items():
        known = whole.transcript.parts[part_id]
        assert str(known.text).startswith(str(found.text))
        if found.tool and known.tool:
            assert str(known.tool.arguments).startswith(str(found.tool.arguments))
            assert (found.tool.name, found.tool.call_id) == (known.tool.name, known.tool.call_id)


@pytest.mark.parametrize("name", [*NAMES, *LLAMA])
def test_without_indexes_and_numbers_it_is_the_same(name: str) -> None:
    """As llama.cpp sends it: items are known by their ids alone."""
    events = []
    for event in sse([recorded(name)]):
        if event.data == "[DONE]":
            continue
        body = json.loads(event.data)
        body.pop("output_index", None)
        body.pop("sequence_number", None)
        events.append(ServerSentEvent(name="", data=json.dumps(body), terminated=True))
    assert Fold(events).contents == folded(name).contents
