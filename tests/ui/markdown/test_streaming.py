"""However a message arrives, the finished lines are the same, and frozen lines never change."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.strip import Strip

from tests.ui.markdown.documents import DOCUMENT
from tui.core.sanitise import sanitise
from tui.ui.markdown import Line, MarkdownStream, palette_of, render
from tui.ui.themes import THEMES

_REFERENCE = (Path(__file__).parent / "reference.md").read_text(encoding="utf-8")
_PALETTE = palette_of(THEMES[0])
_WIDTHS = st.sampled_from([1, 2, 4, 5, 9, 20, 40, 80])


def _streamed(text: str, width: int, cuts: list[int], final: list[Line]) -> MarkdownStream:
    """Feed ``text`` in pieces, and look at every state on the way."""
    stream = MarkdownStream(width)
    shown: list[Line] = []
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        stream.append(text[start:end])
        lines = list(stream.lines)
        assert lines[: stream.frozen] == final[: stream.frozen]
        changed = stream.take_changed()
        assert lines[:changed] == shown[:changed]
        shown = lines
    return stream


def _check_lines(stream: MarkdownStream, text: str) -> None:
    place = 0
    for line in stream.lines:
        assert place <= line.start <= line.end
        place = line.end
        strip = line.paint(_PALETTE)
        assert strip.cell_length == Strip(list(strip)).cell_length
        assert stream.width < 4 or strip.cell_length <= stream.width
        assert sanitise(line.plain) == line.plain
        assert "\n" not in line.plain
        assert "\t" not in line.plain
    assert place <= len(text)


@settings(max_examples=120)
@given(DOCUMENT, st.lists(st.integers(0, 10_000), max_size=12), _WIDTHS)
def test_every_chunking_gives_the_same_lines(text: str, cuts: list[int], width: int) -> None:
    once = render(text, width)
    final = list(once.lines)
    stream = _streamed(text, width, cuts, final)
    stream.finish()
    assert list(stream.lines) == final
    assert stream.blocks == once.blocks
    assert stream.frozen == len(final)
    assert [stream.code(index) for index in range(len(once.blocks))] == [
        once.code(index) for index in range(len(once.blocks))
    ]
    _check_lines(stream, text)


@settings(max_examples=50)
@given(DOCUMENT, _WIDTHS, _WIDTHS, st.booleans())
def test_another_width_gives_the_lines_of_that_width(
    text: str, old: int, new: int, finished: bool
) -> None:
    stream = MarkdownStream(old)
    stream.append(text)
    if finished:
        stream.finish()
    assert stream.frozen <= len(stream.lines)
    stream.resize(new)
    fresh = MarkdownStream(new)
    fresh.append(text)
    if finished:
        fresh.finish()
    if finished or "]:" not in text:  # what was once defined stays known
        assert list(stream.lines) == list(fresh.lines)
    _check_lines(stream, text)


@pytest.mark.parametrize("size", [97, 2048, 5000])
@pytest.mark.parametrize("start", ["", "# ", "- ", "| a ", "```\n", "```", "<div ", "    ", "> "])
def test_long_lines_arrive_in_any_pieces(start: str, size: int) -> None:
    text = start + ("word *it* " * size)[: size - len(start)] + "\nnext"
    final = list(render(text, 60).lines)
    stream = _streamed(text, 60, list(range(0, len(text), 100)), final)
    stream.finish()
    assert list(stream.lines) == final


@pytest.mark.parametrize("width", [7, 40, 100])
def test_the_reference_arrives_in_small_pieces(width: int) -> None:
    final = list(render(_REFERENCE, width).lines)
    stream = _streamed(_REFERENCE, width, list(range(0, len(_REFERENCE), 3)), final)
    stream.finish()
    assert list(stream.lines) == final
    _check_lines(stream, _REFERENCE)
