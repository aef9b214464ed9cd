"""The scene of a kill: a home, the processes in it, and when each of them was killed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.durability.home import Home
from tests.durability.shown import Lines, Screen, Watched
from tui.core.models import JsonObject, ThreadId


@dataclass
class Scene:
    """``complete``: how many words a whole answer has. ``remote``: the server lives on, so a run
    that is resumed can be had as a whole. ``untouched``: views of threads that nobody writes.
    ``lag``: how late the machine was in the seconds before the kill."""

    home: Home
    chance: random.Random
    complete: int = 0
    remote: bool = False
    lag: float = 0.0
    victims: list[Watched] = field(default_factory=list)
    killed: list[float] = field(default_factory=list)
    untouched: Mapping[ThreadId, JsonObject] = field(default_factory=dict)

    def ask(self, text: str) -> Lines:
        """``tickertape ask --json`` with the text."""
        return self._add(Lines(self.home, ["tui", "ask", "--json", "--yes", text]))

    def victim(self, *given: Mapping[str, Any], thread: str = "thread-1") -> Lines:
        """An app without a screen, and what it does."""
        program = "tests.durability.victim"
        return self._add(Lines(self.home, [program, thread, *map(json.dumps, given)]))

    def opener(self, what: str) -> Lines:
        """A process that does something to the whole store; it has begun when this returns."""
        lines = self._add(Lines(self.home, ["tests.durability.opener", what]))
        lines.wait(lambda: bool(lines.reports), "its beginning")
        return lines

    def app(self) -> Screen:
        """The app in a pty, ready for a message."""
        screen = Screen(self.home)
        self.victims.append(screen)
        screen.wait_for("Write a message")
        return screen

    def idle(self, seconds: float) -> None:
        """Let everything go on for so long."""
        self.victims[0].idle(seconds)

    def kill(self, gap: float = 0.0) -> None:
        """All processes, in the order in which they came, with up to ``gap`` seconds between."""
        while len(self.killed) < len(self.victims):
            victim = self.victims[len(self.killed)]
            self.killed.append(victim.kill())
            if gap and len(self.killed) < len(self.victims):
                self.victims[len(self.killed)].idle(self.chance.uniform(0, gap))

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        with suppress(AssertionError):
            self.kill()

    def _add(self, lines: Lines) -> Lines:
        self.victims.append(lines)
        return lines


def reported(lines: Watched, step: str, times: int = 1) -> Callable[[], bool]:
    """Whether a victim has reported a step of that kind so often."""
    return lambda: sum(step in each.get("did", {}) for each, _ in lines.reports) >= times
