"""Importing the decorator is cheap, and the toolset does not load heavy packages either."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["tui.tools", "tui.tools.local", "tui.tools.policy", "tui.tools.worker"]
)
def test_importing_loads_no_heavy_package(module: str) -> None:
    program = (
        f"import sys; import {module}; "
        "print([name for name in ('textual', 'rich', 'pydantic', 'pydantic_core', 'openai', "
        "'httpx2', 'jiter', 'starlette', 'uvicorn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
