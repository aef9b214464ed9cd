"""Streaming JSON is laid out the same whatever the fragments, and nothing shown ever changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.ui.arguments import Kind, PrettyArguments

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
_LAYOUTS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 3}, {"indent": "\t"}]
# Text that is often nearly JSON.
_NEARLY = st.text(alphabet='{}[]":, \n\t\\ntruefalsu0123456789.-+eE\x00x', max_size=30) | st.builds(
    lambda text, at, extra: text[: at % (len(text) + 1)] + extra + text[at % (len(text) + 1) :],
    _JSON.map(json.dumps),
    st.integers(0, 200),
    st.text(alphabet='{}[]":,\\ 0x\n', max_size=2),
)


def _shown(pretty: PrettyArguments) -> str:
    return "\n".join(line.text for line in pretty.lines)


def _chunks(data: st.DataObject, text: str) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = [0, *cuts, len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def _kinds(pretty: PrettyArguments) -> list[list[tuple[str, Kind]]]:
    """Every character with its kind: where pieces were joined is nobody's business."""
    return [[(c, kind) for text, kind in line.pieces for c in text] for line in pretty.lines]


@given(_JSON, st.sampled_from(_LAYOUTS), st.data())
def test_any_json_in_any_chunks_is_laid_out_like_dumps(
    value: Any, layout: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value, **layout)
    pretty = PrettyArguments()
    for chunk in _chunks(data, text):
        pretty.feed(chunk)
    assert _shown(pretty) == json.dumps(value, indent=2)
    assert json.loads(_shown(pretty)) == value
    assert str(pretty.raw) == text
    assert pretty.complete
    assert not pretty.problem
    assert _kinds(pretty) == _kinds(PrettyArguments(text))


@given(_JSON.map(json.dumps), st.data())
def test_no_prefix_of_json_is_called_invalid_and_nothing_shown_changes(
    text: str, data: st.DataObject
) -> None:
    pretty = PrettyArguments()
    before = ""
    for chunk in _chunks(data, text):
        pretty.feed(chunk)
        assert pretty.broken_at is None
        assert _shown(pretty).startswith(before)
        before = _shown(pretty)


def _is_json(text: str) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


@given(_NEARLY, st.data())
def test_complete_means_what_the_standard_parser_accepts(text: str, data: st.DataObject) -> None:
    pretty = PrettyArguments()
    for chunk in _chunks(data, text):
        pretty.feed(chunk)
    assert pretty.complete == _is_json(text)
    assert str(pretty.raw) == text
    assert _kinds(pretty) == _kinds(PrettyArguments(text))


@given(_NEARLY)
def test_what_follows_a_break_is_shown_exactly(text: str) -> None:
    pretty = PrettyArguments(text)
    if pretty.broken_at is None:
        return
    marked = "\n".join(
        "".join(piece for piece, kind in line.pieces if kind is Kind.INVALID)
        for line in pretty.lines
    )
    assert marked.endswith(text[pretty.broken_at :])
    assert marked.strip("\n") == text[pretty.broken_at :].strip("\n")
    assert f"character {pretty.broken_at + 1} " in pretty.problem
    # Everything before is the beginning of some JSON.
    assert PrettyArguments(text[: pretty.broken_at]).broken_at is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": 1,}', '{\n  "a": 1,\n  }'),
        ('{"a": tru}', '{\n  "a": tru}'),
        ("{'a': 1}", "{\n  'a': 1}"),
        ('{"a": 1} trailing', '{\n  "a": 1\n}\ntrailing'),
        ('{"a": "line\nbreak"}', '{\n  "a": "line\nbreak"}'),
        ("[01]", "[\n  01]"),
        ("just words\nand more", "just words\nand more"),
    ],
)
def test_where_it_breaks(text: str, shown: str) -> None:
    pretty = PrettyArguments(text)
    assert _shown(pretty) == shown
    assert pretty.problem
    assert pretty.lines[-1].pieces[-1][1] is Kind.INVALID


def test_text_that_need_not_be_json_is_no_problem() -> None:
    pretty = PrettyArguments("print('x')\n", lenient=True)
    assert _shown(pretty) == "print('x')\n"
    assert pretty.problem == ""
    assert {kind for line in pretty.lines for _, kind in line.pieces} == {Kind.PLAIN}


def test_plain_text_is_left_alone_even_if_it_is_json() -> None:
    pretty = PrettyArguments('{"a": 1}\n\nnext', plain=True)
    assert _shown(pretty) == '{"a": 1}\n\nnext'
    assert pretty.problem == ""


def test_kinds() -> None:
    pretty = PrettyArguments('{"k": ["s", -1.5e3, true, null]}')
    found = [(text, kind) for line in pretty.lines for text, kind in line.pieces]
    assert ('"k"', Kind.KEY) in found
    assert ('"s"', Kind.STRING) in found
    assert ("-1.5e3", Kind.NUMBER) in found
    assert ("true", Kind.LITERAL) in found
    assert ("null", Kind.LITERAL) in found


def _piece_lengths(pretty: PrettyArguments) -> Sequence[int]:
    return [len(text) for line in pretty.lines for text, _ in line.pieces]


def test_a_long_string_stays_in_bounded_pieces() -> None:
    """What is joined again for each fragment must not grow with the text."""
    pretty = PrettyArguments('{"code": "')
    for _ in range(5_000):
        pretty.feed("abcd")
    assert len(pretty.lines) == 2
    assert max(_piece_lengths(pretty)) <= 256
    assert len(_piece_lengths(pretty)) < 20_000 / 128


def test_depth_costs_nothing_until_it_is_read() -> None:
    pretty = PrettyArguments("[" * 100_000)
    assert len(pretty.lines) == 100_000
    assert pretty.lines[-1].depth == 99_999
