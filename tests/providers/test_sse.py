"""The event-stream decoder: any split of the bytes, odd line ends, odd streams."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.providers.sse import EventTooLargeError, ServerSentEvent, SseDecoder

NAMES = st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), max_size=12)
DATA = st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), min_size=1, max_size=30)
EVENTS = st.lists(st.tuples(NAMES, st.lists(DATA, min_size=1, max_size=3)), max_size=6)
LINE_ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def decode(*chunks: bytes) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return found + decoder.flush()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(EVENTS, st.data(), st.lists(st.integers(min_value=0), max_size=20))
def test_any_chunking_gives_the_events_that_were_written(
    events: list[tuple[str, list[str]]], data: st.DataObject, places: list[int]
) -> None:
    lines: list[str] = []
    for name, texts in events:
        lines += [":ping", f"event: {name}", *(f"data: {text}" for text in texts), ""]
    line_end = data.draw(LINE_ENDS)
    stream = "".join(line + line_end for line in lines).encode()
    expected = [
        ServerSentEvent(name=name or "message", data="\n".join(texts)) for name, texts in events
    ]
    assert decode(*cut(stream, places)) == expected


@given(st.binary(max_size=80), st.lists(st.integers(min_value=0), max_size=80))
def test_any_bytes_in_any_chunking_give_the_same(data: bytes, places: list[int]) -> None:
    assert decode(*cut(data, places)) == decode(data)


def test_a_byte_order_mark_is_dropped_once_however_it_is_split() -> None:
    stream = b"\xef\xbb\xbfevent: a\ndata: 1\n\n\xef\xbb\xbfdata: 2\n\n"
    expected = [ServerSentEvent(name="a", data="1")]
    assert decode(stream) == expected
    assert decode(*[bytes([byte]) for byte in stream]) == expected


def test_bytes_are_utf8_and_broken_ones_do_not_stop_the_stream() -> None:
    assert [e.data for e in decode("data: é\n\n".encode() + b"data: \xff\n\n")] == ["é", "\ufffd"]


def test_the_exact_text_is_kept() -> None:
    (event,) = decode(b'data:  {"a" : 1} \ndata:b\n\n')
    assert event.data == ' {"a" : 1} \nb'


def test_an_event_without_data_is_skipped_and_its_name_forgotten() -> None:
    assert decode(b"event: a\n\nid: 7\n\n:ping\n\ndata:\n\ndata: x\n\n") == [
        ServerSentEvent(name="message", data="x")
    ]


def test_what_the_end_cuts_off_is_marked() -> None:
    assert decode(b"event: a\ndata: {}\n\nevent: b\ndata: {") == [
        ServerSentEvent(name="a", data="{}"),
        ServerSentEvent(name="b", data="{", terminated=False),
    ]
    assert decode(b"event: a\ndata: {}\n") == [
        ServerSentEvent(name="a", data="{}", terminated=False)
    ]


def test_keep_alives_are_counted() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b": ping\r\n:\r\n\r\n") == []
    assert decoder.keep_alives == 2


def test_an_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: x\r\n") == []
    assert decoder.feed(b"\r") == [ServerSentEvent(name="message", data="x")]
    assert decoder.feed(b"\ndata: y\r\n\r\n") == [ServerSentEvent(name="message", data="y")]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: 123456\n" * 20])
def test_an_event_beyond_the_limit_is_refused_in_words(stream: bytes) -> None:
    decoder = SseDecoder(limit=100)
    with pytest.raises(EventTooLargeError, match="100 bytes") as caught:
        decoder.feed(stream)
    assert caught.value.hint


def test_many_small_events_are_no_large_one() -> None:
    decoder = SseDecoder(limit=100)
    assert len(decoder.feed(b"data: 123456\n\n" * 50)) == 50
