"""Run as a process of its own, twice on one home: sends into a thread of its own and a shared one.

    python -m tests.durability.talker NAME OTHER MESSAGES

It says when it is ready, and begins with a line on standard input. Every other message goes into
the shared thread. At the end it prints one JSON line: what it saw of the other's messages, and how
many seconds after they were made.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tests.durability.front import Following, Front, front
from tests.durability.home import Home
from tui.config.paths import resolve_paths
from tui.core.errors import BusyError
from tui.core.models import Role

SHARED = "thread-shared"
_PATIENCE = 300.0
_GLANCE = 1.0  # seconds between two looks of a reader at what waits


def own_thread(name: str) -> str:
    return f"thread-{name}"


def text(name: str, thread: str, number: int) -> str:
    """What the message says; no two are the same."""
    return f"```sandbox\nrate = 0\n[[step]]\nsay = 'Heard {name} {number} in {thread}.'\n```"


class Watch:
    """What of another's messages was seen in a thread, with the delay in seconds."""

    def __init__(self, following: Following, other: str) -> None:
        self.seen: dict[str, float] = {}
        self._following = following
        self._other = other
        self._looked_at = 0
        self._changed = asyncio.Condition()

    async def ended(self, run_id: str, send_waiting: Callable[[], Awaitable[None]]) -> None:
        """Return when the run is over.

        A message that reaches a holder in the moment in which it lets go of the thread waits in the
        queue for its reader, as after any ending; a reader sees that and sends it.
        """
        while not await self._is_soon_over(run_id):
            transcript = self._following.transcript
            if transcript.queue and transcript.active_run() is None:
                with contextlib.suppress(BusyError):
                    await send_waiting()

    async def _is_soon_over(self, run_id: str) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GLANCE), self._changed:
                await self._changed.wait_for(lambda: self._is_over(run_id))
        return self._is_over(run_id)

    def _is_over(self, run_id: str) -> bool:
        run = self._following.transcript.runs.get(run_id)
        return run is not None and not run.active

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._following.more()
            async with self._changed:
                self._changed.notify_all()
            messages = list(self._following.transcript.messages.values())
            for message in messages[self._looked_at :]:
                if message.role is Role.USER and f"Heard {self._other} " in message.text:
                    self.seen[message.text] = time.time() - message.at
            self._looked_at = len(messages)


@asynccontextmanager
async def _watching(reader: Front, thread: str, other: str) -> AsyncIterator[Watch]:
    following = Following(await reader.services.run_log.subscribe(thread))
    watch = Watch(following, other)
    task = asyncio.create_task(watch.follow())
    try:
        yield watch
    finally:
        task.cancel()
        following.close()


async def _say(reader: Front, watch: Watch, thread: str, said: str) -> None:
    """Send it, in turn with whoever else writes there, and wait for the answer."""
    while True:
        try:
            run_id = await reader.send(thread, said, queue=True)
        except BusyError:
            # The other one holds the thread but runs nothing: it lets go in a moment.
            await asyncio.sleep(0.02)
        else:
            waiting = partial(reader.services.conversations.send_queued, thread)
            await watch.ended(run_id, waiting)
            return


async def talk(name: str, other: str, messages: int) -> dict[str, float]:
    """Send all, then wait until all of the other's were seen."""
    async with (
        front(Home(Path(resolve_paths().data).parent)) as reader,
        _watching(reader, SHARED, other) as shared,
        _watching(reader, own_thread(other), other) as theirs,
        _watching(reader, own_thread(name), other) as own,
    ):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # what is sent before the other looks is late
        for number in range(messages):
            thread, watch = (SHARED, shared) if number % 2 else (own_thread(name), own)
            await _say(reader, watch, thread, text(name, thread, number))
        async with asyncio.timeout(_PATIENCE):
            while len(shared.seen) + len(theirs.seen) < messages:
                await asyncio.sleep(0.05)
        return shared.seen | theirs.seen


def main(name: str, other: str, messages: int) -> None:
    print(json.dumps(asyncio.run(talk(name, other, messages))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
