"""The sandbox is there when the first frame is painted: it must cost next to nothing to import."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = ("openai", "httpx2", "pydantic", "jiter", "starlette", "uvicorn", "textual", "markdown_it")


def test_importing_the_sandbox_imports_the_standard_library_only() -> None:
    program = "import sys, tui.sandbox.provider; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & set(_HEAVY)
