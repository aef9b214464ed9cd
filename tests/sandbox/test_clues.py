"""What is found in a message: names, numbers, dates, quotes, formulas, places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.sandbox.arithmetic import find_formulas
from tui.sandbox.clues import ClueKind, find_clues

K = ClueKind


def found(text: str, kind: ClueKind) -> list[Any]:
    return [clue.value for clue in find_clues(text) if clue.kind is kind]


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("pay 1,000.5 or -3 or 1e3, two times", K.NUMBER, [1000.5, -3, 1000.0, 2]),
        ("v2, AB-123 and 7", K.NUMBER, [7]),
        ("v2, AB-123 and 7", K.CODE, ["v2", "AB-123"]),
        (
            "on 2026-03-05, March 6, 2026 and 7th May 2026",
            K.DATE,
            ["2026-03-05", "2026-03-06", "2026-05-07"],
        ),
        ("2026-13-05", K.DATE, []),
        ("at 9:30 and 23:05:07", K.CLOCK, ["09:30:00", "23:05:07"]),
        (
            "mail bob@example.com, or ann.x+y@a-b.org.",
            K.EMAIL,
            ["bob@example.com", "ann.x+y@a-b.org"],
        ),
        ("see https://example.com/a?b=1.", K.URL, ["https://example.com/a?b=1"]),
        ("open notes.txt and ./src/main.py", K.PATH, ["notes.txt", "./src/main.py"]),
        ("say \"a b\" or 'don't go' or `x` or “y”", K.QUOTED, ["a b", "don't go", "x", "y"]),
        ("it's Bob's and don't", K.QUOTED, []),
        ("Ask Ada Lovelace. Tell Bob about JSON", K.NAME, ["Ada Lovelace", "Bob"]),
        ("Paris, tokyo and New York please", K.NAME, ["Paris", "Tokyo", "New York"]),
        (
            "Paris, tokyo and New York please",
            K.ZONE,
            ["Europe/Paris", "Asia/Tokyo", "America/New_York"],
        ),
        ("in Ulan Bator or Europe/Oslo", K.ZONE, ["Ulan_Bator", "Europe/Oslo"]),
        ("'Rome' 12 \"13\"", K.NUMBER, [12]),
    ],
)
def test_clues(text: str, kind: ClueKind, values: list[Any]) -> None:
    assert found(text, kind) == values


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("what is 17*23?", ["17*23"]),
        ("what is 17 times 23 plus (4 - 2)?", ["17 * 23 + (4 - 2)"]),
        ("(what is 2+3)", ["2+3"]),
        ("(2+3)*4, and ((1+1", ["(2+3)*4", "1+1"]),
        ("2^10 and 3 squared", ["2**10", "3**2"]),
        ("1,000 \u00f7 4 \u00d7 2", ["1000 / 4 * 2"]),
        ("sqrt(16) + 1", ["sqrt(16) + 1"]),
        ("-3 + 5", ["-3 + 5"]),
        ("20% of 50", ["20/100 * 50"]),
        ("what is 8/2?", ["8/2"]),
        ("open 24/7 for 3-5 people", []),
        ("version 3.11.2 of x86", []),
        ("just 5", []),
    ],
)
def test_formulas(text: str, formulas: list[str]) -> None:
    assert [formula for _, _, formula in find_formulas(text)] == formulas


@given(st.text(max_size=300))
def test_clues_lie_in_the_text_in_order(text: str) -> None:
    clues = find_clues(text)
    assert all(0 <= clue.start < clue.end <= len(text) for clue in clues)
    assert [clue.start for clue in clues] == sorted(clue.start for clue in clues)


@given(st.text(alphabet="0123456789+-*/().,% e", max_size=60))
def test_formulas_are_balanced_and_hold_nothing_else(text: str) -> None:
    for start, end, formula in find_formulas(f"what is {text}"):
        assert 8 <= start < end
        assert formula.count("(") == formula.count(")")
        assert set(formula) <= set("0123456789+-*/().% eE")
