"""Two processes and one store. A thousand messages: ``python -m tests.durability.two``."""

from __future__ import annotations

from pathlib import Path

from tests.durability.two import talk


def test_two_processes_lose_and_double_nothing_and_see_each_other(tmp_path: Path) -> None:
    found = talk(tmp_path / "home", 30, timeout=60)
    # A shared machine is slow at times; the command measures all of them.
    assert found.share(0.9) < 1.0
