"""Commands in states that are rare: another branch is shown, a server hangs up, names collide."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from tests.engine.world import World
from tests.fakes.provider import Pause, Turn, called, said
from tests.fakes.toolset import Always
from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import (
    Decision,
    Need,
    Outcome,
    PartKind,
    Problem,
    RunState,
    ToolOrigin,
    ToolRef,
    ToolSpec,
)
from tui.core.ports import Ask, WireReceived
from tui.core.services import RetryRun
from tui.core.settings import Limits
from tui.core.thread import ToolCall

_YES = Decision(approved=True, by="user")
_LONG = "word " * 2000
_ARRIVED = WireReceived(index=0, at=0.0, mono=0.0, name="error", data="{}")


def _stateless(*turns: Turn, **more: object) -> World:
    return World(*turns, stateful=False, **more)  # type: ignore[arg-type]  # passed on as given


def _asks_to_approve(name: str) -> Turn:
    """The provider wants to run a tool of its own."""
    tool = ToolRef(name=name, call_id="a1", origin=ToolOrigin.REMOTE_MCP, server="docs")
    need = Need(call_id="a1", name=name, arguments="{}", approval=True)
    return [
        e.MessageStarted(message_id="s1"),
        e.PartStarted(message_id="s1", part_id="s1:0", index=0, kind=PartKind.TOOL_CALL, tool=tool),
        e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=(need,)),
    ]


# --- another branch is shown ---------------------------------------------------------------------


async def test_an_interrupted_run_goes_on_in_its_own_branch_whichever_is_shown() -> None:
    asking = called(("c1", "echo", "{}"), step="r2:1")
    old = _stateless(said("first", message="m1"), asking, policy=Always(Ask()))
    await old.ask("question")
    retry = RetryRun(thread_id="t", of="r1", run_id="r2")
    await old.conversations.retry(retry)
    await old.until("r2", RunState.WAITING)
    await old.killed()
    world = _stateless(said("second", message="r2:2"), store=old.store, policy=Always(Ask()))
    await world.conversations.select("t", "m1")
    await world.conversations.decide("t", "r2", "c1", _YES)
    run = await world.finished("r2")
    assert run.outcome is Outcome.COMPLETED
    transcript = await world.transcript()
    assert [message.id for message in transcript.path()] == ["u1", "r2:1", "r2:2"]
    history = world.provider.requests[-1].history
    assert [message.id for message in history] == ["u1", "r2:1"]


async def test_a_run_that_had_said_nothing_goes_on_without_the_answer_that_is_shown() -> None:
    silent: Turn = [Pause(asyncio.Event())]
    old = _stateless(said("first", message="m1"), silent)
    await old.ask("question")
    await old.conversations.retry(RetryRun(thread_id="t", of="r1", run_id="r2"))
    await old.provider.paused.wait()
    await old.killed()
    world = _stateless(said("second", message="r2:1"), store=old.store)
    await world.conversations.select("t", "m1")
    await world.conversations.resume("t")
    await world.finished("r2")
    assert [message.id for message in world.provider.requests[-1].history] == ["u1"]
    assert [message.id for message in (await world.transcript()).path()] == ["u1", "r2:1"]


# --- servers that hang up ------------------------------------------------------------------------


async def test_a_server_that_hangs_up_is_asked_no_more_often_than_the_settings_say() -> None:
    lost = ProviderError(
        "It broke.", code="connection_lost", retryable=True, sent=True, retry_after=0.0
    )
    world = _stateless(*[[lost]] * 9, limits=Limits(max_retries=2))
    run = await world.ask()
    assert run.outcome is Outcome.DISCONNECTED
    assert len(world.provider.given) == 3


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize(
    "broken",
    [
        ProviderError("It broke.", code="connection_lost", retryable=True, sent=True),
        e.TurnFinished(outcome=Outcome.DISCONNECTED),
    ],
)
async def test_an_approval_whose_reply_was_lost_is_not_sent_once_more(
    broken: ProviderError | e.TurnFinished, interrupted: bool
) -> None:
    """The server may have begun to run what was approved."""
    asking = _asks_to_approve("delete")
    turns = (asking,) if interrupted else (asking, [broken], said("never"))
    world = _stateless(*turns, policy=Always(Ask()))
    run_id = await world.send()
    await world.until(run_id, RunState.WAITING)
    if interrupted:
        await world.killed()
        world = _stateless([broken], said("never"), store=world.store, policy=Always(Ask()))
    await world.conversations.decide("t", run_id, "a1", _YES)
    assert (await world.finished(run_id)).outcome is Outcome.DISCONNECTED
    assert len(world.provider.turns) == 1


async def test_a_refusal_whose_reply_was_lost_can_be_sent_once_more() -> None:
    lost = ProviderError(
        "It broke.", code="connection_lost", retryable=True, sent=True, retry_after=0.0
    )
    no = Decision(approved=False, by="policy")
    world = _stateless(_asks_to_approve("delete"), [lost], said("done"), policy=Always(no))
    assert (await world.ask()).outcome is Outcome.COMPLETED


def _failed(code: str) -> e.TurnFinished:
    problem = Problem(code=code, message="The server says so in its stream.")
    return e.TurnFinished(outcome=Outcome.FAILED, error=problem)


async def test_a_failure_that_passes_is_retried_in_sight_also_when_the_stream_tells_it() -> None:
    world = _stateless([_ARRIVED, _failed("rate_limit_exceeded")], said("done"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    (retry,) = world.events(e.RetryScheduled)
    assert isinstance(retry, e.RetryScheduled)
    assert (retry.attempt, retry.reason) == (1, "The server says so in its stream.")


@pytest.mark.parametrize(
    ("turn", "stateful"),
    [
        ([_failed("invalid_prompt")], False),  # it will fail again
        ([*said("half an", end=None), _failed("server_error")], False),  # it would be said twice
        ([_failed("server_error")], True),  # the server has the message already
    ],
)
async def test_other_failures_in_a_stream_are_left_to_the_reader(
    turn: Turn, stateful: bool
) -> None:
    world = World(turn, said("never", message="m2"), stateful=stateful)
    assert (await world.ask()).outcome is Outcome.FAILED
    assert len(world.provider.given) == 1


# --- names ---------------------------------------------------------------------------------------


@dataclass
class _Sees:
    """A policy that allows everything and remembers for which of our tools it was asked."""

    specs: list[ToolSpec | None] = field(default_factory=list)

    def decide(self, call: ToolCall, spec: ToolSpec | None) -> Decision:
        self.specs.append(spec)
        return _YES


async def test_a_remote_tool_with_the_name_of_one_of_ours_is_not_taken_for_it() -> None:
    """Else it would run without a question when ours only reads."""
    policy = _Sees()
    world = _stateless(_asks_to_approve("echo"), said("done"), policy=policy)
    await world.ask()
    assert policy.specs == [None]


# --- models --------------------------------------------------------------------------------------


async def test_naming_the_profile_that_a_thread_has_leaves_its_model_alone() -> None:
    world = _stateless(said("one"), said("two", message="m2"), said("three", message="m3"))
    await world.finished(await world.send(profile="work", model="big"))
    run = await world.finished(await world.send(profile="work"))
    assert (run.profile, run.model) == ("work", "big")
    run = await world.finished(await world.send(profile="other"))
    assert (run.profile, run.model) == ("other", "its own")


# --- what is too long ----------------------------------------------------------------------------


async def test_a_message_that_fits_nowhere_teaches_nothing_about_the_window() -> None:
    """The server may have meant something else; what comes next must not lose its history."""
    complaint = ProviderError("too long", code="context_length_exceeded")
    world = _stateless(
        said("one", message="m1"),
        [complaint],
        [complaint],
        said("two", message="m2"),
    )
    await world.ask(_LONG)
    assert (await world.ask("and now")).outcome is Outcome.FAILED
    run = await world.ask("once more")
    assert run.outcome is Outcome.COMPLETED
    assert run.seen_from == ""
    texts = [message.text for message in world.provider.requests[-1].history]
    assert texts == [_LONG, "one", "and now", "once more"]


async def test_an_answer_that_grew_too_long_is_not_begun_once_more() -> None:
    problem = Problem(code="context_length_exceeded", message="too long")
    begun = [
        *said("half an", message="m2", end=None),
        e.TurnFinished(outcome=Outcome.FAILED, error=problem),
    ]
    world = _stateless(said("one"), begun, said("never", message="m3"))
    await world.ask(_LONG)
    run = await world.ask("and now")
    assert (run.outcome, run.error) == (Outcome.FAILED, problem)
    texts = [message.text for message in (await world.transcript()).path()]
    assert texts == [_LONG, "one", "and now", "halfan"]


# --- another protocol ----------------------------------------------------------------------------


@pytest.mark.parametrize("stateful", [False, True])
async def test_a_run_that_began_over_another_protocol_goes_on(stateful: bool) -> None:
    """Its profile was changed while the call waited; the new server has never heard of it."""
    old = World(called(("c1", "echo", "{}")), stateful=not stateful, policy=Always(Ask()))
    run_id = await old.send()
    await old.until(run_id, RunState.WAITING)
    await old.killed()
    unknown = ProviderError("The server never got this run.", code="run_not_found")
    script: list[Turn] = [[unknown]] if stateful else []
    world = World(*script, said("done"), store=old.store, stateful=stateful, policy=Always(Ask()))
    await world.conversations.decide("t", run_id, "c1", _YES)
    run = await world.finished(run_id)
    assert run.outcome is Outcome.COMPLETED
    (sent,) = world.provider.requests[-1].history[-1].calls
    assert (sent.call_id, sent.output) == ("c1", "{}")
    assert world.toolset.called == ["c1"]
    assert [m.text for m in (await world.transcript()).path()] == ["hello", "", "done"]
