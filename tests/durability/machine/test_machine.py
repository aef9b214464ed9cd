"""Whatever happens in whatever order, to two processes and their server: a reload shows the same.

For longer: ``DURABILITY_EXAMPLES=1000 pytest tests/durability/machine --timeout 0``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.durability.machine.actor import THREADS
from tests.durability.machine.stage import Actor, broken, refused, zygote
from tests.durability.machine.world import World
from tui.core.models import Outcome

T = TypeVar("T")

_EXAMPLES = int(os.environ.get("DURABILITY_EXAMPLES", "8"))
_STEPS = 60
_SLOTS = ("a", "b")

# Which of the things at hand; what is at hand depends on timing, and draws must not.
_picks = st.integers(0, 11)
# Processes come and go less often than anything else happens.
_seldom = st.sampled_from((False, False, True))
_threads = st.sampled_from(THREADS)
_outcomes = st.sampled_from((Outcome.COMPLETED, Outcome.COMPLETED, Outcome.FAILED))


def _pick(choices: Sequence[T], pick: int) -> list[T]:
    """One of them, or none of none."""
    return [choices[pick % len(choices)]] if choices else []


class Machine(RuleBasedStateMachine):
    """Two processes at most, two threads; the server does what the rules say.

    A rule for which there is nothing at hand does nothing.
    """

    world: World

    def _actor(self, pick: int) -> Actor:
        """A process that answers."""
        if not self.world.awake():
            self.world.thaw()
            self.world.start(_SLOTS[0])
        return _pick(self.world.awake(), pick)[0]

    # --- processes ------------------------------------------------------------------------------

    @rule()
    def open(self) -> None:
        for slot in _SLOTS:
            self.world.start(slot)

    @rule(now=_seldom, pick=_picks, words=st.integers(0, 3))
    def kill(self, now: bool, pick: int, words: int) -> None:
        """In the middle of something: nobody waits for what was said last."""
        if not now:
            return
        actor = self._actor(pick)
        for turn in [each for each in self.world.streams() if each.actor is actor][:1]:
            for _ in range(words):
                lines = self.world.remote[turn.run_id].say(self.world.word())
                actor.begin("feed", turn=turn.number, lines=lines)
        self.world.kill(actor.name)

    @rule(now=_seldom, pick=_picks, thread=_threads, queue=st.booleans())
    def kill_while_sending(self, now: bool, pick: int, thread: str, queue: bool) -> None:
        """Nobody was told that the message is on disk; it may be, once."""
        if not now:
            return
        actor = self._actor(pick)
        actor.begin("send", command=self._message(thread, queue))
        self.world.kill(actor.name)

    @rule(now=_seldom, pick=_picks, cancel=st.booleans())
    def close(self, now: bool, pick: int, cancel: bool) -> None:
        if now:
            self.world.close(self._actor(pick).name, cancel=cancel)

    @rule(pick=_picks)
    def freeze(self, pick: int) -> None:
        if len(self.world.awake()) == len(_SLOTS):
            self.world.freeze(self._actor(pick).name)

    @rule()
    def thaw(self) -> None:
        self.world.thaw()

    # --- a reader's commands --------------------------------------------------------------------

    @rule(pick=_picks, thread=_threads, queue=st.booleans())
    def send(self, pick: int, thread: str, queue: bool) -> None:
        self._send(self._actor(pick), thread, queue=queue)

    @rule(pick=_picks, thread=_threads, name=st.sampled_from(("free", "asking")))
    def send_what_needs_a_tool(self, pick: int, thread: str, name: str) -> None:
        run_id = self._send(self._actor(pick), thread, queue=False)
        self.world.look()
        for run, feed in self.world.going():
            if run.run_id == run_id:
                feed(run.call(name, f"call-{self.world.number()}"))

    @rule(pick=_picks)
    def retry(self, pick: int) -> None:
        for thread, run in _pick(self.world.runs("finished", "interrupted"), pick):
            again = {"thread_id": thread, "of": run, "run_id": f"run-{self.world.number()}"}
            _do(self._actor(pick), "retry", command=again)

    @rule(pick=_picks, what=st.sampled_from(("resume", "resume", "leave")))
    def after_an_interruption(self, pick: int, what: str) -> None:
        for thread, _ in _pick(self.world.runs("interrupted"), pick):
            _do(self._actor(pick), what, thread=thread)

    @rule(pick=_picks)
    def take_over(self, pick: int) -> None:
        """From the process that drives it: the other one, perhaps frozen, or this one."""
        for thread, _ in _pick(self.world.runs("running", "waiting"), pick):
            _do(self._actor(pick), "resume", thread=thread)

    @rule(pick=_picks)
    def cancel(self, pick: int) -> None:
        for thread, run in _pick(self.world.runs("running", "waiting"), pick):
            _do(self._actor(pick), "cancel", thread=thread, run=run)

    @rule(pick=_picks, approved=st.booleans())
    def decide(self, pick: int, approved: bool) -> None:
        for thread, run, call in _pick(self.world.asking(), pick):
            given = {"run": run, "call": call, "approved": approved}
            _do(self._actor(pick), "decide", thread=thread, **given)

    @rule(pick=_picks)
    def send_queued(self, pick: int) -> None:
        for thread, _ in _pick(self.world.waiting(), pick):
            _do(self._actor(pick), "send_queued", thread=thread)

    @rule(pick=_picks)
    def take_back(self, pick: int) -> None:
        for thread, message in _pick(self.world.waiting(), pick):
            if _do(self._actor(pick), "unqueue", thread=thread, message=message):
                self.world.taken_back.add(message)

    # --- the server, and the tools --------------------------------------------------------------

    @rule(pick=_picks, words=st.integers(1, 3))
    def say(self, pick: int, words: int) -> None:
        for run, feed in _pick(self.world.going(), pick):
            for _ in range(words):
                feed(run.say(self.world.word()))

    @rule(pick=_picks, name=st.sampled_from(("free", "asking")))
    def call(self, pick: int, name: str) -> None:
        for run, feed in _pick(self.world.going(), pick):
            feed(run.call(name, f"call-{self.world.number()}"))

    @rule(pick=_picks, outcome=_outcomes)
    def finish(self, pick: int, outcome: Outcome) -> None:
        for run, feed in _pick(self.world.going(), pick):
            feed(run.finish(outcome))

    @rule(pick=_picks)
    def disconnect(self, pick: int) -> None:
        for turn in _pick(self.world.streams(), pick):
            turn.feed(broken())

    @rule(pick=_picks, forget=st.sampled_from((False, False, False, True)))
    def tell(self, pick: int, forget: bool) -> None:
        """Someone asks what became of a run; the server may have forgotten it."""
        for turn in _pick(self.world.turns("resume"), pick):
            if forget:
                self.world.remote.pop(turn.run_id, None)
            run = self.world.remote.get(turn.run_id)
            if run is not None and run.going:
                run.finish(Outcome.COMPLETED)
            turn.feed(refused("run_not_found") if run is None else run.whole())

    @rule(pick=_picks)
    def end_a_tool(self, pick: int) -> None:
        for actor, call in _pick(self.world.tools(), pick):
            _do(actor, "release", call=call)

    # --- what must be true ----------------------------------------------------------------------

    @invariant()
    def a_reload_shows_the_same(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """Whatever happened before, each thread takes a message and has it answered."""
        try:
            self.world.thaw()
            for slot in list(self.world.actors):
                self.world.kill(slot)
            self.world.start("a")
            self.world.check()
            for thread in THREADS:
                self._works(self.world.actors["a"], thread)
            self.world.kill("a")
            self.world.check_file()
        finally:
            self.world.end()

    def _works(self, actor: Actor, thread: str) -> None:
        # What was left to this start to settle goes on by itself.
        for busy, run in self.world.runs("running", "waiting"):
            if busy == thread:
                assert _do(actor, "cancel", thread=thread, run=run), actor.answer
        assert _do(actor, "leave", thread=thread), actor.answer
        for waiting, message in self.world.waiting():
            if waiting == thread:
                assert _do(actor, "unqueue", thread=thread, message=message), actor.answer
                self.world.taken_back.add(message)
        run_id = self._send(actor, thread, queue=False)
        assert run_id is not None, actor.answer
        self.world.look()
        (turn,) = [each for each in self.world.streams() if each.run_id == run_id]
        remote = self.world.remote[run_id]
        turn.feed(remote.say(self.world.word()) + remote.finish(Outcome.COMPLETED))
        self.world.check()
        assert self.world.views[thread]["runs"][run_id]["outcome"] == "completed"

    def _send(self, actor: Actor, thread: str, *, queue: bool) -> str | None:
        """The id of the run that will answer, or None when the message was refused."""
        command = self._message(thread, queue)
        if not _do(actor, "send", command=command):
            return None
        self.world.accepted[command["message_id"]] = thread
        return str(command["run_id"])

    def _message(self, thread: str, queue: bool) -> dict[str, Any]:
        number = self.world.number()
        return {
            "thread_id": thread,
            "message_id": f"message-{number}",
            "run_id": f"run-{number}",
            "text": f"Message {number}",
            "queue": queue,
        }


def _do(actor: Actor, what: str, **given: object) -> bool:
    """Whether it could be done."""
    return "error" not in actor.do(what, **given)


def test_everything_in_any_order() -> None:
    with zygote() as forking:

        class Begun(Machine):
            def __init__(self) -> None:
                super().__init__()
                self.world = World(forking)
                self.open()

        run_state_machine_as_test(
            Begun,
            settings=settings(
                max_examples=_EXAMPLES,
                stateful_step_count=_STEPS,
                suppress_health_check=list(HealthCheck),
            ),
        )
