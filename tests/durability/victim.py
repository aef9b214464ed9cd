"""Run as a process of its own, to be killed: an app without a screen.

    python -m tests.durability.victim THREAD STEP...

It prints what a screen would show: the envelopes of the thread as JSON lines, as they come. The
steps are JSON: ``{"send": TEXT}``, ``{"queue": TEXT}``, ``{"draft": TEXT}``, and
``{"decide": true}`` for the first call that asks. Each is reported when its effect is on disk. It
never ends by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from typing import Any

from tui.config.paths import resolve_paths
from tui.config.settings_file import load_settings
from tui.core import codec
from tui.core import events as e
from tui.core.events import Envelope
from tui.core.models import Decision
from tui.core.services import SendMessage, Services, Subscription, ThreadReloaded
from tui.tools.policy import ReadOnlyPolicy
from tui.wiring import start_backend


def _print(data: dict[str, Any]) -> None:
    print(json.dumps(data), flush=True)


class Victim:
    """One thread that is watched and written to."""

    def __init__(self, services: Services, thread_id: str, subscription: Subscription) -> None:
        self._services = services
        self._thread_id = thread_id
        self._subscription = subscription
        self._asked: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        # Other processes make ids for the same thread.
        self._ids = (f"{os.getpid()}-{number}" for number in itertools.count(1))

    async def show(self) -> None:
        """Print what comes, as a screen would paint it."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        feed = self._subscription.feed
        feed.notify(lambda: loop.call_soon_threadsafe(arrived.set))
        while True:
            await arrived.wait()
            arrived.clear()
            for item in feed.drain():
                if isinstance(item, Envelope):
                    self._show_one(item)
                elif isinstance(item, ThreadReloaded):
                    _print({"reloaded": item.transcript.seq})

    def _show_one(self, envelope: Envelope) -> None:
        _print(codec.encode_envelope(envelope))
        if isinstance(envelope.event, e.ApprovalRequested) and envelope.run is not None:
            self._asked.put_nowait((envelope.run, envelope.event.call_id))

    async def step(self, step: dict[str, Any]) -> None:
        """Do one thing and say so."""
        match step:
            case {"send": text}:
                await self._send(text, queue=False)
            case {"queue": text}:
                await self._send(text, queue=True)
            case {"draft": text}:
                await self._services.library.save_draft(self._thread_id, text)
            case {"decide": approved}:
                run_id, call_id = await self._asked.get()
                decision = Decision(approved=approved, by="user")
                await self._services.conversations.decide(
                    self._thread_id, run_id, call_id, decision
                )
            case _:
                raise ValueError(f"unknown step {step}")
        _print({"did": step})

    async def _send(self, text: str, *, queue: bool) -> None:
        name = next(self._ids)
        command = SendMessage(
            thread_id=self._thread_id,
            message_id=f"message-{name}",
            run_id=f"run-{name}",
            text=text,
            queue=queue,
        )
        await self._services.conversations.send(command)


async def _live(services: Services, thread_id: str, steps: list[dict[str, Any]]) -> None:
    subscription = await services.run_log.subscribe(thread_id)
    victim = Victim(services, thread_id, subscription)
    async with asyncio.TaskGroup() as group:
        group.create_task(victim.show())
        for step in steps:
            await victim.step(step)


def main(thread_id: str, steps: list[str]) -> None:
    paths = resolve_paths()
    backend = start_backend(
        paths=paths,
        settings=load_settings(paths.config_file),
        policy=ReadOnlyPolicy(),
        hide=lambda _: None,
    )
    try:
        asyncio.run(_live(backend.services, thread_id, [json.loads(step) for step in steps]))
    finally:
        backend.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
