"""Runs on servers that keep nothing: what is asked again, what is kept, what starts over."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.world import World
from tests.fakes.provider import Pause, Turn, called, said
from tests.fakes.toolset import Always, broken
from tui.core import events as e
from tui.core.errors import ConfigError, ProviderError
from tui.core.models import (
    Decision,
    Need,
    Outcome,
    PartKind,
    RunState,
    ToolOrigin,
    ToolRef,
    ToolState,
    Usage,
)
from tui.core.ports import Ask, NewMessages, ToolResults, WireReceived
from tui.core.settings import Limits

_YES = Decision(approved=True, by="user")
_ARRIVED = WireReceived(index=0, at=0.0, mono=0.0, name="message", data="{}")
_LOST = ProviderError("The connection broke.", code="connection_lost", retryable=True, sent=True)


def _world(*turns: Turn, **more: object) -> World:
    return World(*turns, stateful=False, **more)  # type: ignore[arg-type]  # passed on as given


# --- broken streams ------------------------------------------------------------------------------


async def test_what_arrived_of_a_broken_answer_is_kept_and_nothing_is_asked_again() -> None:
    world = _world([_ARRIVED, *said("half of", end=None)], said("next", message="m2"))
    run = await world.ask()
    assert run.outcome is Outcome.TRUNCATED
    assert [type(given) for given in world.provider.given] == [NewMessages]
    assert (await world.transcript()).messages["m1"].text == "halfof"
    assert (await world.ask("and on")).outcome is Outcome.COMPLETED


async def test_a_stream_that_broke_before_anything_came_is_asked_for_again_in_sight() -> None:
    broken = e.TurnFinished(outcome=Outcome.DISCONNECTED)
    world = _world([broken], said("whole"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert "before anything came" in run.notices[0]
    assert [type(given) for given in world.provider.given] == [NewMessages, NewMessages]


async def test_a_lost_reply_is_asked_for_again_as_nothing_can_stand_twice() -> None:
    world = _world([_LOST], said("whole"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert len(world.events(e.RetryScheduled)) == 1


async def test_a_server_that_was_silent_too_long_is_not_asked_again() -> None:
    silent = ProviderError("silent", code="read_timeout", retryable=True, sent=True)
    world = _world([silent], said("never"))
    run = await world.ask()
    assert run.outcome is Outcome.DISCONNECTED
    assert len(world.provider.given) == 1


async def test_asking_again_ends() -> None:
    broken = e.TurnFinished(outcome=Outcome.DISCONNECTED)
    world = _world([broken], [broken], [broken])
    run = await world.ask()
    assert run.outcome is Outcome.DISCONNECTED
    assert world.provider.turns == []


# --- after a restart ---------------------------------------------------------------------------


async def _interrupted(*first: Turn, policy: object = None, stop: RunState) -> World:
    old = _world(*first, policy=policy or Always(Ask()))
    run_id = await old.send()
    if stop is RunState.WAITING:
        await old.until(run_id, RunState.WAITING)
    else:
        await old.provider.paused.wait()
    await old.killed()
    return old


async def test_an_answer_that_was_cut_off_says_that_the_rest_is_nowhere() -> None:
    old = await _interrupted(
        [*said("half", end=None), Pause(asyncio.Event())], stop=RunState.RUNNING
    )
    world = _world(store=old.store)
    await world.conversations.resume("t")
    run = await world.finished("r1")
    assert run.outcome is Outcome.DISCONNECTED
    assert run.error is not None
    assert "no copy of the rest" in run.error.message
    assert run.notices == []
    assert world.provider.given == []


async def test_a_pending_call_starts_over_with_what_the_last_session_left() -> None:
    old = await _interrupted(called(("c1", "echo", "{}")), stop=RunState.WAITING)
    world = _world(said("done"), store=old.store, policy=Always(Ask()))
    await world.conversations.decide("t", "r1", "c1", _YES)
    run = await world.finished("r1")
    assert run.outcome is Outcome.COMPLETED
    assert run.notices == []
    assert world.provider.given == [NewMessages()]
    request = world.provider.requests[-1]
    assert request.continuation == {"turns": 1}
    (call,) = request.history[-1].calls
    assert (call.output, call.approved) == ("{}", True)
    assert world.toolset.called == ["c1"]


async def test_tokens_of_all_sessions_of_a_run_add_up() -> None:
    first = [e.UsageReported(usage=Usage(total_tokens=100)), *called(("c1", "echo", "{}"))]
    old = await _interrupted(first, stop=RunState.WAITING)
    second = [e.UsageReported(usage=Usage(total_tokens=30)), *said("done")]
    world = _world(second, store=old.store, policy=Always(Ask()))
    await world.conversations.decide("t", "r1", "c1", _YES)
    run = await world.finished("r1")
    assert run.usage == Usage(total_tokens=130)


# --- calls that the provider runs ----------------------------------------------------------------


def _asks_to_approve() -> Turn:
    tool = ToolRef(name="search", call_id="a1", origin=ToolOrigin.REMOTE_MCP, server="docs")
    need = Need(call_id="a1", name="search", arguments="{}", approval=True)
    return [
        e.MessageStarted(message_id="s1"),
        e.PartStarted(message_id="s1", part_id="s1:0", index=0, kind=PartKind.TOOL_CALL, tool=tool),
        e.ArgumentsDelta(part_id="s1:0", fragment="{}"),
        e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=(need,)),
    ]


@pytest.mark.parametrize("approved", [True, False])
async def test_an_approval_is_passed_on_and_nothing_is_run_here(approved: bool) -> None:
    world = _world(_asks_to_approve(), said("done"), policy=Always(Ask()))
    run_id = await world.send()
    await world.until(run_id, RunState.WAITING)
    decision = Decision(approved=approved, by="user")
    await world.conversations.decide("t", run_id, "a1", decision)
    assert (await world.finished(run_id)).outcome is Outcome.COMPLETED
    given = world.provider.given[-1]
    assert isinstance(given, ToolResults)
    assert [result.decision for result in given.results] == [decision]
    assert world.toolset.called == []
    state = (await world.call(run_id, "a1")).state
    assert state is (ToolState.DONE if approved else ToolState.DENIED)


async def test_an_approval_survives_its_process() -> None:
    old = await _interrupted(_asks_to_approve(), stop=RunState.WAITING)
    world = _world(said("done"), store=old.store, policy=Always(Ask()))
    await world.conversations.decide("t", "r1", "a1", _YES)
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    (call,) = world.provider.requests[-1].history[-1].calls
    assert (call.origin, call.approved) == (ToolOrigin.REMOTE_MCP, True)


# --- which model ---------------------------------------------------------------------------------


async def test_a_thread_changes_profile_and_model_and_the_history_goes_along() -> None:
    world = _world(said("one"), said("two", message="m2"), said("three", message="m3"))
    await world.ask("first")
    await world.conversations.use("t", "other", "big")
    run = await world.ask("second")
    assert (run.profile, run.model) == ("other", "big")
    request = world.provider.requests[-1]
    assert request.model == "big"
    assert [message.text for message in request.history] == ["first", "one", "second"]
    await world.conversations.use("t", "other")
    assert (await world.ask("third")).model == "its own"


async def test_a_new_thread_with_a_model_of_its_own() -> None:
    world = _world(said("one"), said("two", message="m2"))
    await world.finished(await world.send(model="big"))
    assert (await world.ask()).model == "big"


async def test_a_profile_that_does_not_exist_is_not_taken() -> None:
    world = _world(said("one"))
    await world.ask()
    with pytest.raises(ConfigError):
        await world.conversations.use("t", "absent")
    assert (await world.transcript()).profile == "default"


async def test_a_private_thread_is_kept_by_no_server_that_can_do_without() -> None:
    world = _world(said("one"), said("two", message="m2"))
    await world.finished(await world.send(thread="private-1"), thread="private-1")
    await world.ask()
    assert [profile.stateful for profile in world.source.given_for] == [False, True]


# --- bounds --------------------------------------------------------------------------------------


async def test_a_run_that_has_used_its_tokens_gets_no_further_round() -> None:
    usage = e.UsageReported(usage=Usage(total_tokens=120))
    first = [usage, *called(("c1", "echo", "{}"))]
    world = _world(first, said("never"), limits=Limits(max_tokens=100))
    run = await world.ask()
    assert (run.outcome, run.reason) == (Outcome.INCOMPLETE, "max_tokens")
    assert run.error is not None
    assert "120 tokens" in run.error.message


async def test_a_call_that_fails_the_same_way_again_and_again_ends_the_run() -> None:
    rounds = [called((f"c{n}", "broken", '{"a": 1}'), step=f"s{n}") for n in range(9)]
    world = _world(*rounds, functions={"broken": broken})
    run = await world.ask()
    assert (run.outcome, run.reason) == (Outcome.INCOMPLETE, "same_failure")
    assert len(world.toolset.called) == 5
    assert run.error is not None
    assert "same failing call of broken" in run.error.message


async def test_calls_that_fail_in_different_ways_may_go_on() -> None:
    rounds = [called((f"c{n}", "broken", f'{{"a": {n}}}'), step=f"s{n}") for n in range(9)]
    world = _world(*rounds, said("done"), functions={"broken": broken})
    assert (await world.ask()).outcome is Outcome.COMPLETED
