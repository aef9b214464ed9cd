"""Where a scroll mark goes: one column of a pane, instead of a scroll bar that redraws it all."""

from __future__ import annotations


def thumb_rows(first: int, total: int, height: int) -> range:
    """The rows of a view that carry the scroll mark; none when everything fits.

    ``first`` is the first of ``total`` lines that is in view, of which ``height`` fit.
    """
    if total <= height or height < 1:
        return range(0)
    size = max(1, height * height // total)
    start = round((height - size) * first / (total - height))
    return range(start, start + size)
