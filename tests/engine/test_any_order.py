"""Commands in any order on a server that keeps nothing: no text is lost, no call runs twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.world import World
from tests.fakes.toolset import Always
from tui.core import events as e
from tui.core.errors import ProviderError, TickertapeError
from tui.core.models import (
    Decision,
    JsonObject,
    ModelInfo,
    Need,
    Outcome,
    PartFinal,
    PartKind,
    Role,
    RunState,
    ToolOrigin,
    ToolRef,
)
from tui.core.ports import Ask, Capabilities, RunRequest, RunSession, Signal, TurnInput
from tui.core.services import RetryRun
from tui.store.memory_store import MemoryThreadStore

_ACTIONS = (
    "send",
    "queue",
    "send_queued",
    "retry",
    "select",
    "use",
    "approve",
    "deny",
    "cancel",
    "resume",
    "leave",
    "kill",
    # more often, since they have to meet
    "retry",
    "select",
    "approve",
    "kill",
)
_WHATS = ("says", "says", "calls", "calls", "asks", "breaks", "is lost", "is too long", "hangs")


@dataclass
class _Model:
    """Answers by chance, with ids that come from the history as those of the protocols do."""

    chance: random.Random
    said: dict[str, str] = field(default_factory=dict)
    odd: list[RunRequest] = field(default_factory=list)  # without all that their runs have said
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(server_state=False))

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        mine = [m for m in request.history if m.id.startswith(f"{request.run_id}:")]
        said = [message for message in self.said if message.startswith(f"{request.run_id}:")]
        if [message.id for message in mine] != said or (
            not said and request.history[-1].role is not Role.USER
        ):
            self.odd.append(request)
        yield _Session(self, request.run_id, len(mine))

    async def models(self) -> Sequence[ModelInfo]:
        return ()

    async def close(self) -> None:
        """Nothing to give back."""


@dataclass
class _Session:
    model: _Model
    run_id: str
    round: int
    continuation: JsonObject = field(default_factory=dict)

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        what = self.model.chance.choice(_WHATS)
        if what == "is lost":
            raise ProviderError("Lost.", code="lost", retryable=True, sent=True, retry_after=0.0)
        if what == "is too long":
            raise ProviderError("Too long.", code="context_length_exceeded")
        self.round += 1
        message, part = f"{self.run_id}:{self.round}", f"{self.run_id}:{self.round}:0"
        yield e.MessageStarted(message_id=message)
        yield e.PartStarted(message_id=message, part_id=part, index=0, kind=PartKind.TEXT)
        self.model.said[message] = f"this is {message}"
        yield e.TextDelta(part_id=part, text=f"this is {message}")
        await asyncio.sleep(0)
        if what == "hangs":
            await asyncio.Event().wait()
        if what == "breaks":
            return
        yield e.PartFinished(part_id=part)
        needs: tuple[Need, ...] = ()
        if what in ("calls", "asks"):
            remote = what == "asks"
            origin = ToolOrigin.REMOTE_MCP if remote else ToolOrigin.CLIENT
            tool = ToolRef(name="echo", call_id=f"c{self.round}", origin=origin)
            yield e.PartStarted(
                message_id=message,
                part_id=f"{message}:1",
                index=1,
                kind=PartKind.TOOL_CALL,
                tool=tool,
            )
            yield e.PartFinished(part_id=f"{message}:1", final=PartFinal(arguments="{}"))
            needs = (Need(call_id=tool.call_id, name="echo", arguments="{}", approval=remote),)
        yield e.MessageFinished(message_id=message)
        outcome = Outcome.REQUIRES_ACTION if needs else Outcome.COMPLETED
        yield e.TurnFinished(outcome=outcome, needs=needs)

    async def cancel(self) -> Outcome:
        return Outcome.CANCELLED


class _Conversation:
    """One thread, in one process after the other."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.model = _Model(self.chance)
        self.sent = 0
        self.world = self._world(None)

    def _world(self, store: MemoryThreadStore | None) -> World:
        world = World(store=store, policy=Always(Ask()), stateful=False)
        world.source.given = self.model
        return world

    async def act(self, action: str) -> None:
        with contextlib.suppress(TickertapeError):  # refused, which changes nothing
            await self._do(action)
        for _ in range(self.chance.choice((0, 5, 60))):
            await asyncio.sleep(0)

    async def _do(self, action: str) -> None:
        if action in ("send", "queue"):
            self.sent += 1
            await self.world.send(f"message {self.sent}", queue=action == "queue")
        elif action == "kill":
            await self.world.killed()
            self.world = self._world(self.world.store)
        else:
            await self._command(action)

    async def _command(self, action: str) -> None:
        do, t = self.world.conversations, await self.world.transcript()
        run = t.latest_run()
        assert run is not None
        if action == "retry":
            self.sent += 1
            of = self.chance.choice(list(t.runs))
            await do.retry(RetryRun(thread_id="t", of=of, run_id=f"again{self.sent}"))
        elif action == "select":
            await do.select("t", self.chance.choice(list(t.messages)))
        elif action == "use":
            await do.use("t", self.chance.choice(("one", "two")), self.chance.choice(("", "big")))
        elif action in ("approve", "deny"):
            waiting = [c for c in t.calls_of(run.id) if not c.finished]
            if waiting:
                decision = Decision(approved=action == "approve", by="user")
                await do.decide("t", run.id, self.chance.choice(waiting).call_id, decision)
        elif action == "cancel":
            await do.cancel("t", run.id)
        elif action in ("resume", "leave", "send_queued"):
            await getattr(do, action)("t")

    def check(self) -> None:
        """What holds whatever happened."""
        log = self.world.store.log["t"]
        approved = set()
        started = Counter[tuple[str | None, str]]()
        for envelope in log:
            event = envelope.event
            if isinstance(event, e.ApprovalDecided) and event.decision.approved:
                approved.add((envelope.run, event.call_id))
            elif isinstance(event, e.ToolStarted):
                started[envelope.run, event.call_id] += 1
                assert (envelope.run, event.call_id) in approved
        assert all(number == 1 for number in started.values()), started


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_ACTIONS), max_size=25), st.integers(0, 2**32))
async def test_any_order_of_commands(actions: list[str], seed: int) -> None:
    talk = _Conversation(seed)
    for action in ["send", *actions]:
        await talk.act(action)
    await talk.world.killed()
    talk.check()
    transcript = await talk.world.transcript()
    for message_id, text in talk.model.said.items():
        if message_id in transcript.messages:
            assert transcript.messages[message_id].text == text
    codes = [run.error.code for run in transcript.runs.values() if run.error is not None]
    assert "internal" not in codes
    assert talk.model.odd == []
    active = [run for run in transcript.runs.values() if run.active]
    assert active == []
    assert sum(run.state is RunState.INTERRUPTED for run in transcript.runs.values()) <= 1
