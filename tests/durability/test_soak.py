"""Ten seconds of traffic. An hour of it: ``python -m tests.durability.soak``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.soak import soak


@pytest.mark.slow
async def test_nothing_is_left_open(tmp_path: Path) -> None:
    """Too short to see memory leak; descriptors, threads and processes show at once."""
    samples = await soak(tmp_path / "home", seconds=10, speed=20, seed=5, every=0.5)
    assert [each for each in samples.grown() if not each.startswith(("memory", "database"))] == []
    assert samples.taken[-1].runs > 20
