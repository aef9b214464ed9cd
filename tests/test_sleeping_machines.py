"""A machine that sleeps in mid-stream: afterwards the run is settled, with no hang and no loss.

To a process, sleep is a clock that jumps or stood still, and a socket whose peer has gone on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.providers.assistants_peer import AssistantsPeer, Break, End, Item, Pause, Say
from tests.providers.conversation import Conversation
from tui.core.events import TextDelta
from tui.core.models import Outcome
from tui.core.ports import NewMessages, Resume
from tui.core.settings import Profile
from tui.providers.assistants.provider import AssistantsProvider

READ_TIMEOUT = 0.5
HOUR = 3600.0


@asynccontextmanager
async def asleep(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("ending", ["close", "abort", "hang", None])
async def test_a_process_that_was_stopped_in_mid_stream_has_the_whole_answer(
    ending: str | None,
) -> None:
    """Meanwhile the server finished (None), closed, broke or forgot the connection."""
    peer, woken = AssistantsPeer(), asyncio.Event()
    broken: list[Item] = [] if ending is None else [Break(ending)]  # type: ignore[arg-type]  # literals
    peer.script = [Say(("before ",)), Pause(woken), *broken, Say(("after",)), End()]
    async with peer.http:
        _configure(peer)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tui", "ask", "go"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readuntil(b"before") == b"before"
            async with asleep(process):
                woken.set()
                # The time that passes is what is tried: more than the process is ready to wait.
                await asyncio.sleep(2 * READ_TIMEOUT)
            rest, told = await process.communicate()
    assert process.returncode == 0, told
    assert rest.split() == [b"after"], told
    (run,) = peer.runs.values()
    assert run["status"] == "completed"


def _configure(peer: AssistantsPeer) -> None:
    folder = Path(os.environ["TICKERTAPE_HOME"]) / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        'default_profile = "peer"\n[profiles.peer]\n'
        f'base_url = "{peer.http.url}/v1"\nmodel = "m"\napi_key_env = ""\n'
        f"read_timeout = {READ_TIMEOUT}\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "dead"])
async def test_a_clock_that_jumps_by_an_hour_in_mid_stream(
    alive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every time limit is reached at once; what the stream says, or else the run, is the truth."""
    peer, go_on = AssistantsPeer(), asyncio.Event()
    broken: list[Item] = [] if alive else [Break("hang")]
    peer.script = [Say(("before",)), Pause(go_on), *broken, Say(("after",)), End()]
    loop, jump = asyncio.get_running_loop(), 0.0
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + jump)
    async with peer.http:
        profile = Profile(name="p", model="m", base_url=f"{peer.http.url}/v1", read_timeout=HOUR)
        provider = AssistantsProvider(profile, "sk-test-0123456789")
        talk = Conversation(provider)
        async with provider.open(talk.say("go")) as session:
            turn = asyncio.ensure_future(talk.turn(session, NewMessages()))
            while not any(isinstance(signal, TextDelta) for signal in talk.signals):
                await asyncio.sleep(0)
            jump = HOUR + 1
            go_on.set()
            end = await turn
            if end.outcome is not Outcome.COMPLETED:
                assert end.outcome is Outcome.DISCONNECTED
                assert end.error is not None
                assert "silent" in end.error.message
                end = await talk.turn(session, Resume())
        await provider.close()
    assert end.outcome is Outcome.COMPLETED
    assert [message.text for message in talk.transcript.path()] == ["go", "before", "after"]
