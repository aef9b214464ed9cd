"""Shares the rows of a view among tool calls: who is shown open, and with how much room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """A call's place: its heading and ``rows`` below it. ``hidden`` calls are left out here.

    A slot with ``hidden`` has no call: it is the one line that stands for those left out.
    """

    call: int = -1
    rows: int = 0
    hidden: int = 0


def arrange(
    count: int, needs: Mapping[int, int], height: int, *, chosen: int | None = None
) -> list[Slot]:
    """Slots for ``count`` calls that together take at most ``height`` rows.

    ``needs`` are the rows that the open calls could use, neighbours in the list. The ``chosen``
    one among them is served first; the others share evenly, and who needs less leaves the rest
    to the others. Closed calls take a line each, as many as there is room for, those nearest to
    the open ones first.
    """
    if not count or height < 1:
        return []
    if not needs:
        needs = {count - 1: 0}
    first, last = min(needs), max(needs)
    if len(needs) > height:
        middle = last if chosen is None else chosen
        first = min(max(first, middle - height // 2), last - height + 1)
        return [Slot(call) for call in range(first, first + height)]
    room = height - len(needs)
    others = count - len(needs)
    reserved = min(others, room, max(1, height // 4))
    shares = _share(needs, room - reserved, chosen)
    left = room - sum(shares.values())
    before, after = _split(first, count - 1 - last, left)
    return [
        *_closed(range(first), before, at_end=True),
        *(Slot(call, shares[call]) for call in sorted(needs)),
        *_closed(range(last + 1, count), after, at_end=False),
    ]


def _share(needs: Mapping[int, int], room: int, chosen: int | None) -> dict[int, int]:
    shares = dict.fromkeys(needs, 0)
    waiting = sorted(needs, key=lambda call: (call != chosen, needs[call], call))
    for place, call in enumerate(waiting):
        fair = room if call == chosen else room // (len(waiting) - place)
        shares[call] = min(needs[call], fair)
        room -= shares[call]
    return shares


def _split(before: int, after: int, room: int) -> tuple[int, int]:
    """How many of the closed calls on each side are shown."""
    shown_after = min(after, max(room - before, room // 2))
    return min(before, room - shown_after), shown_after


def _closed(calls: Sequence[int], shown: int, *, at_end: bool) -> list[Slot]:
    if shown == len(calls):
        return [Slot(call) for call in calls]
    if shown == 0:
        return []
    rest = Slot(hidden=len(calls) - shown + 1)
    if at_end:
        return [rest, *(Slot(call) for call in calls[len(calls) - shown + 1 :])]
    return [*(Slot(call) for call in calls[: shown - 1]), rest]
