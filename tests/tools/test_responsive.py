"""The screen goes on while tools do their worst: the app, its engine and real worker processes.

``pytest tests/tools/test_responsive.py -s`` prints the longest gap of each between two turns of
the screen's loop: in time that passed, and in processor time, which other programs do not change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.cli.terminal import workers_of
from tests.test_wiring import settings
from tests.ui.driving import screen_text
from tests.ui.heart import heartbeat
from tui.config.paths import resolve_paths
from tui.core.services import Services
from tui.core.settings import Limits
from tui.tools.policy import ReadOnlyPolicy
from tui.ui.app import TickertapeApp
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving
from tui.wiring import Backend, start_backend

pytestmark = pytest.mark.slow

_TIMEOUT = 3.0  # seconds that a tool has


@asynccontextmanager
async def _app() -> AsyncIterator[Pilot[Leaving]]:
    backends: list[Backend] = []

    def start() -> Services:
        wanted = replace(settings(), limits=Limits(tool_timeout=_TIMEOUT))
        profile = replace(wanted.profiles["sandbox"], read_timeout=60.0)
        wanted = replace(wanted, profiles={"sandbox": profile})
        backend = start_backend(
            paths=resolve_paths(),
            settings=wanted,
            policy=ReadOnlyPolicy(),
            hide=lambda _: None,
        )
        backends.append(backend)
        return backend.services

    async def connect() -> Services:
        return await asyncio.to_thread(start)

    app = TickertapeApp(connect)
    try:
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await _says(pilot, "sandbox")
            # The first answer brings imports along.
            await _ask(pilot, "[[step]]\nsay = 'Ready.'", 1)
            yield pilot
    finally:
        for backend in backends:
            await asyncio.to_thread(backend.close)


async def _says(pilot: Pilot[Leaving], words: str) -> None:
    async with asyncio.timeout(60):
        while words not in " ".join(screen_text(pilot).split()):
            await asyncio.sleep(0.05)


async def _ask(pilot: Pilot[Leaving], scenario: str, number: int) -> None:
    """Send it, and wait for the end of that run."""
    # The pilot's own waiting would only look again when everything has come to rest.
    composer = pilot.app.screen.query_one(Composer)
    composer.put(f"```sandbox\n{scenario}\n```")
    composer.action_submit()
    await _says(pilot, f"Run {number} of {number} · completed")


def _calls(name: str) -> str:
    after = "[[step]]\nsay = 'It is over.'"
    return f"[[step]]\ncall = {{ name = '{name}', arguments = {{}} }}\n{after}"


_HOSTILE = {
    "prints_50_mb": "for _ in range(50): print('\\x1b[31mline\\n' * 100_000)",
    "returns_50_mb": "return '\\x1b[2J\\x9b' * 17_000_000",
    "returns_json": "return [{'number': n, 'text': 'text'} for n in range(1_000_000)]",
    "never_ends": "import time; time.sleep(3600)",
    "holds": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "spins": "while True: pass",
    "exits": "import os; os._exit(3)",
    "is_killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "forks": "import os, time\n for _ in range(20):\n  if os.fork() == 0: time.sleep(3600)",
    "hangs_up": "import os; os.closerange(0, 256)",
    "takes_memory": "kept = [bytearray(2**20) for _ in range(64)]\n raise MemoryError",
}


_ANSWERS = ("prints_50_mb", "returns_50_mb", "returns_json", "forks")


@pytest.mark.parametrize("name", _HOSTILE)
async def test_the_screen_goes_on(name: str) -> None:
    tools: Path = resolve_paths().tools_dir
    tools.mkdir(parents=True)
    source = (
        f"from tui.tools import tool\n@tool(read_only=True)\ndef {name}():\n {_HOSTILE[name]}\n"
    )
    (tools / "hostile.py").write_text(source, encoding="utf-8")
    async with _app() as pilot, heartbeat() as heart:
        await _ask(pilot, _calls(name), 2)
        told = " ".join(screen_text(pilot).split())
        await _ask(pilot, "[[step]]\nsay = 'And on it goes.'", 3)
    assert name in told
    assert "Error: " in told or name in _ANSWERS
    print(name, heart)
    heart.check()
    assert workers_of(tools) == []


async def test_a_file_that_hangs_while_it_is_read_keeps_nobody_else_waiting() -> None:
    tools = resolve_paths().tools_dir
    tools.mkdir(parents=True)
    (tools / "hangs.py").write_text("import time\ntime.sleep(3600)\n", encoding="utf-8")
    async with _app() as pilot, heartbeat() as heart:
        composer = pilot.app.screen.query_one(Composer)
        composer.put("[not a scenario] What is 17*23?")
        composer.action_submit()
        await _says(pilot, "hangs.py took more than")
        await _says(pilot, "391")
    heart.check()
    assert workers_of(tools) == []
