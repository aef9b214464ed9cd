"""Every message survives its line, in any pieces, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.models import ToolSpec
from tui.tools.protocol import (
    MAX_LINE,
    MAX_TEXT,
    CallTool,
    CancelTool,
    Output,
    Ready,
    Reply,
    Request,
    Result,
    clip,
    decode_reply,
    decode_request,
    encode_line,
    storable,
)

TEXT = st.text(st.characters())  # half surrogates and control characters included
SPECS = st.builds(
    ToolSpec,
    name=TEXT,
    description=TEXT,
    parameters=st.dictionaries(TEXT, st.none() | st.integers() | TEXT),
    read_only=st.booleans(),
    strict=st.booleans(),
)
REQUESTS = st.builds(CallTool, call=st.integers(0), name=TEXT, arguments=TEXT) | st.builds(
    CancelTool, call=st.integers(0)
)
REPLIES = st.one_of(
    st.builds(Ready, tools=st.lists(SPECS).map(tuple), problems=st.lists(TEXT).map(tuple)),
    st.builds(Output, call=st.integers(0), text=TEXT),
    st.builds(Result, call=st.integers(0), text=TEXT, is_error=st.booleans()),
)


@given(st.lists(REPLIES))
def test_replies_survive(replies: list[Reply]) -> None:
    stream = b"".join(map(encode_line, replies))
    assert stream.isascii()
    assert [decode_reply(line) for line in stream.splitlines(keepends=True)] == replies


@given(REQUESTS)
def test_requests_survive(request: Request) -> None:
    line = encode_line(request)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_request(line) == request


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["type", "call", "text", "tools", "problems", "name"]), inner
        )
    ),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_a_value_error(line: bytes) -> None:
    for decode in (decode_reply, decode_request):
        with contextlib.suppress(ValueError):
            decoded = decode(line)
            assert isinstance(decoded, CallTool | CancelTool | Ready | Output | Result)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"output","call":1}',
        b'{"type":"output","call":1,"text":5}',
        b'{"type":"result","text":"x"}',
        b'{"type":"result","call":1,"text":"x","more":1}',
        b'{"type":"ready","tools":[{"nam":"x"}],"problems":[]}',
        b'{"type":"ready"}',
        b'{"type":["ready"]}',
        b"[" * 100_000,
    ],
)
def test_replies_that_are_not(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # many reasons, one kind of error
        decode_reply(line)


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    text = clip("x" * (MAX_TEXT + 1234))
    assert text.startswith("x" * MAX_TEXT + "\n[")
    assert "1,234 more characters were cut" in text
    assert clip("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_the_longest_line_fits() -> None:
    worst = clip("\U0001f600" * (MAX_TEXT + 1))
    assert len(encode_line(Result(call=1, text=worst))) < MAX_LINE


@given(TEXT)
def test_what_is_kept_can_be_stored(text: str) -> None:
    kept = storable(text)
    assert kept.encode().decode() == kept
    assert kept == text or any("\ud800" <= character <= "\udfff" for character in text)
