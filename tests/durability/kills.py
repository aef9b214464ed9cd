"""Kills processes at random moments and looks at what is left.

    python -m tests.durability.kills --count 500 --seed 7

The seed decides the kinds and the moments, as far as a machine repeats itself. Prints a table by
kind; the exit status is 1 when a promise was broken, and the home of that victim is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.durability.home import serving
from tests.durability.kinds import KINDS, Kind
from tests.durability.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Report:
    """One kill. ``broken`` says which promise was, and where the remains are."""

    kind: str
    seed: int
    verdict: Verdict | None
    broken: str = ""


def one(kind: Kind, seed: int, path: Path, peer: str) -> Verdict:
    """A kill and its verdict. Raises AssertionError for a broken promise."""
    chance = random.Random(seed)
    with kind.scene(path, peer, chance) as scene:
        return judge(scene)


def plan(count: int, seed: int) -> list[tuple[int, int]]:
    """(place of the kind, seed) of every kill: all kinds in turn, in a random order."""
    chance = random.Random(seed)
    plan = [(number % len(KINDS), chance.randrange(2**32)) for number in range(count)]
    chance.shuffle(plan)
    return plan


def _some(numbered: Sequence[tuple[int, int]], base: str) -> Iterator[Report]:
    with tempfile.TemporaryDirectory(dir=base) as own, serving(Path(own) / "peer") as peer:
        for place, seed in numbered:
            kind = KINDS[place]
            home = Path(base) / f"{place}-{seed}"
            try:
                verdict = one(kind, seed, home, peer)
            except Exception:  # noqa: BLE001
                # Whatever broke belongs into the table; the others go on.
                yield Report(kind.name, seed, None, f"{home}\n{traceback.format_exc()}")
            else:
                shutil.rmtree(home)
                yield Report(kind.name, seed, verdict)


def _share(numbered: Sequence[tuple[int, int]], base: str) -> list[Report]:
    return list(_some(numbered, base))


def run(count: int, seed: int, jobs: int, base: str) -> list[Report]:
    """All of them, ``jobs`` at a time."""
    todo = plan(count, seed)
    # Small shares, so that no process is left with the slow ones at the end.
    shares = [todo[at : at + 10] for at in range(0, len(todo), 10)]
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        found = pool.map(_share, shares, [base] * len(shares))
        return [report for share in found for report in share]


def table(reports: Sequence[Report]) -> str:
    """A line a kind: kills, words shown, the oldest word that was lost, what was found."""
    lines = [f"{'kind':24} {'kills':>5} {'words':>7} {'lost ms':>8}  found"]
    for kind in KINDS:
        of_kind = [r.verdict for r in reports if r.kind == kind.name and r.verdict is not None]
        shown = sum(verdict.words for verdict in of_kind)
        lost = max((verdict.lost for verdict in of_kind), default=0.0)
        found = Counter(verdict.found for verdict in of_kind).most_common()
        states = "; ".join(f"{times} {state}" for state, times in found)
        lines.append(f"{kind.name:24} {len(of_kind):5} {shown:7} {lost * 1000:8.0f}  {states}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    given = parser.parse_args()
    print(f"{given.count} kills, seed {given.seed}, {given.jobs} at a time", flush=True)
    began = time.monotonic()
    base = tempfile.mkdtemp(prefix="kills-")
    reports = run(given.count, given.seed, given.jobs, base)
    broken = [report for report in reports if report.broken]
    for report in broken:
        print(f"\nBROKEN {report.kind}, seed {report.seed}: {report.broken}")
    print(table(reports))
    verdicts = [report.verdict for report in reports if report.verdict is not None]
    lost = max((verdict.lost for verdict in verdicts), default=0.0)
    late = max((verdict.lag for verdict in verdicts), default=0.0)
    print(
        f"{len(reports)} kills, {len(broken)} broken,"
        f" {sum(not verdict.kept for verdict in verdicts)} lost words later than promised;"
        f" the oldest lost word was {lost * 1000:.0f} ms"
        f" old, the machine was up to {late * 1000:.0f} ms late, {time.monotonic() - began:.0f} s"
    )
    with contextlib.suppress(OSError):  # kept while something broken is in it
        Path(base).rmdir()
    return 1 if broken or not all(verdict.kept for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
