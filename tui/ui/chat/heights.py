"""How tall each row of a long conversation is, and so which row a line belongs to.

A Fenwick tree: to change one height, to add a row at the end and to find a row each take time that
grows with the logarithm of their number only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Heights:
    """Heights in lines, by position; none is negative."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        # Node i, counted from 1, holds the sum of the (i & -i) heights that end at i.
        self._tree = [0, *self._heights]
        for node in range(1, len(self._tree)):
            above = node + (node & -node)
            if above < len(self._tree):
                self._tree[above] += self._tree[node]
        self.total = sum(self._heights)

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, position: int) -> int:
        return self._heights[position]

    def __iter__(self) -> Iterator[int]:
        return iter(self._heights)

    def __setitem__(self, position: int, height: int) -> None:
        change = height - self._heights[position]
        if not change:
            return
        self._heights[position] = height
        self.total += change
        node = position + 1
        while node < len(self._tree):
            self._tree[node] += change
            node += node & -node

    def append(self, height: int) -> None:
        """Add a row behind all others."""
        node = len(self._tree)
        covered = sum(self._tree[each] for each in _parts(node))
        self._heights.append(height)
        self._tree.append(height + covered)
        self.total += height

    def truncate(self, count: int) -> None:
        """Keep only the first ``count`` rows."""
        self.total = self.top(count)
        del self._heights[count:]
        del self._tree[count + 1 :]

    def top(self, position: int) -> int:
        """How many lines are above this row; for the number of rows, how many there are."""
        total, node = 0, position
        while node:
            total += self._tree[node]
            node &= node - 1
        return total

    def find(self, line: int) -> tuple[int, int]:
        """The row that holds this line, and which of its lines that is.

        A line before the first is the first, one behind the last the end of the last row that has
        lines. (0, 0) when there are none.
        """
        if not self.total:
            return 0, 0
        line = max(0, min(line, self.total - 1))
        node, step = 0, 1 << len(self._heights).bit_length()
        while step:
            ahead = node + step
            if ahead < len(self._tree) and self._tree[ahead] <= line:
                node = ahead
                line -= self._tree[ahead]
            step >>= 1
        return node, line


def _parts(node: int) -> Iterator[int]:
    """The nodes whose sums a node holds besides its own height."""
    at, last = node - 1, node - (node & -node)
    while at > last:
        yield at
        at &= at - 1
