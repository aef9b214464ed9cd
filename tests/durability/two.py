"""Two processes write one store: into one thread in turn, and each into a thread of its own.

    python -m tests.durability.two --messages 1000

Prints how long it took until each saw the other's messages; the exit status is 1 when a message
was lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.durability.home import ROOT, Home
from tests.durability.talker import SHARED, own_thread, text
from tests.durability.verdict import check_file, load_all
from tui.core.models import Outcome, Role
from tui.core.transcript import Transcript

_NAMES = ("ann", "bob")


@dataclass(frozen=True, slots=True)
class Talk:
    """``delays``: seconds from when a message was made to when the other process saw it."""

    delays: list[float]
    seconds: float

    def share(self, part: float) -> float:
        """The delay that ``part`` of the messages did not exceed."""
        return sorted(self.delays)[min(len(self.delays) - 1, int(part * len(self.delays)))]


def talk(path: Path, messages: int, *, timeout: float) -> Talk:
    """Both send ``messages``; AssertionError if one was lost, doubled or not answered."""
    home = Home.make(path)
    began = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.durability.talker", name, other, str(messages)],
            cwd=ROOT,
            env=home.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, other in (_NAMES, _NAMES[::-1])
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("begin\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0, 0]
    seen = [json.loads(output) for output in outputs]
    check_file(home.database)
    threads = asyncio.run(load_all(home.database))
    _check(threads, messages)
    delays = [delay for each in seen for delay in each.values()]
    assert len(delays) == 2 * messages, "one did not see all that the other sent"
    return Talk(delays=delays, seconds=time.monotonic() - began)


def _check(threads: dict[str, Transcript], messages: int) -> None:
    wanted = {SHARED: Counter[str]()}
    for name in _NAMES:
        wanted[own_thread(name)] = Counter()
        for number in range(messages):
            thread = SHARED if number % 2 else own_thread(name)
            wanted[thread][text(name, thread, number)] += 1
    for thread_id, texts in wanted.items():
        transcript = threads[thread_id]
        there = transcript.messages.values()
        assert Counter(m.text for m in there if m.role is Role.USER) == texts, thread_id
        assert {run.outcome for run in transcript.runs.values()} == {Outcome.COMPLETED}
        assert len(transcript.runs) == len(texts)
        assert len(transcript.path()) == len(there), "the messages are not one conversation"
        assert not transcript.queue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1000, help="that each process sends")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="two-") as base:
        try:
            found = talk(Path(base) / "home", given.messages, timeout=3600)
        except AssertionError as error:
            print(f"BROKEN: {error}")
            return 1
    print(
        f"2 x {given.messages} messages in {found.seconds:.0f} s, none lost, none doubled; seen by"
        f" the other after {found.share(0.5) * 1000:.0f} ms (median),"
        f" {found.share(0.99) * 1000:.0f} ms (99 %), {max(found.delays) * 1000:.0f} ms (all);"
        f" {sum(delay > 1 for delay in found.delays)} after more than a second"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
