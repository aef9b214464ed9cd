"""The official JavaScript client, outside the repository, and programs that use it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).parent / "js"


def install(into: Path) -> Path:
    """A copy of the JavaScript folder with its packages; takes seconds."""
    folder = into / "js"
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


async def run(folder: Path, *command: str, **environment: str) -> str:
    """What a command printed; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{' '.join(command)}:\n{out.decode()}\n{err.decode()}"
    return out.decode()
