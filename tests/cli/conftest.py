"""Runs the command as a person would: as a process of its own, with a home of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TypeAlias

import pytest

Result: TypeAlias = subprocess.CompletedProcess[str]
Tickertape: TypeAlias = Callable[..., Result]


@pytest.fixture
def tickertape() -> Tickertape:
    """``tickertape("ask", "hi", stdin="...")`` -> the finished process."""

    def run(*arguments: str, stdin: str = "") -> Result:
        return subprocess.run(
            [sys.executable, "-m", "tui", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
