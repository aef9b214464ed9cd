"""Everything that the machine's rules act on: processes, runs on the server, what was promised."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.durability.home import WORD
from tests.durability.machine.actor import THREADS
from tests.durability.machine.stage import Actor, Lines, RemoteRun, Zygote, refused
from tui.core.models import MessageId, Outcome, RunId, ThreadId
from tui.core.transcript import Transcript
from tui.store.check import check
from tui.store.thread_store import SqliteThreadStore

_PATIENCE = 5.0

Views: TypeAlias = dict[ThreadId, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Turn:
    """A request that waits in an actor for its answer."""

    actor: Actor
    number: int
    run_id: RunId
    kind: str
    calls: tuple[str, ...]

    def feed(self, lines: Lines) -> None:
        """Answer some more of it."""
        self.actor.do("feed", turn=self.number, lines=lines)


class World:
    """``accepted`` are messages that a process said were on disk, ``taken_back`` those that a
    reader did not want any more."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._directory = tempfile.TemporaryDirectory(prefix="machine-")
        self._home = Path(self._directory.name)
        self._database = self._home / "data" / "tickertape.db"
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count(1)
        self._seen: set[tuple[int, int]] = set()
        self.actors: dict[str, Actor] = {}
        self.frozen: set[str] = set()
        self.remote: dict[RunId, RemoteRun] = {}
        self.accepted: dict[MessageId, ThreadId] = {}
        self.taken_back: set[MessageId] = set()
        self.views: Views = {key: {"messages": {}, "runs": {}, "queue": {}} for key in THREADS}
        self.start("a")
        self._reader = SqliteThreadStore.open(self._database)

    def number(self) -> int:
        """For a name that nothing else has."""
        return next(self._numbers)

    def word(self) -> str:
        """One that was never said."""
        return f"w{self.number():05d}x"

    # --- processes ------------------------------------------------------------------------------

    def start(self, slot: str) -> None:
        """A process, unless there is one."""
        if slot not in self.actors:
            self.actors[slot] = self._zygote.actor(slot, self._home)
            self.actors[slot].do("state")

    def awake(self) -> list[Actor]:
        """The processes that answer."""
        return [self.actors[slot] for slot in self.actors if slot not in self.frozen]

    def kill(self, slot: str) -> None:
        """SIGKILL."""
        self.actors.pop(slot).kill()

    def close(self, slot: str, *, cancel: bool) -> None:
        """Quit in order."""
        actor = self.actors.pop(slot)
        actor.do("close", cancel=cancel)
        for run_id in actor.answer["cancelled"]:
            self._cancelled(run_id)
        actor.close()

    def freeze(self, slot: str) -> None:
        """It holds what it holds, and does not answer."""
        self.actors[slot].signal(signal.SIGSTOP)
        self.frozen.add(slot)

    def thaw(self) -> None:
        """All go on."""
        for slot in self.frozen:
            self.actors[slot].signal(signal.SIGCONT)
        self.frozen.clear()

    # --- the server -----------------------------------------------------------------------------

    def look(self) -> list[Actor]:
        """Those that answer, with how things stand; what they ask has reached the server then."""
        for actor in self.awake():
            actor.do("state")
            for run_id in actor.answer["cancelled"]:
                self._cancelled(run_id)
            for turn in self._turns_of(actor):
                if (actor.pid, turn.number) not in self._seen:
                    self._seen.add((actor.pid, turn.number))
                    self._receive(turn)
        return self.awake()

    def turns(self, *kinds: str) -> list[Turn]:
        """Requests of these kinds that wait for an answer, as of the last look."""
        found = [turn for actor in self.awake() for turn in self._turns_of(actor)]
        return [turn for turn in found if turn.kind in kinds]

    def streams(self) -> list[Turn]:
        """Open streams of runs that go on."""
        return [
            turn
            for turn in self.turns("new", "results")
            if turn.run_id in self.remote and self.remote[turn.run_id].going
        ]

    def going(self) -> list[tuple[RemoteRun, Callable[[Lines], None]]]:
        """Runs that go on, and how to tell; one whose stream has broken goes on unheard."""
        heard = {turn.run_id: turn.feed for turn in self.streams()}
        runs = [run for run in self.remote.values() if run.going]
        return [(run, heard.get(run.run_id, _nobody)) for run in runs]

    def tools(self) -> list[tuple[Actor, str]]:
        """The calls whose functions run."""
        return [(actor, call) for actor in self.awake() for call in actor.answer["tools"]]

    def _turns_of(self, actor: Actor) -> list[Turn]:
        return [
            Turn(actor, each["turn"], each["run"], each["kind"], tuple(each["calls"]))
            for each in actor.answer["turns"]
        ]

    def _receive(self, turn: Turn) -> None:
        run = self.remote.get(turn.run_id)
        if turn.kind == "new":
            assert run is None, "a message was sent twice"
            self.remote[turn.run_id] = RemoteRun(turn.run_id, f"remote-{self.number()}")
        elif turn.kind == "results":
            if run is None or run.waits_for != turn.calls:
                turn.feed(refused("invalid_request_error"))
            else:
                run.going = True

    def _cancelled(self, run_id: RunId) -> None:
        run = self.remote.get(run_id)
        if run is not None and (run.going or run.waits_for):
            run.going, run.state = False, Outcome.CANCELLED

    # --- what must be true ----------------------------------------------------------------------

    def check(self) -> None:
        """Everyone sees what is on disk, everything accepted is there, and nothing is twice."""
        end = time.monotonic() + _PATIENCE
        while True:
            seen = [actor.answer["views"] for actor in self.look()]
            views = self._on_disk()
            missing = self._missing(views)
            if not missing and all(each == views for each in seen):
                break
            if time.monotonic() > end:
                assert not missing, f"accepted and gone: {missing}"
                assert seen == [views] * len(seen), "a reload shows something else"
        self._check_once(views)
        self.views = views

    def runs(self, *states: str) -> list[tuple[ThreadId, RunId]]:
        """The last runs of the threads, those in these states, as of the last check."""
        last = [(key, list(view["runs"].values())[-1:]) for key, view in self.views.items()]
        return [(key, run["id"]) for key, runs in last for run in runs if run["state"] in states]

    def asking(self) -> list[tuple[ThreadId, RunId, str]]:
        """The calls that someone has to decide about."""
        return [
            (key, part["tool"]["run_id"], part["tool"]["call_id"])
            for key, view in self.views.items()
            for message in view["messages"].values()
            for part in message["parts"]
            if part["tool"] and part["tool"]["state"] == "approval"
        ]

    def waiting(self) -> list[tuple[ThreadId, MessageId]]:
        """The messages that wait for a run to end."""
        return [(key, message) for key, view in self.views.items() for message in view["queue"]]

    def check_file(self) -> None:
        """The store is sound."""
        assert check(self._database, full=True) == []

    def end(self) -> None:
        """Leave nothing behind."""
        self.thaw()
        for slot in list(self.actors):
            self.kill(slot)
        self._reader.close()
        self._loop.close()
        self._directory.cleanup()

    def _on_disk(self) -> Views:
        async def load() -> Views:
            loaded = [(each, await self._reader.load(each)) for each in THREADS]
            return {key: (found or Transcript(key)).view() for key, found in loaded}

        views: Views = json.loads(json.dumps(self._loop.run_until_complete(load())))
        return views

    def _missing(self, views: Views) -> list[MessageId]:
        if self.frozen or not self.actors:
            return []  # given to one that does not answer: it is put into the thread later
        return [
            message
            for message, thread in self.accepted.items()
            if message not in self.taken_back
            and message not in views[thread]["messages"]
            and message not in views[thread]["queue"]
        ]

    def _check_once(self, views: Views) -> None:
        parts = [
            part
            for view in views.values()
            for message in view["messages"].values()
            for part in message["parts"]
        ]
        said = Counter(word for part in parts for word in WORD.findall(part["text"]))
        assert max(said.values(), default=1) == 1, f"said twice: {said.most_common(3)}"
        effects = self._home / "config" / "effects"
        noted = Counter(effects.read_text().split() if effects.exists() else [])
        assert max(noted.values(), default=1) == 1, f"took effect twice: {noted.most_common(3)}"
        started = {p["tool"]["call_id"] for p in parts if p["tool"] and p["tool"]["started_mono"]}
        assert set(noted) <= started, "took effect and is not on disk as started"


def _nobody(lines: Lines) -> None:
    """The stream of this run has broken."""
