"""Three processes and one thread, in any order of claims, robberies, deaths, writes and requests.

After every step each of them reads the same thread, and it is what those who held it wrote.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.log_builder import LogBuilder
from tui.core import codec
from tui.core import events as e
from tui.core.errors import BusyError
from tui.core.models import JsonObject, Outcome, PartInput, Role
from tui.core.ports import Request
from tui.core.transcript import Transcript
from tui.store.thread_store import SqliteThreadStore

T = TypeVar("T")

_MEMORY = next((each for each in ("/dev/shm",) if Path(each).is_dir()), None)
_THREAD = "t"
_WHO = st.integers(0, 2)
_DEAD = -1  # a holder that no longer lives


@dataclass
class _Process:
    """``known`` is the thread as it was seen there."""

    store: SqliteThreadStore
    known: Transcript = field(default_factory=lambda: Transcript(_THREAD))


def _seen(transcript: Transcript) -> JsonObject:
    """All but the stamps: the store makes those of what it appends itself."""
    return {"view": transcript.view(times=False), "seq": transcript.seq}


class Processes(RuleBasedStateMachine):
    """``truth`` is what the thread must be, ``waiting`` the messages posted to its holder."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.mkdtemp(dir=_MEMORY)
        self.processes = [self._start() for _ in range(3)]
        self.truth = LogBuilder(_THREAD)
        self.holder: int | None = None
        self.waiting: list[str] = []
        self.handed: set[str] = set()
        self.number = 0

    def _start(self) -> _Process:
        return _Process(SqliteThreadStore.open(Path(self.directory) / "t.db"))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def _name(self) -> str:
        self.number += 1
        return f"x{self.number}"

    def _left(self) -> None:
        """Nobody holds the thread any more: what its holder was given waits in the thread."""
        for name in self.waiting:
            self.truth.add(self._queued(name))
        self.waiting, self.handed, self.holder = [], set(), None

    def _queued(self, name: str) -> e.MessageQueued:
        return e.MessageQueued(message_id=name, run_id="r", parts=(PartInput(text=name),))

    def _taken(self, who: int, last: int) -> None:
        if self.holder != who:
            for run in [each.id for each in self.truth.live.runs.values() if each.active]:
                self.truth.add(e.RunInterrupted(), run)
            self._left()
            self.holder = who
        assert last == self.truth.live.seq
        self._follow(who)

    def _follow(self, who: int) -> None:
        process = self.processes[who]
        missed = self._do(process.store.tail(_THREAD, process.known.seq))
        if missed is None:
            loaded = self._do(process.store.load(_THREAD))
            process.known = loaded or Transcript(_THREAD)
        else:
            process.known.apply_all(missed)
        assert _seen(process.known) == _seen(self.truth.live)

    # --- what processes do --------------------------------------------------------------------

    @rule(who=_WHO)
    def claim(self, who: int) -> None:
        claim = self.processes[who].store.claim(_THREAD)
        if self.holder in (None, _DEAD, who):
            self._taken(who, self._do(claim))
        else:
            with pytest.raises(BusyError):
                self._do(claim)

    @rule(who=_WHO)
    def rob(self, who: int) -> None:
        self._taken(who, self._do(self.processes[who].store.claim(_THREAD, force=True)))

    @rule(who=_WHO)
    def release(self, who: int) -> None:
        store = self.processes[who].store
        store.release(_THREAD)
        self._do(store.barrier())
        if self.holder == who:
            self._left()

    @rule(who=_WHO, what=st.sampled_from(["message", "queue", "start", "words", "end", "resume"]))
    def write(self, who: int, what: str) -> None:
        """Holder or not: who believes to hold it writes, and only the holder is heard."""
        process = self.processes[who]
        builder = self.truth if self.holder == who else LogBuilder.going_on(process.known)
        before = len(builder.log)
        self._write(builder, what)
        process.store.append(builder.log[before:])
        self._do(process.store.barrier())
        if self.holder != who:
            process.known = Transcript(_THREAD)  # it has seen what never was
        self._follow(who)

    def _write(self, build: LogBuilder, what: str) -> None:
        if build.live.seq == 0:
            build.created()
        name = self._name()
        run = build.live.latest_run()
        if what == "message" or build.live.leaf_id is None:
            build.add(e.MessageAdded(message_id=name, parent_id=build.live.leaf_id, role=Role.USER))
        elif what == "queue":
            build.add(self._queued(name))
        elif what == "start" or run is None:
            build.started(name)
            build.answering(name, f"a-{name}")
        elif what == "words":
            build.words("one ", "two ", run=run.id, message=f"a-{run.id}")
        elif what == "end":
            build.add(e.RunFinished(outcome=Outcome.COMPLETED), run.id)
        else:
            build.add(e.RunResumed(owner="someone"), run.id)

    @rule(who=_WHO)
    def post(self, who: int) -> None:
        name = self._name()
        data = codec.encode(self._queued(name))
        request = Request(thread_id=_THREAD, kind="queue", run_id="r", data=data)
        heard = self._do(self.processes[who].store.post(request))
        assert heard == (self.holder not in (None, _DEAD, who))
        if heard:
            self.waiting.append(name)

    @rule(who=_WHO, act=st.booleans())
    def take(self, who: int, act: bool) -> None:
        """Each request is handed out once; a process may be stopped before it acts on it."""
        process = self.processes[who]
        taken = [each.data["message_id"] for each in self._do(process.store.requests())]
        if self.holder != who:
            assert taken == []
            return
        assert taken == [each for each in self.waiting if each not in self.handed]
        self.handed.update(taken)
        if act and self.truth.live.seq:
            process.store.append([self.truth.add(self._queued(name)) for name in taken])
            self._do(process.store.barrier())
            self.waiting = [each for each in self.waiting if each not in taken]

    @rule(who=_WHO)
    def die(self, who: int) -> None:
        """As by kill -9: the lock goes, the lease and the requests stay."""
        dead = self.processes[who].store
        dead._owner.release()
        dead._leases._believed.clear()
        dead.close()
        self.processes[who] = self._start()
        if self.holder == who:
            self.holder = _DEAD

    @precondition(lambda self: self.holder == _DEAD)
    @rule(who=_WHO)
    def recover(self, who: int) -> None:
        running = [each.id for each in self.truth.live.runs.values() if each.active]
        assert list(self._do(self.processes[who].store.recover())) == running
        for run in running:
            self.truth.add(e.RunInterrupted(), run)
        self._left()

    @invariant()
    def everyone_reads_the_same(self) -> None:
        for process in self.processes:
            loaded = self._do(process.store.load(_THREAD))
            assert _seen(loaded or Transcript(_THREAD)) == _seen(self.truth.live)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        for process in self.processes:
            process.store.close()
        self.loop.close()
        shutil.rmtree(self.directory)


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
