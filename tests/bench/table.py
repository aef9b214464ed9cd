"""Prints what Tickertape costs as one table: ours, parse only and naive Textual, in the same run.

``python -m tests.bench.table [--quick] [WORD ...]`` measures all figures, or those whose name has
one of these words. Every measurement is a process of its own; rounds go through all of them in
turn, so that what else the machine does touches all alike. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

from tests.bench.documents import KINDS

_ROUNDS, _QUICK_ROUNDS = 5, 1
_WORDS = 10_000  # ten seconds of a fast stream
_IDLE, _QUICK_IDLE = 60, 10
_LONG, _SHORT, _NAIVE = 64_000, 1_000, 4_000
_MESSAGES = 10_000


class Lab:
    """Runs measurements, each once a round, and remembers what they said."""

    def __init__(self, rounds: int, idle: int, store: str) -> None:
        self.idle = idle
        self.store = store
        self._rounds = rounds
        self._said: dict[tuple[str, ...], list[Any]] = {}

    def measure(self, commands: set[tuple[str, ...]]) -> None:
        """Run each of these once a round; naive Textual and a minute of idling only once."""
        for number in range(self._rounds):
            for command in sorted(commands):
                if number == 0 or not self._takes_long(command):
                    print(f"round {number + 1}: {' '.join(command)}", file=sys.stderr, flush=True)
                    self._said.setdefault(command, []).append(_run(command))

    def _takes_long(self, command: tuple[str, ...]) -> bool:
        return "naive" in command or command == ("start", "app", str(self.idle))

    def value(self, *command: str, key: str = "") -> float:
        """The median of what a command said."""
        said = self._said[command]
        return float(median(each[key] if key else each for each in said))

    def ratio(self, one: tuple[str, ...], other: tuple[str, ...], key: str = "") -> float:
        """The ratio of two medians."""
        return self.value(*one, key=key) / self.value(*other, key=key)


def _run(command: tuple[str, ...]) -> Any:
    environment = dict(os.environ)
    if command[0] == "tokens":
        # A frame for every token, which a timer of Textual's would otherwise hold back.
        environment["TEXTUAL_FPS"] = "1000"
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{command[0]}", *command[1:]],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Row:
    """A figure: what it needs, how it is computed and said, and up to (or from) where it is met."""

    name: str
    needs: tuple[tuple[str, ...], ...]
    compute: Callable[[Lab], float]
    target: float
    unit: str = "x"
    at_least: bool = False
    detail: Callable[[Lab], str] = lambda _: ""

    def told(self, lab: Lab) -> str:
        """As a row of the table."""
        value = self.compute(lab)
        met = value >= self.target if self.at_least else value <= self.target
        sign = ">=" if self.at_least else "<="
        cells = (
            self.name,
            f"{value:,.2f} {self.unit}",
            f"{sign} {self.target:g} {self.unit}",
            "met" if met else "NOT MET",
            self.detail(lab),
        )
        return f"| {' | '.join(cells)} |"


def _micro(lab: Lab, *commands: tuple[str, ...], key: str = "") -> str:
    return " and ".join(f"{lab.value(*each, key=key) * 1e6:,.0f}" for each in commands) + " us"


def _against(
    name: str,
    ours: tuple[str, ...],
    theirs: tuple[str, ...],
    target: float,
    *,
    key: str = "",
    fewer: bool = False,
) -> Row:
    """A ratio: ours to theirs, or how many times less ours is."""
    pair = (theirs, ours) if fewer else (ours, theirs)
    return Row(
        name,
        (ours, theirs),
        lambda lab: lab.ratio(*pair, key=key),
        target,
        at_least=fewer,
        detail=lambda lab: _micro(lab, ours, theirs, key=key),
    )


def _value(
    name: str,
    command: tuple[str, ...],
    key: str,
    target: float,
    unit: str,
    scale: float = 1.0,
) -> Row:
    return Row(name, (command,), lambda lab: lab.value(*command, key=key) * scale, target, unit)


@cache
def _wire(who: str, kind: str, rate: int = 1000, count: int = _WORDS) -> tuple[str, ...]:
    return ("wire", who, kind, str(rate), str(count))


def _tokens(kind: str, size: int, messages: int = 0) -> tuple[str, ...]:
    return ("tokens", "text", kind, str(size), str(messages))


def rows(lab: Lab) -> list[Row]:
    """Issue 5's targets, in its order."""
    found: list[Row] = []
    for kind in ("text", "calls"):
        ours = _wire("ours", kind)
        naive = _wire("naive", kind)
        found += [
            _against(
                f"CPU a delta, {kind}, to parse only", ours, _wire("parse", kind), 2, key="cpu"
            ),
            _against(f"CPU a delta, {kind}, naive to ours", ours, naive, 5, key="cpu", fewer=True),
        ]
    found += [
        _against(
            f"CPU a token, 64k to 1k: {kind}", _tokens(kind, _LONG), _tokens(kind, _SHORT), 1.3
        )
        for kind in KINDS
    ]
    for kind in ("fence", "nested list"):
        naive = ("tokens", "naive", kind, str(_NAIVE))
        found.append(
            _against(
                f"CPU a token, 4k {kind}, naive to ours",
                _tokens(kind, _NAIVE),
                naive,
                50,
                fewer=True,
            )
        )
    opening, start = ("opening", lab.store), ("start", "app", "0")
    empty, full = _tokens("paragraphs", _SHORT), _tokens("paragraphs", _SHORT, _MESSAGES)
    idle = ("start", "app", str(lab.idle))
    found += [
        _value("due to painted, p99, 1,000 a second", _wire("ours", "text"), "p99", 50, "ms", 1e3),
        _value("the same, 100 a second", _wire("ours", "text", 100, 500), "p99", 50, "ms", 1e3),
        _value("burst of 2,000 deltas, painted", _wire("ours", "text", 0, 2000), "all", 0.5, "s"),
        _value("open a thread of 10,000 messages", opening, "open", 50, "ms", 1e3),
        _value("switch to it", opening, "switch", 50, "ms", 1e3),
        _value("memory with it open, above without", opening, "memory", 40, "MB"),
        _against("CPU a token there, to an empty thread", full, empty, 1.2),
        _against(
            "argument frame, 1 MB to 1 KB",
            ("tokens", "arguments", "1000000"),
            ("tokens", "arguments", "1000"),
            1.2,
        ),
        _against(
            "CPU to the first frame, to a static tree",
            start,
            ("start", "static", "0"),
            1.3,
            key="cpu",
        ),
        _value("resident at the first frame", start, "memory", 60, "MB"),
        _value("resident after the warm-up", start, "warm", 110, "MB"),
        _value(f"CPU while idle, {lab.idle} s", idle, "idle", 0.2, "%", 100),
    ]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, 10 s idle")
    parser.add_argument("words", nargs="*", help="only figures whose name has one of these")
    given = parser.parse_args()
    rounds, idle = (_QUICK_ROUNDS, _QUICK_IDLE) if given.quick else (_ROUNDS, _IDLE)
    with tempfile.TemporaryDirectory() as store:
        lab = Lab(rounds, idle, f"{store}/home")
        wanted = [
            row
            for row in rows(lab)
            if not given.words or any(word in row.name for word in given.words)
        ]
        lab.measure({command for row in wanted for command in row.needs})
        print(f"Medians of {rounds}; naive Textual and idling once.\n")
        print("| figure | here | target | | ours and theirs |\n|---|---|---|---|---|")
        for row in wanted:
            print(row.told(lab))


if __name__ == "__main__":
    main()
