"""Kills of some kinds with a fixed seed, and one of any kind with a seed of the day.

Five hundred of all kinds, and a table: ``python -m tests.durability.kills --count 500``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.home import serving
from tests.durability.kills import one
from tests.durability.kinds import KINDS, Kind

# A shared machine is slow at times: the promise in milliseconds is measured by the command.
_AT_MOST = 1.0
_ALWAYS = (
    "text, server lives",
    "arguments",
    "approval, server lives",
    "tool, server lives",
    "submitting",
    "queued",
    "migrating",
    "two in one thread",
    "app, text",
)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that outlives the victims."""
    with serving(tmp_path_factory.mktemp("peer") / "home") as address:
        yield address


@pytest.mark.parametrize(
    "kind", [each for each in KINDS if each.name in _ALWAYS], ids=lambda kind: kind.name
)
def test_a_kill_loses_nothing(kind: Kind, tmp_path: Path, peer: str) -> None:
    verdict = one(kind, 20_267, tmp_path / "victim", peer)
    assert verdict.lost <= _AT_MOST, verdict


def test_a_kill_of_any_kind_at_any_moment(tmp_path: Path, peer: str) -> None:
    seed = random.SystemRandom().randrange(10**6)
    kind = random.Random(seed).choice(KINDS)
    print(f"{kind.name}, seed {seed}")
    verdict = one(kind, seed, tmp_path / "victim", peer)
    assert verdict.lost <= _AT_MOST, verdict
