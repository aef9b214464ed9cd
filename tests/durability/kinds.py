"""The moments at which a process is killed: who, doing what, how long after which sign."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.durability.home import Home, block, calling, saying, steps
from tests.durability.shown import Lines, Screen, Watched
from tests.durability.verdict import Kill

_MODULE = "tests.durability.victim"
_ANSWER = 400
_SHORT = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """``start`` brings a process to its moment in a home; the kill comes within ``spread``
    seconds after that. ``complete`` is how many words a whole answer has."""

    name: str
    start: Callable[[Home, random.Random], Watched]
    spread: tuple[float, float]
    complete: int = 0
    remote: bool = False
    scenario: str | None = None

    def run(self, path: Path, peer: str, chance: random.Random) -> Kill:
        """Let it live, and kill it."""
        home = Home.make(path, peer=peer if self.remote else None, scenario=self.scenario)
        watched = self.start(home, chance)
        try:
            watched.idle(chance.uniform(*self.spread))
        finally:
            at = watched.kill()
        return Kill(home=home, watched=watched, at=at, complete=self.complete, remote=self.remote)


def _ask(home: Home, text: str) -> Lines:
    return Lines(home, ["tui", "ask", "--json", "--yes", text])


def _victim(home: Home, *given: dict[str, object], thread: str = "thread-1") -> Lines:
    return Lines(home, [_MODULE, thread, *map(json.dumps, given)])


def _after(watched: Watched, sign: str) -> Watched:
    """Return it once it has printed an envelope of that type."""
    watched.wait(lambda: sign in watched.types(), sign)
    return watched


def _text(home: Home, chance: random.Random) -> Watched:
    return _after(_ask(home, block(steps(saying(_ANSWER), rate=200))), "text_delta")


def _arguments(home: Home, chance: random.Random) -> Watched:
    call = calling("note", "k1", length=_ANSWER)
    text = block(steps(call, saying(_SHORT, 501), rate=300))
    return _after(_ask(home, text), "arguments_delta")


def _approval(home: Home, chance: random.Random) -> Watched:
    text = block(steps(calling("ask_first", "k1", length=5), saying(_SHORT, 501), rate=0))
    return _after(_victim(home, {"send": text}), "approval_requested")


def _tool(home: Home, chance: random.Random) -> Watched:
    text = block(steps(calling("note", "k1", seconds=0.4), saying(_SHORT), rate=400))
    return _after(_ask(home, text), "tool_started")


def _submitting(home: Home, chance: random.Random) -> Watched:
    calls = [calling("note", f"k{number}") for number in range(1, 9)]
    text = block(steps(*calls, saying(_SHORT), rate=0))
    watched = _victim(home, {"send": text})
    rounds = chance.randint(1, 7)
    watched.wait(lambda: watched.types().count("tool_finished") >= rounds, "a tool's end")
    return watched


def _finishing(home: Home, chance: random.Random) -> Watched:
    watched = _victim(home, {"send": block(steps(saying(_SHORT), rate=400))})
    watched.wait(lambda: len(watched.words) >= _SHORT - 3, "the last words")
    return watched


def _draft(home: Home, chance: random.Random) -> Watched:
    text = block(steps(saying(_ANSWER), rate=200))
    watched = _victim(home, {"send": text}, {"draft": "half a thought"})
    watched.wait(lambda: any("draft" in r["did"] for r, _ in watched.reports), "the draft")
    return watched


def _queued(home: Home, chance: random.Random) -> Watched:
    text = block(steps(saying(_ANSWER), rate=200))
    more: list[dict[str, object]] = [
        {"queue": block(steps(saying(5, start), rate=0))} for start in (701, 801)
    ]
    watched = _victim(home, {"send": text}, *more)
    watched.wait(lambda: sum("queue" in r["did"] for r, _ in watched.reports) == 2, "the queue")
    return watched


def _app_text(home: Home, chance: random.Random) -> Watched:
    screen = Screen(home)
    screen.wait_for("Write a message")
    screen.type("Count for me\r")
    screen.wait(lambda: bool(screen.words), "the first word")
    return screen


def _app_approval(home: Home, chance: random.Random) -> Watched:
    screen = Screen(home)
    screen.wait_for("Write a message")
    screen.type("Count for me\r")
    screen.wait_for("Run ask_first?")
    return screen


KINDS = (
    Kind("text", _text, (0.0, 1.8), complete=_ANSWER),
    Kind("text, server lives", _text, (0.0, 1.8), complete=_ANSWER, remote=True),
    Kind("arguments", _arguments, (0.0, 1.5), complete=_ANSWER + _SHORT),
    Kind("arguments, server lives", _arguments, (0.0, 1.5), complete=_ANSWER + _SHORT, remote=True),
    Kind("approval pending", _approval, (0.0, 0.4), complete=_SHORT + 5),
    Kind("tool running", _tool, (0.0, 0.5), complete=_SHORT),
    Kind("submitting", _submitting, (0.0, 0.03), complete=_SHORT),
    Kind("finishing", _finishing, (0.0, 0.04), complete=_SHORT),
    Kind("queued", _queued, (0.0, 2.5), complete=_ANSWER),
    Kind("approval, server lives", _approval, (0.0, 0.4), complete=_SHORT + 5, remote=True),
    Kind("tool, server lives", _tool, (0.0, 0.5), complete=_SHORT, remote=True),
    Kind("submitting, server lives", _submitting, (0.0, 0.03), complete=_SHORT, remote=True),
    Kind("draft", _draft, (0.0, 0.5), complete=_ANSWER),
    Kind(
        "app, text",
        _app_text,
        (0.0, 2.0),
        complete=_ANSWER,
        scenario=steps(saying(_ANSWER), rate=60),
    ),
    Kind(
        "app, approval",
        _app_approval,
        (0.0, 0.5),
        complete=_SHORT,
        scenario=steps(calling("ask_first", "k1"), saying(_SHORT), rate=60),
    ),
)
