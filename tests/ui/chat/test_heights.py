"""Heights of rows: sums and look-ups as a plain list would give them, whatever was changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.ui.chat.heights import Heights

_SMALL = st.integers(0, 5)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), _SMALL, _SMALL),
        st.tuples(st.just("set"), st.integers(0, 40), _SMALL),
        st.tuples(st.just("truncate"), st.integers(0, 40), _SMALL),
    ),
    max_size=40,
)


@given(st.lists(_SMALL, max_size=40), _STEPS)
def test_it_is_a_list_with_sums(begin: list[int], steps: list[tuple[str, int, int]]) -> None:
    heights, plain = Heights(begin), list(begin)
    for what, position, height in steps:
        if what == "append":
            heights.append(height)
            plain.append(height)
        elif what == "truncate":
            heights.truncate(min(position, len(plain)))
            del plain[position:]
        elif plain:
            heights[position % len(plain)] = height
            plain[position % len(plain)] = height
    assert list(heights) == plain
    assert heights.total == sum(plain)
    assert [heights.top(i) for i in range(len(plain) + 1)] == [
        sum(plain[:i]) for i in range(len(plain) + 1)
    ]
    lines = [(row, line) for row, height in enumerate(plain) for line in range(height)]
    assert [heights.find(line) for line in range(sum(plain))] == lines
    if lines:
        assert heights.find(-3) == lines[0]
        assert heights.find(10**6) == lines[-1]
    else:
        assert heights.find(0) == (0, 0)
