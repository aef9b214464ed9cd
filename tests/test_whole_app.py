"""The app on the real backend, by its keys: faults end in words on screen, and it goes on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from tests.test_wiring import settings
from tests.ui.driving import screen_text, status, text_of, until
from tui.config.paths import resolve_paths
from tui.core.services import Services
from tui.tools.policy import ReadOnlyPolicy
from tui.ui.app import TickertapeApp
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving
from tui.wiring import Backend, start_backend


@asynccontextmanager
async def _app() -> AsyncIterator[Pilot[Leaving]]:
    backends: list[Backend] = []

    def start() -> Services:
        backend = start_backend(
            paths=resolve_paths(),
            settings=settings(),
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
            await until(pilot, lambda: "sandbox" in status(pilot))
            yield pilot
    finally:
        for backend in backends:
            await asyncio.to_thread(backend.close)


async def _send(pilot: Pilot[Leaving], text: str) -> None:
    pilot.app.screen.query_one(Composer).put(text)
    await pilot.press("enter")


async def _says(pilot: Pilot[Leaving], *words: str) -> None:
    await until(pilot, lambda: all(word in " ".join(screen_text(pilot).split()) for word in words))


# What a person reads in the end.
_FAULTS = {
    "error_event": "Failed",
    "run_failed": "asked to fail",
    "rate_limit": "Failed",
    "disconnect": "The connection was lost",
    "truncate": "The stream ended too early",
    "stall": "The connection was lost",
    "malformed": "After the fault.",
    "unknown_event": "After the fault.",
    "malformed_arguments": "Error: The arguments of calc",
    "refusal": "After the fault.",
    "length": "the server's own limit",
}


@pytest.mark.parametrize("kind", _FAULTS)
async def test_every_fault_ends_in_words_on_screen_and_the_next_message_works(kind: str) -> None:
    steps = f"[[step]]\nfail = '{kind}'\n[[step]]\nsay = 'After the fault.'\n"
    async with _app() as pilot:
        await _send(pilot, f"```sandbox\n{steps}```")
        await _says(pilot, _FAULTS[kind])
        await until(pilot, lambda: status(pilot).split()[0] in ("Done", "Failed", "Incomplete"))
        await _send(pilot, "What is 17*23?")
        await _says(pilot, "391", "Done")


# So many words that they are still coming when they have been seen to grow, on any machine.
_GROWING = f"""```sandbox
rate = 20
[[step]]
call = {{ name = 'calculate', arguments = '{" ".join(f"w{n:03}" for n in range(400))}' }}
```"""


async def test_arguments_are_seen_growing() -> None:
    async with _app() as pilot:
        composer = pilot.app.screen.query_one(Composer)
        composer.put(_GROWING)
        # The pilot's own waiting would only look again when the stream is over.
        composer.action_submit()
        newest: set[str] = set()
        async with asyncio.timeout(60):
            while len(newest) < 4:
                newest.add(max(re.findall(r"\bw\d{3}\b", text_of(pilot, "#calls")), default=""))
                await asyncio.sleep(0.01)
        assert "w399" not in newest
