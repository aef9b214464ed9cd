"""Runs that outlive their process: resumed, decided, left; and messages that wait for them."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.world import World
from tests.fakes.provider import Pause, Turn, called, said
from tests.fakes.toolset import Always, for_ever
from tui.core import events as e
from tui.core.errors import BusyError, NotFoundError, ProviderError
from tui.core.models import Decision, Need, Outcome, PartFinal, RunState, ToolState
from tui.core.ports import Ask, Checkpoint, NewMessages, Resume, ToolResults
from tui.core.services import RetryRun

_YES = Decision(approved=True, by="user")
_GONE = ProviderError("There is no such run.", code="run_not_found")


def _needs(*calls: tuple[str, str, str]) -> Turn:
    """What the server says of a run that waits for these calls."""
    needs = tuple(Need(call_id=c, name=n, arguments=a) for c, n, a in calls)
    return [e.TurnFinished(outcome=Outcome.REQUIRES_ACTION, needs=needs)]


async def _interrupted_answer(*turns: Turn) -> World:
    """A new process after one that was killed while it answered; ``turns`` are still to come."""
    old = World([*said("the first half", end=None), Pause(asyncio.Event())])
    await old.send()
    await old.provider.paused.wait()
    await old.killed()
    return World(*turns, store=old.store)


async def _interrupted_call(*turns: Turn, decided: bool = False) -> World:
    """The same, killed while a call waited for a decision, or while its tool ran."""
    policy = Always() if decided else Always(Ask())
    old = World(called(("c1", "slow", "{}")), functions={"slow": for_ever}, policy=policy)
    run_id = await old.send()
    if decided:
        while not old.toolset.running:
            await asyncio.sleep(0)
    else:
        await old.until(run_id, RunState.WAITING)
    await old.killed()
    return World(*turns, store=old.store, policy=Always(Ask()))


async def test_what_was_missed_is_fetched() -> None:
    rest: Turn = [
        e.PartFinished(part_id="m1:0", final=PartFinal(text="the first half and the second")),
        e.MessageFinished(message_id="m1"),
        e.TurnFinished(outcome=Outcome.COMPLETED),
    ]
    world = await _interrupted_answer(rest)
    assert (await world.transcript()).runs["r1"].state is RunState.INTERRUPTED
    await world.conversations.resume("t")
    run = await world.finished("r1")
    assert run.outcome is Outcome.COMPLETED
    assert world.provider.given == [Resume()]
    assert (await world.transcript()).messages["m1"].text == "the first half and the second"


async def test_a_run_that_the_server_has_lost_ends_and_says_so() -> None:
    world = await _interrupted_answer([_GONE], said("next", message="m2"))
    await world.conversations.resume("t")
    run = await world.finished("r1")
    assert run.outcome is Outcome.DISCONNECTED
    assert run.error is not None
    assert "no longer has this run" in run.error.message
    assert (await world.ask("more")).outcome is Outcome.COMPLETED


async def test_a_server_that_cannot_be_asked_leaves_the_run_interrupted() -> None:
    world = await _interrupted_answer([ProviderError("refused")], said("x", message="m2"))
    await world.conversations.resume("t")
    await world.until("r1", RunState.INTERRUPTED)
    assert (await world.transcript()).runs["r1"].notices == ["refused"]
    await world.conversations.resume("t")  # and can be asked again
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED


async def test_a_run_that_had_never_reached_the_server_is_sent() -> None:
    old = World([Pause(asyncio.Event())])
    await old.send()
    await old.provider.paused.wait()
    await old.killed()
    world = World([_GONE], said("hello"), store=old.store)
    await world.conversations.resume("t")
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    assert world.provider.given == [Resume(), NewMessages()]


async def test_a_pending_approval_is_still_there_and_deciding_goes_on() -> None:
    world = await _interrupted_call(_needs(("c1", "echo", "{}")), said("done"))
    assert (await world.call("r1", "c1")).state is ToolState.APPROVAL
    await world.conversations.decide("t", "r1", "c1", _YES)
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    assert world.toolset.called == ["c1"]
    assert [type(each) for each in world.provider.given] == [Resume, ToolResults]


async def test_a_pending_approval_whose_run_the_server_lost_goes_on_from_the_copy() -> None:
    world = await _interrupted_call([_GONE], said("done"))
    await world.conversations.decide("t", "r1", "c1", _YES)
    run = await world.finished("r1")
    assert run.outcome is Outcome.COMPLETED
    assert any("local copy" in notice for notice in run.notices)
    history = world.provider.requests[-1].history
    assert history[-1].calls[0].output is not None
    assert world.provider.given == [Resume(), NewMessages()]


@pytest.mark.parametrize("lost", [True, False])
async def test_a_call_that_had_started_is_never_run_again(lost: bool) -> None:
    answer: Turn = [_GONE] if lost else _needs(("c1", "slow", "{}"))
    world = await _interrupted_call(answer, said("done"), decided=True)
    assert (await world.call("r1", "c1")).state is ToolState.INTERRUPTED
    await world.conversations.resume("t")
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    assert world.toolset.called == []
    call = await world.call("r1", "c1")
    assert call.is_error
    assert "not run again" in str(call.output)


async def test_outputs_that_are_known_are_sent_and_no_tool_runs() -> None:
    """Killed between the tool's end and the submission, or just after it."""
    old = World(called(("c1", "echo", '{"a": 1}')), [Pause(asyncio.Event())])
    await old.send()
    await old.provider.paused.wait()
    await old.killed()
    known = str((await old.call("r1", "c1")).output)
    world = World(_needs(("c1", "echo", '{"a": 1}')), said("done"), store=old.store)
    await world.conversations.resume("t")
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    assert world.toolset.called == []
    (given,) = [each for each in world.provider.given if isinstance(each, ToolResults)]
    assert given.results[0].output.text == known


@pytest.mark.parametrize("how", ["leave", "send", "retry"])
async def test_going_on_without_it_closes_an_interrupted_run(how: str) -> None:
    world = await _interrupted_answer(said("next", message="m2"))
    if how == "leave":
        await world.conversations.leave("t")
    elif how == "send":
        await world.ask("more")
    else:
        await world.conversations.retry(RetryRun(thread_id="t", of="r1", run_id="again"))
        await world.finished("again")
    run = (await world.transcript()).runs["r1"]
    assert (run.state, run.outcome) == (RunState.FINISHED, Outcome.CANCELLED)
    assert "left" in run.reason
    assert (await world.transcript()).messages["m1"].text == "the first half".replace(" ", "")


async def test_a_decision_about_a_run_that_is_over_is_a_sentence() -> None:
    world = await _interrupted_call()
    await world.conversations.leave("t")
    with pytest.raises(NotFoundError, match="nothing waits"):
        await world.conversations.decide("t", "r1", "c1", _YES)


async def test_letting_go_leaves_the_remote_run_and_the_next_start_settles_it() -> None:
    old = World([*said("half", end=None), Pause(asyncio.Event())])
    await old.send()
    await old.provider.paused.wait()
    await old.conversations.close(cancel=False)
    assert old.provider.cancels == 0
    run = (await old.transcript()).runs["r1"]
    assert (run.state, run.settle) == (RunState.INTERRUPTED, True)
    world = World(said("whole"), store=old.store)
    await world.conversations.settle()
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED


async def test_an_embedded_model_ends_with_the_process_so_nothing_is_left_to_settle() -> None:
    old = World([Pause(asyncio.Event())], embedded=True)
    await old.send()
    await old.provider.paused.wait()
    await old.conversations.close(cancel=False)
    run = (await old.transcript()).runs["r1"]
    assert (run.state, run.settle) == (RunState.INTERRUPTED, False)


async def test_a_checkpoint_puts_the_continuation_on_disk_before_the_session_goes_on() -> None:
    seen: list[bool] = []
    world = World([Checkpoint(), *said("x")])
    barrier = world.store.barrier

    async def noted(thread_id: str = "") -> None:
        await barrier(thread_id)
        seen.append(bool(world.events(e.ContinuationChanged)))

    world.store.barrier = noted  # type: ignore[method-assign]  # for this test only
    await world.ask()
    assert seen[-1]


# --- messages that wait ----------------------------------------------------------------------


async def _answering(*turns: Turn, queued: int = 1) -> tuple[World, asyncio.Event]:
    gate = asyncio.Event()
    world = World([Pause(gate), *said("first")], *turns)
    await world.send("one")
    await world.provider.paused.wait()
    for number in range(queued):
        await world.send(f"waiting {number}", queue=True)
    return world, gate


async def test_a_message_waits_for_the_answer_and_then_goes_out() -> None:
    world, gate = await _answering(said("b", message="m2"), said("c", message="m3"), queued=2)
    transcript = await world.transcript()
    assert [each.text for each in transcript.queue.values()] == ["waiting 0", "waiting 1"]
    gate.set()
    await world.until("r3", RunState.FINISHED)
    transcript = await world.transcript()
    assert transcript.queue == {}
    texts = [message.text for message in transcript.path()]
    assert texts == ["one", "first", "waiting 0", "b", "waiting 1", "c"]


async def test_queueing_twice_with_the_same_ids_is_harmless() -> None:
    world, gate = await _answering(said("b", message="m2"))
    world._ids = iter([2])  # type: ignore[assignment]  # the same ids once more
    await world.send("waiting 0", queue=True)
    assert len((await world.transcript()).queue) == 1
    gate.set()
    await world.until("r2", RunState.FINISHED)


async def test_without_queue_a_busy_thread_refuses() -> None:
    world, gate = await _answering(queued=0)
    with pytest.raises(BusyError):
        await world.send("no")
    gate.set()
    await world.finished("r1")


async def test_a_waiting_message_can_be_taken_back() -> None:
    world, gate = await _answering()
    await world.conversations.unqueue("t", "u2")
    await world.conversations.unqueue("t", "u2")
    assert (await world.transcript()).queue == {}
    gate.set()
    assert (await world.finished("r1")).outcome is Outcome.COMPLETED
    assert len((await world.transcript()).runs) == 1


async def test_after_a_cancel_the_message_waits_for_the_reader() -> None:
    world, _ = await _answering(said("b", message="m2"))
    await world.conversations.cancel("t", "r1")
    await world.finished("r1")
    assert len((await world.transcript()).queue) == 1
    await world.conversations.send_queued("t")
    assert (await world.finished("r2")).outcome is Outcome.COMPLETED
    await world.conversations.send_queued("t")  # nothing waits: nothing happens
    assert len((await world.transcript()).runs) == 2


async def test_after_a_restart_the_message_waits_for_the_reader() -> None:
    old, _ = await _answering()
    await old.killed()
    world = World(said("b", message="m2"), store=old.store)
    assert [each.text for each in (await world.transcript()).queue.values()] == ["waiting 0"]
    await world.conversations.send_queued("t")
    assert (await world.finished("r2")).outcome is Outcome.COMPLETED


async def test_a_waiting_message_whose_profile_is_gone_stays_in_the_queue() -> None:
    world, gate = await _answering(said("next", message="m2"), queued=0)
    await world.send("waits", profile="mine", queue=True)
    world.source.absent = "mine"
    gate.set()
    await world.finished("r1")
    await world.ask("next")
    assert [each.text for each in (await world.transcript()).queue.values()] == ["waits"]


async def test_a_message_does_not_overtake_those_that_wait() -> None:
    gate = asyncio.Event()
    failed = e.TurnFinished(outcome=Outcome.FAILED)
    world = World(
        [Pause(gate), failed], said("to the second", message="m2"), said("third", message="m3")
    )
    first = await world.send("first")
    await world.provider.paused.wait()
    await world.send("second", queue=True)
    gate.set()
    await world.finished(first)
    third = await world.send("third", queue=True)
    await world.finished("r2")
    await world.until(third, RunState.FINISHED)
    texts = [message.text for message in (await world.transcript()).path()]
    assert texts == ["first", "second", "to the second".replace(" ", ""), "third", "third"]
