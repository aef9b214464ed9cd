"""What a process has in use, again and again, and whether that grows."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.durability.home import Home

_WARM = 0.4
"""The share of the samples in which things may still grow: caches, pools, first uses."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``memory``, ``database`` and ``log`` in bytes; ``runs`` so far."""

    memory: int
    descriptors: int
    threads: int
    children: int
    database: int
    log: int
    runs: int


# What each may grow by, and what of its samples is compared. A visitor is a child and a thread
# for a second, so of those the least counts: what leaks is never given back. Memory moves with
# the allocator's mood.
_ALLOWED: dict[str, tuple[int, Callable[[Sequence[int]], float]]] = {
    "memory": (5_000_000, statistics.median),
    "descriptors": (0, statistics.median),
    "threads": (0, min),
    "children": (0, min),
    "database": (1_000_000, statistics.median),
    "log": (1_000_000, min),
}


@dataclass
class Samples:
    """Samples in the order in which they were taken."""

    taken: list[Sample] = field(default_factory=list)

    def grown(self) -> list[str]:
        """A sentence for everything of which there is more at the end than after the warm-up.

        Compared are the first and the last fifth of what came after the warm-up.
        """
        warm = self.taken[int(len(self.taken) * _WARM) :]
        fifth = max(1, len(warm) // 5)
        found = []
        for name, (allowed, of) in _ALLOWED.items():
            early = of([getattr(each, name) for each in warm[:fifth]])
            late = of([getattr(each, name) for each in warm[-fifth:]])
            if late - early > allowed:
                found.append(f"{name} grew from {early:.0f} to {late:.0f}")
        return found

    def table(self) -> str:
        """A line a sample."""
        head = f"{'runs':>6} {'MB':>7} {'descr':>6} {'threads':>7} {'child':>5} {'db kB':>7} wal kB"
        lines = [
            f"{each.runs:6} {each.memory / 1e6:7.1f} {each.descriptors:6} {each.threads:7}"
            f" {each.children:5} {each.database / 1e3:7.0f} {each.log / 1e3:6.0f}"
            for each in self.taken
        ]
        return "\n".join([head, *lines])


async def sampled(
    samples: Samples, home: Home, counts: Counter[str], every: float, living: asyncio.Task[None]
) -> None:
    """Take a sample ``every`` so many seconds while the other task lives."""
    while not living.done():
        await asyncio.wait([living], timeout=every)
        gc.collect()  # what is only waiting to be collected is not held
        samples.taken.append(_sample(home, counts["runs"]))


def _sample(home: Home, runs: int) -> Sample:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return Sample(
        memory=_memory(),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
        children=len(children.read_text().split()),
        database=_size(home.database),
        log=_size(home.database.with_name(home.database.name + "-wal")),
        runs=runs,
    )


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
