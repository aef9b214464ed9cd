"""A text that grows: what is new can be had without the rest."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from tui.core.text import GrowingText


@given(
    st.lists(st.text("ab😀", max_size=4), max_size=12),
    st.integers(0, 40),
    st.sets(st.integers(0, 11)),
)
def test_its_beginning_and_its_end_are_slices(
    pieces: list[str], place: int, read_after: set[int]
) -> None:
    text = GrowingText()
    with patch("tui.core.text._LOOSE", 3):
        for number, piece in enumerate(pieces):
            text.append(piece)
            if number in read_after:
                str(text)
    whole = "".join(pieces)
    assert text.since(place) == whole[place:]
    assert text.head(place) == whole[:place]
    assert str(text) == whole
    assert len(text) == len(whole)


def test_a_replacement_can_be_told_from_growth() -> None:
    text = GrowingText("ab")
    text.append("c")
    assert text.replaced == 0
    text.replace("abc")
    assert text.replaced == 1
    assert text == GrowingText("abc")
