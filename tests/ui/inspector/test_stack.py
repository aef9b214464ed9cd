"""Rooms for calls: always within the height, the open ones first, nobody starves for nothing."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from tui.ui.inspector.stack import Slot, arrange


@st.composite
def _situations(draw: st.DrawFn) -> tuple[int, dict[int, int], int, int | None]:
    count = draw(st.integers(1, 60))
    first = draw(st.integers(0, count - 1))
    last = draw(st.integers(first, min(count - 1, first + 9)))
    needs = {call: draw(st.integers(0, 80)) for call in range(first, last + 1)}
    chosen = draw(st.none() | st.sampled_from(sorted(needs)))
    return count, needs, draw(st.integers(1, 60)), chosen


@given(_situations())
def test_slots_fit_and_account_for_every_call(
    given_: tuple[int, dict[int, int], int, int | None],
) -> None:
    count, needs, height, chosen = given_
    slots = arrange(count, needs, height, chosen=chosen)
    assert sum(1 + slot.rows for slot in slots) <= height
    shown = [slot.call for slot in slots if not slot.hidden]
    assert shown == sorted(set(shown))
    assert set(shown) <= set(range(count))
    assert all(slot.rows <= needs.get(slot.call, 0) for slot in slots)
    if len(needs) <= height:
        assert set(needs) <= set(shown)
    if chosen is not None:
        assert chosen in shown


@given(_situations())
def test_no_row_is_wasted_while_somebody_needs_it(
    given_: tuple[int, dict[int, int], int, int | None],
) -> None:
    count, needs, height, chosen = given_
    assume(len(needs) <= height)
    slots = arrange(count, needs, height, chosen=chosen)
    wanted = sum(needs.values()) + count
    assert sum(1 + slot.rows for slot in slots) == min(height, wanted)


def test_the_open_ones_share_evenly_and_small_ones_leave_the_rest() -> None:
    assert arrange(3, {0: 2, 1: 50, 2: 50}, 23) == [Slot(0, 2), Slot(1, 9), Slot(2, 9)]


def test_the_chosen_one_is_served_first() -> None:
    assert arrange(2, {0: 10, 1: 15}, 22, chosen=1) == [Slot(0, 5), Slot(1, 15)]


def test_what_is_left_out_is_counted() -> None:
    slots = arrange(30, {29: 100}, 20)
    assert slots[0] == Slot(hidden=25)
    assert [slot.call for slot in slots[1:]] == [25, 26, 27, 28, 29]
    assert slots[-1].rows == 14


def test_eight_at_once_all_have_room() -> None:
    slots = arrange(8, dict.fromkeys(range(8), 30), 36)
    assert all(slot.rows >= 3 for slot in slots)


def test_more_calls_than_rows() -> None:
    assert [slot.call for slot in arrange(9, dict.fromkeys(range(9), 3), 4)] == [5, 6, 7, 8]
    assert 1 in [slot.call for slot in arrange(9, dict.fromkeys(range(9), 3), 4, chosen=1)]
