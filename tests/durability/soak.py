"""An hour's traffic in three minutes: nothing may grow once everything was used a few times.

    python -m tests.durability.soak --minutes 60 --speed 20

One process with the embedded server, three conversations side by side, now and then a second
process. Prints a sample every few seconds, and whether memory, descriptors, threads and files
stayed flat; the exit status is 1 when one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.durability.home import Home
from tests.durability.samples import Samples, sampled
from tests.durability.traffic import Traffic

_TOKENS = 40  # a second, the sandbox's usual rate


async def soak(path: Path, *, seconds: float, speed: float, seed: int, every: float) -> Samples:
    """Live for ``seconds``; samples are taken ``every`` so often."""
    home = Home.make(path)
    async with Traffic.begin(home, rate=_TOKENS * speed, chance=random.Random(seed)) as traffic:
        samples = Samples()
        async with asyncio.TaskGroup() as group:
            living = group.create_task(traffic.live(seconds))
            group.create_task(sampled(samples, home, traffic.counts, every, living))
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of traffic")
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    seconds = given.minutes * 60 / given.speed
    with tempfile.TemporaryDirectory(prefix="soak-") as base:
        samples = asyncio.run(
            soak(
                Path(base) / "home",
                seconds=seconds,
                speed=given.speed,
                seed=given.seed,
                every=seconds / 60,
            )
        )
    print(samples.table())
    grown = samples.grown()
    print("\n".join(grown) or "flat")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
