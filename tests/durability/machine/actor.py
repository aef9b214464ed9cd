"""Run as a process of its own: forks an actor for each connection, and actors do as they are told.

    python -m tests.durability.machine.actor SOCKET

Everything is imported once, so an actor is there in milliseconds. It reads one JSON command a line
and answers with one JSON line; it dies with its connection, or when it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from tests.durability.front import Following
from tests.durability.machine.puppets import PuppetSource, PuppetToolset
from tui import wiring
from tui.core.errors import TickertapeError
from tui.core.models import Decision
from tui.core.services import RetryRun, SendMessage
from tui.core.settings import Paths, Settings
from tui.engine import conversations as engine_conversations
from tui.store import watch
from tui.tools import local
from tui.tools.policy import ReadOnlyPolicy

THREADS = ("thread-1", "thread-2")
_TURNS_OF_THE_LOOP = 30


def _in_a_hurry() -> None:
    """The same program with a short patience: two actors must not take minutes for a test."""
    watch.INTERVAL = watch.LULL_INTERVAL = 0.01
    engine_conversations._HAND_OVER_TIMEOUT = 0.3
    engine_conversations._HAND_OVER_POLL = 0.02
    wiring.Providers = PuppetSource  # type: ignore[misc,assignment]  # what the machine drives
    local.LocalToolset = PuppetToolset  # type: ignore[misc,assignment]  # the same


class Actor:
    """A backend and one reader of every thread. Each command's answer says what waits here."""

    def __init__(self, home: Path) -> None:
        self._backend = wiring.start_backend(
            paths=Paths(config=home / "config", data=home / "data", logs=home / "logs"),
            settings=Settings(profiles={}, default_profile="puppet"),
            policy=ReadOnlyPolicy(),
            hide=lambda _: None,
        )
        self._backend.settle()
        self._puppet = self._backend.providers.puppet  # type: ignore[attr-defined]  # ours
        self._tools: PuppetToolset = self._backend.toolset  # type: ignore[assignment]  # ours
        self._following: dict[str, Following] = {}
        self._open = True

    async def begin(self) -> None:
        """Follow every thread, as a screen would."""
        for thread_id in THREADS:
            subscription = await self._backend.services.run_log.subscribe(thread_id)
            self._following[thread_id] = Following(subscription)

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do it and tell how things stand then."""
        try:
            await self._do(command)
        except TickertapeError as error:
            return {**await self._state(), "error": type(error).__name__, "says": str(error)}
        return await self._state()

    async def _do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "state":
                pass
            case "feed":
                await self._backend.engine.call(self._feed(command["turn"], command["lines"]))
            case "release":
                await self._backend.engine.call(self._release(command["call"]))
            case "close":
                self._open = False
                await asyncio.to_thread(self._backend.close, cancel=command["cancel"])
            case _:
                await self._converse(command)

    async def _converse(self, command: dict[str, Any]) -> None:
        conversations = self._backend.services.conversations
        thread_id = command.get("thread", "")
        match command["do"]:
            case "send":
                await conversations.send(SendMessage(**command["command"]))
            case "retry":
                await conversations.retry(RetryRun(**command["command"]))
            case "cancel":
                await conversations.cancel(thread_id, command["run"])
            case "decide":
                decision = Decision(approved=command["approved"], by="user")
                await conversations.decide(thread_id, command["run"], command["call"], decision)
            case "unqueue":
                await conversations.unqueue(thread_id, command["message"])
            case "resume" | "leave" | "send_queued" as name:
                await getattr(conversations, name)(thread_id)
            case name:
                raise ValueError(name)

    async def _feed(self, turn: int, lines: list[dict[str, Any]]) -> None:
        waiting = self._puppet.turns.get(turn)
        for line in lines if waiting else ():
            waiting.lines.put_nowait(line)

    async def _release(self, call_id: str) -> None:
        if call_id in self._tools.running:
            self._tools.running[call_id].set()

    async def _state(self) -> dict[str, Any]:
        if not self._open:
            return {"cancelled": self._puppet.cancelled}
        waits = await self._backend.engine.call(self._waits())
        for following in self._following.values():
            following.take()
        views = {key: each.transcript.view() for key, each in self._following.items()}
        return {**waits, "views": views}

    async def _waits(self) -> dict[str, Any]:
        """Once nothing happens by itself any more, and everything is on disk."""
        for _ in range(2):
            await self._backend.store.barrier()
            for _ in range(_TURNS_OF_THE_LOOP):
                await asyncio.sleep(0)
        turns = [
            {"turn": each.number, "run": each.run_id, "kind": each.kind, "calls": each.calls}
            for each in self._puppet.turns.values()
        ]
        return {
            "turns": turns,
            "tools": list(self._tools.running),
            "cancelled": self._puppet.cancelled,
        }


async def _act(home: Path, connection: socket.socket) -> None:
    actor = Actor(home)
    await actor.begin()
    reader, writer = await asyncio.open_connection(sock=connection, limit=2**26)
    writer.write(b'{"pid": %d}\n' % os.getpid())
    while line := await reader.readline():
        command = json.loads(line)
        answer = await actor.obey(command)
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    os._exit(0)  # whoever drove it has gone: so does this, as if it were killed


def _fork(connection: socket.socket) -> None:
    with connection.makefile("r") as file:
        home = Path(json.loads(file.readline())["home"])
    try:
        asyncio.run(_act(home, connection))
    finally:
        os._exit(1)


def main(address: str) -> None:
    _in_a_hurry()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        # Whoever started this holds its standard input; without them there is nothing to do.
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _fork(connection)
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
