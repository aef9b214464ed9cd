"""Rows: as wide as allowed, safe to write, and the same however the text arrived."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.core.sanitise import sanitise
from tui.ui.arguments import PrettyArguments
from tui.ui.inspector.rows import Row, Rows

_TEXT = st.text(
    alphabet=st.sampled_from(
        'abc de"\\n\\u0041{}[]:,1\t\n\x1b\u202e\u200d\ufe0f\u20e3👩💻❤東é\u0301'
    ),
    max_size=80,
) | st.lists(st.text(max_size=20)).map(json.dumps)
_WIDTHS = st.integers(1, 12) | st.integers(13, 100)


def _texts(rows: Rows) -> list[str]:
    return [_text(rows[index]) for index in range(len(rows))]


def _text(row: Row) -> str:
    return "".join(text for text, _ in row)


@given(_TEXT, _WIDTHS, st.booleans(), st.data())
def test_rows_do_not_depend_on_the_chunks(
    text: str, width: int, plain: bool, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    source = PrettyArguments(plain=plain)
    rows = Rows(source, width)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        before = [list(rows[index]) for index in range(len(rows))]
        source.feed(text[start:end])
        first = rows.update()
        assert [rows[index] for index in range(first)] == before[:first]
    whole = Rows(PrettyArguments(text, plain=plain), width)
    assert _texts(rows) == _texts(whole)
    assert [rows[i] for i in range(len(rows))] == [whole[i] for i in range(len(whole))]


def test_an_escape_wider_than_the_view_does_not_depend_on_the_chunks_either() -> None:
    text = r'["\u001f"]'
    source = PrettyArguments()
    rows = Rows(source, 6)
    for piece in (text[:6], text[6:]):
        source.feed(piece)
        rows.update()
    assert _texts(rows) == _texts(Rows(PrettyArguments(text), 6))


@given(_TEXT, _WIDTHS, st.booleans())
def test_rows_fit_and_are_safe(text: str, width: int, plain: bool) -> None:
    for row in _texts(Rows(PrettyArguments(text, plain=plain), width)):
        assert cell_len(row.removesuffix(" ")) <= width
        assert sanitise(row) == row
        assert "\t" not in row
        assert "\n" not in row


@given(st.text(alphabet="abc de\\{}[]東é\x1b\u202e", max_size=200), st.integers(8, 60))
def test_nothing_is_lost_in_plain_text(text: str, width: int) -> None:
    assert "".join(_texts(Rows(PrettyArguments(text, plain=True), width))) == sanitise(text)


def _json_rows(value: Any, width: int) -> list[str]:
    return _texts(Rows(PrettyArguments(json.dumps(value)), width))


def test_words_are_kept_whole() -> None:
    rows = _texts(Rows(PrettyArguments("the quick brown fox jumps", plain=True), 10))
    assert rows == ["the quick ", "brown fox ", "jumps"]


def test_the_space_between_two_rows_does_not_begin_one() -> None:
    rows = _texts(Rows(PrettyArguments("12345 67890 x", plain=True), 5))
    assert rows == ["12345 ", "67890 ", "x"]


def test_code_in_a_string_breaks_where_its_lines_do() -> None:
    assert _json_rows({"code": "def f():\n    return 1\n"}, 40) == [
        "{",
        '  "code": "def f():\\n',
        '        return 1\\n"',
        "}",
    ]


def test_a_backslash_before_n_is_no_line_feed() -> None:
    assert _json_rows(["C:\\new"], 40) == ["[", '  "C:\\\\new"', "]"]


def test_an_escape_is_not_torn() -> None:
    assert _json_rows(["abcde\u00e9f"], 12) == ["[", '  "abcde', '    \\u00e9f"', "]"]


@pytest.mark.parametrize(("width", "indent"), [(40, 12), (20, 10), (3, 1), (1, 0)])
def test_deep_nesting_keeps_half_of_the_width(width: int, indent: int) -> None:
    rows = _json_rows([[[[[[1]]]]]], width)
    deepest = next(row for row in rows if "1" in row)
    assert deepest == " " * indent + "1"


def test_wide_characters_are_not_cut_in_half() -> None:
    assert _texts(Rows(PrettyArguments("東京都庁", plain=True), 5)) == ["東京", "都庁"]
    assert _texts(Rows(PrettyArguments("東a", plain=True), 1)) == ["\ufffd", "a"]


def test_tabs_become_spaces_up_to_the_next_stop() -> None:
    assert _texts(Rows(PrettyArguments("a\tb\t\tc", plain=True), 40)) == ["a   b       c"]


def test_only_the_end_is_laid_out_again() -> None:
    source = PrettyArguments('{"text": "')
    rows = Rows(source, 40)
    for _ in range(2_000):
        source.feed("word ")
        assert rows.update() >= len(rows) - 3
