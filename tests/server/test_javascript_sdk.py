"""The official JavaScript SDK against the server; without Node there is nothing to run it with."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.server.conftest import KEY, Peer
from tests.server.scripted import Hold, say
from tests.server.test_python_sdk import ADD, adding

_SOURCE = Path(__file__).parent / "js"


@pytest.fixture
async def installed(tmp_path: Path) -> Path:
    """A copy of the JavaScript folder with its packages, outside the repository."""
    folder = tmp_path / "js"
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    await _run(
        folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"
    )
    return folder


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
async def test_every_style_of_the_javascript_sdk(peer: Peer, installed: Path) -> None:
    adder = peer.assistant(adding, tools=[ADD])
    endless = peer.assistant(lambda *_: [*say("never ", "ends")[:4], Hold("for ever")])
    environment = {
        "BASE_URL": peer.url,
        "API_KEY": KEY,
        "ADDING": adder,
        "ENDLESS": endless,
    }
    out = await _run(installed, "node", "styles.mjs", **environment)
    assert out.split() == [
        "events",
        "iterator",
        "breakingOff",
        "polling",
        "createAndRun",
        "cancel",
        "paging",
        "errors",
    ]


async def _run(folder: Path, *command: str, **environment: str) -> str:
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
