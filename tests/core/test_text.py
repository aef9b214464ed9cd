"""A text that grows: what is new can be had without the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.core.text import GrowingText


@given(st.lists(st.text("ab😀", max_size=4), max_size=8), st.integers(0, 40), st.booleans())
def test_since_is_a_slice(pieces: list[str], start: int, joined: bool) -> None:
    text = GrowingText()
    for piece in pieces:
        text.append(piece)
        if joined:
            str(text)
    whole = "".join(pieces)
    assert text.since(start) == whole[start:]
    assert len(text) == len(whole)


def test_a_replacement_can_be_told_from_growth() -> None:
    text = GrowingText("ab")
    text.append("c")
    assert text.replaced == 0
    text.replace("abc")
    assert text.replaced == 1
    assert text == GrowingText("abc")
