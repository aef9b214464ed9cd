"""In the test's process: actors on one home, and the server that all of them talk to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.durability.home import ROOT
from tui.core import codec
from tui.core import events as e
from tui.core.models import CallId, Need, Outcome, PartFinal, PartKind, RunId, ToolRef

_PATIENCE = 30.0


Lines: TypeAlias = list[dict[str, Any]]


class DiedError(Exception):
    """The actor's process is gone."""


@dataclass
class Actor:
    """One process. ``answer`` is what it told last."""

    name: str
    connection: socket.socket
    pid: int = 0
    answer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._file = self.connection.makefile("rb")

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """Give a command and wait for the answer. Raises DiedError."""
        self.begin(what, **more)
        self.answer = json.loads(self.line())
        return self.answer

    def line(self) -> bytes:
        """What it says next. Raises DiedError."""
        line = self._file.readline()
        if not line:
            raise DiedError(self.name)
        return line

    def begin(self, what: str, **more: Any) -> None:
        """Give a command and wait for nothing."""
        self.connection.sendall(json.dumps({"do": what, **more}).encode() + b"\n")

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        os.kill(self.pid, signal.SIGKILL)
        with suppress(ConnectionError):
            while self._file.readline():  # its end of the connection closes with it
                pass
        self.close()

    def close(self) -> None:
        """Let it end, if it has not."""
        self._file.close()
        self.connection.close()


class Zygote:
    """The process that actors are forked from."""

    def __init__(self, directory: Path) -> None:
        self._address = str(directory / "zygote")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.machine.actor", self._address],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def actor(self, name: str, home: Path) -> Actor:
        """A new process that has opened the store."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_PATIENCE)
        connection.connect(self._address)
        connection.sendall(json.dumps({"home": str(home)}).encode() + b"\n")
        actor = Actor(name, connection)
        actor.pid = json.loads(actor.line())["pid"]
        return actor

    def close(self) -> None:
        """With every actor that is still there."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()


@contextmanager
def zygote() -> Iterator[Zygote]:
    """Its socket is in a short path of its own: addresses have 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="zygote-") as directory:
        made = Zygote(Path(directory))
        try:
            yield made
        finally:
            made.close()


@dataclass
class Item:
    """A message of a run on the server: text, or one call."""

    message_id: str
    text: str = ""
    call: tuple[CallId, str] | None = None
    open: bool = True


class RemoteRun:
    """A run as the server has it: what it said so far, and what it waits for."""

    def __init__(self, run_id: RunId, name: str) -> None:
        self.run_id = run_id
        self._name = name
        self.items: list[Item] = []
        self.state = Outcome.REQUIRES_ACTION
        self.going = True

    # --- what happens in it; each returns the lines of its stream -------------------------------

    def say(self, word: str) -> Lines:
        """One more word."""
        lines: list[e.ProviderEvent] = []
        if not self.items or self.items[-1].call is not None:
            self.items.append(Item(f"{self._name}-m{len(self.items)}"))
            lines += _started(self.items[-1])
        item = self.items[-1]
        item.text += word + " "
        lines.append(e.TextDelta(part_id=f"{item.message_id}:0", text=word + " "))
        return _encoded(lines)

    def call(self, name: str, call_id: CallId) -> Lines:
        """It calls a tool, and waits for the output."""
        lines = self._close_text()
        item = Item(f"{self._name}-m{len(self.items)}", call=(call_id, name))
        self.items.append(item)
        self.going, self.state = False, Outcome.REQUIRES_ACTION
        lines += [*_started(item), *_ended(item), self.end()]
        return _encoded(lines)

    def finish(self, outcome: Outcome) -> Lines:
        """It ends."""
        lines = self._close_text()
        self.going, self.state = False, outcome
        return _encoded([*lines, self.end()])

    def whole(self) -> Lines:
        """What a client gets that asks what became of it; it has come to a rest."""
        lines: list[e.ProviderEvent] = []
        for item in self.items:
            lines += [*_started(item), *_ended(item)]
        return _encoded([*lines, self.end()])

    def end(self) -> e.TurnFinished:
        """How its stream ends now."""
        needs: tuple[Need, ...] = ()
        if self.state is Outcome.REQUIRES_ACTION:
            last = self.items[-1]
            assert last.call is not None
            call_id, name = last.call
            needs = (Need(call_id=call_id, name=name, arguments="{}"),)
        return e.TurnFinished(outcome=self.state, needs=needs)

    @property
    def waits_for(self) -> tuple[CallId, ...]:
        """The calls whose outputs it waits for."""
        return () if self.going else tuple(need.call_id for need in self.end().needs)

    def _close_text(self) -> list[e.ProviderEvent]:
        if self.items and self.items[-1].call is None and self.items[-1].open:
            self.items[-1].open = False
            return _ended(self.items[-1])
        return []


def broken() -> Lines:
    """The stream breaks."""
    return _encoded([e.TurnFinished(outcome=Outcome.DISCONNECTED)])


def refused(code: str) -> Lines:
    """The request is refused."""
    return [{"code": code}]


def _started(item: Item) -> list[e.ProviderEvent]:
    tool = None if item.call is None else ToolRef(name=item.call[1], call_id=item.call[0])
    kind = PartKind.TEXT if tool is None else PartKind.TOOL_CALL
    part_id = f"{item.message_id}:0"
    return [
        e.MessageStarted(message_id=item.message_id),
        e.PartStarted(message_id=item.message_id, part_id=part_id, index=0, kind=kind, tool=tool),
    ]


def _ended(item: Item) -> list[e.ProviderEvent]:
    final = PartFinal(arguments="{}") if item.call is not None else PartFinal(text=item.text)
    return [
        e.PartFinished(part_id=f"{item.message_id}:0", final=final),
        e.MessageFinished(message_id=item.message_id),
    ]


def _encoded(events: list[e.ProviderEvent]) -> Lines:
    pairs = [codec.encode_event(event) for event in events]
    return [{"type": name, "data": data} for name, data in pairs]
