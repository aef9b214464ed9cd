"""A conversation through the engine's services: rounds, errors, cancel, retry, persistence."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.engine.world import World
from tests.fakes.provider import Pause, Turn, called, said
from tests.fakes.toolset import Always, broken, echo, for_ever
from tui.core import events as e
from tui.core.errors import BusyError, ConfigError, NotFoundError, ProviderError, StoreError
from tui.core.models import (
    Decision,
    Outcome,
    PartFinal,
    Problem,
    RunState,
    ThreadSummary,
    ToolState,
    WireEvent,
)
from tui.core.ports import (
    Ask,
    NewMessages,
    Resume,
    ToolResults,
    WireFault,
    WireReceived,
)
from tui.core.services import RetryRun, SendMessage
from tui.core.settings import Limits
from tui.core.transcript import Transcript


@pytest.fixture(autouse=True)
async def _nothing_left_running() -> AsyncIterator[None]:
    yield
    left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and not t.done()]
    assert left == []


async def test_an_answer_and_what_is_kept_of_it() -> None:
    world = World(said("Hi there"))
    run = await world.ask("hello\nworld")
    assert run.outcome is Outcome.COMPLETED
    transcript = await world.transcript()
    assert [message.text for message in transcript.path()] == ["hello\nworld", "Hithere"]
    assert transcript.title == "hello"
    assert run.owner == "test"
    assert run.continuation == {"turns": 1}


async def test_the_users_text_is_durable_before_the_request_leaves() -> None:
    world = World(said("x"))
    world.store.broken = True
    run = await world.finished(await world.send())
    assert (run.outcome, run.error and run.error.code) == (Outcome.FAILED, "store")
    assert world.provider.requests == []
    assert (await world.transcript()).path()[0].text == "hello"  # kept, and tried again
    world.store.broken = False
    assert (await world.ask("again")).outcome is Outcome.COMPLETED


async def test_rounds_of_parallel_calls_until_the_end() -> None:
    world = World(
        called(("c1", "echo", '{"a":1}'), ("c2", "echo", '{"b":2}'), step="s1"),
        called(("c3", "echo", "{}"), step="s2"),
        said("done"),
    )
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert run.rounds == 3
    assert world.toolset.most == 2
    new, first, second = world.provider.given
    assert isinstance(new, NewMessages)
    assert isinstance(first, ToolResults)
    assert [(r.call_id, r.output.text) for r in first.results] == [
        ("c1", '{"a":1}'),
        ("c2", '{"b":2}'),
    ]
    assert isinstance(second, ToolResults)
    assert [r.call_id for r in second.results] == ["c3"]
    call = await world.call("r1", "c1")
    assert call.state is ToolState.DONE
    assert call.decision == Decision(approved=True, by="policy")


async def test_every_kind_of_bad_call_becomes_an_error_output() -> None:
    limits = Limits(tool_timeout=0.01)
    world = World(
        called(
            ("c1", "absent", "{}"),
            ("c2", "echo", '{"a":'),
            ("c3", "broken", "{}"),
            ("c4", "slow", "{}"),
            ("c5", "echo", "{}"),
        ),
        said("done"),
        functions={"echo": echo, "broken": broken, "slow": for_ever},
        limits=limits,
    )
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    given = world.provider.given[1]
    assert isinstance(given, ToolResults)
    texts = {r.call_id: r.output for r in given.results}
    assert [texts[c].is_error for c in ("c1", "c2", "c3", "c4", "c5")] == [True] * 4 + [False]
    assert "no tool 'absent'" in texts["c1"].text
    assert "not valid JSON" in texts["c2"].text
    assert "RuntimeError: it broke" in texts["c3"].text
    assert "did not finish within 0.01 s" in texts["c4"].text
    assert (await world.call("r1", "c4")).state is ToolState.FAILED


async def test_a_call_starts_only_when_it_is_on_disk() -> None:
    started: list[int] = []

    async def look(arguments: str) -> str:
        last = world.store.log["t"][-1].event
        assert isinstance(last, e.ToolStarted)
        started.append(world.store.barriers)
        return "seen"

    world = World(called(("c1", "look", "{}")), said("done"), functions={"look": look})
    await world.ask()
    assert started == [2]  # one for the message, one for the call


async def test_a_call_that_cannot_be_recorded_is_not_run() -> None:
    world = World(called(("c1", "echo", "{}")), said("done"))
    run_id = await world.send()
    world.store.broken = True
    run = await world.finished(run_id)
    assert run.outcome is Outcome.FAILED  # the outputs cannot be recorded either
    assert world.toolset.called == []
    assert world.provider.cancels == 1
    assert run.error is not None
    assert "disk is full" in run.error.message


async def test_tools_that_cannot_be_offered_are_told_once() -> None:
    world = World(said("one"), said("two", message="m2"))
    broken = Problem(code="tool_file", message="garden.py has a mistake.", hint="Mend it.")
    world.toolset.broken = (broken,)
    assert (await world.ask()).notices == ["garden.py has a mistake. Mend it."]
    assert (await world.ask()).notices == []


async def test_only_the_calls_that_the_provider_names_are_run() -> None:
    turn = list(called(("c1", "echo", "{}"), ("c2", "echo", "{}")))
    end = turn[-1]
    assert isinstance(end, e.TurnFinished)
    turn[-1] = e.TurnFinished(outcome=end.outcome, needs=end.needs[:1])
    world = World(turn, said("done"))
    await world.ask()
    assert world.toolset.called == ["c1"]


async def test_a_required_action_without_calls_is_a_failure_and_frees_the_remote_run() -> None:
    world = World([e.TurnFinished(outcome=Outcome.REQUIRES_ACTION)])
    run = await world.ask()
    assert run.outcome is Outcome.FAILED
    assert run.error is not None
    assert run.error.code == "no_calls"
    assert world.provider.cancels == 1


async def test_the_limit_of_rounds_is_reported() -> None:
    turns = [called((f"c{n}", "echo", "{}"), step=f"s{n}") for n in range(4)]
    world = World(*turns, limits=Limits(max_rounds=2))
    run = await world.ask()
    assert (run.outcome, run.reason) == (Outcome.INCOMPLETE, "max_rounds")
    assert run.error is not None
    assert "after 2 rounds" in run.error.message
    assert world.toolset.called == ["c0", "c1"]
    assert world.provider.cancels == 1


@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_decides_once(approved: bool) -> None:
    world = World(called(("c1", "echo", "{}")), said("done"), policy=Always(Ask()))
    subscription = await world.run_log.subscribe("t")
    feed = world.library.watch()
    run_id = await world.send()
    while (await world.transcript()).runs[run_id].state is not RunState.WAITING:
        await asyncio.sleep(0)
    assert (await world.call(run_id, "c1")).state is ToolState.APPROVAL
    assert feed.drain()[-1].waiting
    assert world.toolset.called == []
    first = Decision(approved=approved, by="user", reason="so be it")
    await world.conversations.decide("t", run_id, "c1", first)
    await world.conversations.decide("t", run_id, "c1", Decision(approved=not approved, by="user"))
    run = await world.finished(run_id)
    assert run.outcome is Outcome.COMPLETED
    call = await world.call(run_id, "c1")
    assert call.decision == first
    assert not feed.drain()[-1].waiting
    feed.close()
    assert call.state is (ToolState.DONE if approved else ToolState.DENIED)
    assert world.toolset.called == (["c1"] if approved else [])
    if not approved:
        assert "did not allow this call: so be it" in str(call.output)
    subscription.feed.close()


async def test_a_decision_on_nothing_is_a_sentence() -> None:
    world = World()
    with pytest.raises(NotFoundError, match="nothing waits"):
        await world.conversations.decide("t", "r9", "c9", Decision(approved=True, by="user"))


async def test_cancel_while_text_streams_keeps_it_and_leaves_the_thread_usable() -> None:
    gate = asyncio.Event()
    world = World([*said("part", end=None), Pause(gate)], said("next", message="m2"))
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.conversations.cancel("t", run_id)
    await world.conversations.cancel("t", run_id)
    run = await world.finished(run_id)
    assert run.outcome is Outcome.CANCELLED
    assert world.provider.cancels == 1
    assert (await world.transcript()).messages["m1"].text == "part"
    assert (await world.ask("more")).outcome is Outcome.COMPLETED


async def test_cancel_while_the_session_is_being_opened() -> None:
    world = World(said("never"))
    world.provider.opening = asyncio.Event()
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.conversations.cancel("t", run_id)
    world.provider.opening.set()
    assert (await world.finished(run_id)).outcome is Outcome.CANCELLED
    assert world.provider.given == []


async def test_cancel_while_the_message_is_being_written_down() -> None:
    """A screen shows the run from RunStarted on; from then on it can be stopped."""
    world = World(said("never"))
    barrier, told = world.store.barrier, asyncio.Event()

    async def slow_disk(thread_id: str = "") -> None:
        told.set()
        await asyncio.sleep(0.01)
        await barrier(thread_id)

    world.store.barrier = slow_disk  # type: ignore[method-assign]  # for this test only
    sending = asyncio.create_task(world.send())
    await told.wait()
    await world.conversations.cancel("t", "r1")
    run_id = await sending
    assert (await world.finished(run_id)).outcome is Outcome.CANCELLED
    assert world.provider.requests == []
    assert world.events(e.CancelRequested)


async def test_cancel_while_a_tool_runs_stops_the_tool() -> None:
    world = World(called(("c1", "slow", "{}")), functions={"slow": for_ever})
    run_id = await world.send()
    while not world.toolset.running:
        await asyncio.sleep(0)
    await world.conversations.cancel("t", run_id)
    run = await world.finished(run_id)
    assert run.outcome is Outcome.CANCELLED
    assert world.toolset.running == 0
    assert (await world.call(run_id, "c1")).state is ToolState.CANCELLED


async def test_a_run_that_finished_before_the_cancel_is_completed_and_whole() -> None:
    gate = asyncio.Event()
    rest: Turn = [
        e.MessageStarted(message_id="m1"),
        e.PartFinished(part_id="m1:0", final=PartFinal(text="the whole")),
        e.TurnFinished(outcome=Outcome.COMPLETED),
    ]
    world = World([*said("the", end=None), Pause(gate)], rest, on_cancel=Outcome.COMPLETED)
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.conversations.cancel("t", run_id)
    run = await world.finished(run_id)
    assert run.outcome is Outcome.COMPLETED
    assert isinstance(world.provider.given[-1], Resume)
    assert (await world.transcript()).messages["m1"].text == "the whole"


async def test_a_cancel_that_the_server_never_hears_says_so() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate)], on_cancel=ProviderError("refused"))
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.conversations.cancel("t", run_id)
    run = await world.finished(run_id)
    assert run.outcome is Outcome.CANCELLED
    assert "could not be told" in run.reason


async def test_a_failed_turn_shows_its_problem() -> None:
    problem = Problem(code="server_error", message="It broke.", hint="Wait.")
    world = World([e.TurnFinished(outcome=Outcome.FAILED, error=problem)])
    run = await world.ask()
    assert (run.outcome, run.error) == (Outcome.FAILED, problem)


async def test_a_provider_that_raises_anything_ends_the_run_not_the_thread() -> None:
    world = World([RuntimeError("boom")], said("next"))
    run = await world.ask()
    assert run.outcome is Outcome.FAILED
    assert run.error is not None
    assert "RuntimeError: boom" in run.error.message
    assert (await world.ask()).outcome is Outcome.COMPLETED


async def test_a_retryable_error_is_retried_in_sight() -> None:
    busy = ProviderError("Too many requests.", retryable=True, retry_after=0.0, status=429)
    world = World([busy], [busy], said("done"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    retries = world.events(e.RetryScheduled)
    assert retries == [
        e.RetryScheduled(attempt=1, delay=0.0, reason="Too many requests."),
        e.RetryScheduled(attempt=2, delay=0.0, reason="Too many requests."),
    ]


async def test_retries_end() -> None:
    busy = ProviderError("Too many requests.", retryable=True, retry_after=0.0, status=429)
    world = World(*[[busy]] * 9, limits=Limits(max_retries=2))
    run = await world.ask()
    assert run.outcome is Outcome.FAILED
    assert len(world.provider.given) == 3


async def test_a_wait_longer_than_the_limit_is_not_waited_for() -> None:
    busy = ProviderError("Later.", retryable=True, retry_after=3600.0, status=429)
    world = World([busy])
    run = await world.ask()
    assert run.outcome is Outcome.FAILED
    assert world.events(e.RetryScheduled) == []


async def test_a_request_that_may_have_arrived_is_settled_not_repeated() -> None:
    lost = ProviderError("The connection broke.", retryable=True, sent=True)
    world = World([lost], said("it had arrived"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert [type(given) for given in world.provider.given] == [NewMessages, Resume]


async def test_outputs_that_were_lost_are_sent_again_and_no_tool_runs_twice() -> None:
    lost = ProviderError("The connection broke.", retryable=True, sent=True)
    call = called(("c1", "echo", "{}"))
    world = World(call, [lost], call, said("took it"))
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert world.toolset.called == ["c1"]
    kinds = [type(given) for given in world.provider.given]
    assert kinds == [NewMessages, ToolResults, Resume, ToolResults]
    assert world.provider.given[1] == world.provider.given[3]


async def test_outputs_that_are_lost_again_and_again_end_the_run() -> None:
    lost = ProviderError("The connection broke.", retryable=True, sent=True)
    call = called(("c1", "echo", "{}"))
    world = World(call, [lost], call, [lost], call, limits=Limits(max_retries=1))
    run = await world.ask()
    assert (run.outcome, world.toolset.called) == (Outcome.DISCONNECTED, ["c1"])
    assert world.provider.cancels == 1  # the remote run must not stay active


@pytest.mark.parametrize("outcome", [Outcome.DISCONNECTED, Outcome.TRUNCATED])
async def test_a_broken_stream_is_followed_up(outcome: Outcome) -> None:
    whole: Turn = [
        e.PartFinished(part_id="m1:0", final=PartFinal(text="all of it")),
        e.TurnFinished(outcome=Outcome.COMPLETED),
    ]
    world = World([*said("all", end=None), e.TurnFinished(outcome=outcome)], whole)
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert run.notices
    assert (await world.transcript()).messages["m1"].text == "all of it"


async def test_a_server_that_is_away_for_a_moment_is_asked_again() -> None:
    away = ProviderError("Refused.", retryable=True, retry_after=0.0)
    broken: Turn = [*said("all", end=None), e.TurnFinished(outcome=Outcome.DISCONNECTED)]
    whole: Turn = [
        e.PartFinished(part_id="m1:0", final=PartFinal(text="all of it")),
        e.TurnFinished(outcome=Outcome.COMPLETED),
    ]
    world = World(broken, [away], [away], whole)
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    assert len(world.events(e.RetryScheduled)) == 2
    assert [type(given) for given in world.provider.given] == [NewMessages, Resume, Resume, Resume]


async def test_a_stream_without_an_end_is_truncated() -> None:
    world = World(said("half", end=None), [ProviderError("gone")], said("next", message="m2"))
    run = await world.ask()
    assert run.outcome is Outcome.TRUNCATED
    assert run.error is not None
    assert (await world.ask()).outcome is Outcome.COMPLETED


async def test_a_fault_without_a_server_is_a_broken_stream() -> None:
    world = World([WireFault(kind="disconnect")], [ProviderError("gone")])
    assert (await world.ask()).outcome is Outcome.DISCONNECTED
    world = World([WireFault(kind="unknown_event"), *said("still here")])
    assert (await world.ask()).outcome is Outcome.COMPLETED


async def test_raw_events_come_before_what_they_led_to() -> None:
    raw = WireReceived(index=0, at=1.0, mono=1.0, name="x", data="{}")
    world = World([raw, *said("hi")])
    subscription = await world.run_log.subscribe("t")
    await world.ask()
    items = subscription.feed.drain()
    place = next(n for n, item in enumerate(items) if isinstance(item, WireEvent))
    first = items[place + 2]  # after the continuation, which the engine adds
    assert isinstance(first, e.Envelope)
    assert isinstance(first.event, e.MessageStarted)
    assert first.wire == 0
    assert [event.name for event in await world.run_log.wire("r1")] == ["x"]
    subscription.feed.close()


async def test_sending_twice_with_the_same_ids_is_harmless() -> None:
    world = World(said("one"))
    command = SendMessage(thread_id="t", message_id="u", run_id="r", text="x")
    await world.conversations.send(command)
    await world.conversations.send(command)
    await world.finished("r")
    assert len(world.provider.requests) == 1


async def test_a_second_message_while_answering_is_refused() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate), *said("one")])
    run_id = await world.send()
    with pytest.raises(BusyError):
        await world.send("two")
    gate.set()
    await world.finished(run_id)


async def test_threads_answer_side_by_side() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate), *said("slow")], said("fast", message="m2"))
    slow = await world.send(thread="a")
    await world.provider.paused.wait()
    fast = await world.send(thread="b")
    assert (await world.finished(fast, "b")).outcome is Outcome.COMPLETED
    gate.set()
    assert (await world.finished(slow, "a")).outcome is Outcome.COMPLETED


async def test_retry_answers_the_same_message_on_a_new_branch() -> None:
    world = World(said("first", message="m1"), said("second", message="m2"))
    await world.ask()
    await world.conversations.retry(RetryRun(thread_id="t", of="r1", run_id="again"))
    await world.finished("again")
    transcript = await world.transcript()
    assert [message.id for message in transcript.path()] == ["u1", "m2"]
    assert set(transcript.messages) == {"u1", "m1", "m2"}
    assert [each.id for each in world.provider.requests[1].history] == ["u1"]


async def test_an_earlier_answer_is_selected_down_to_its_newest_message() -> None:
    world = World(said("one"), said("two", message="m2"), said("three", message="m3"))
    await world.ask()
    second = await world.finished(await world.send("more"))
    retry = RetryRun(thread_id="t", of="r1", run_id="again")
    await world.conversations.retry(retry)
    await world.finished("again")
    transcript = await world.transcript()
    assert [message.id for message in transcript.path()] == ["u1", "m3"]
    await world.conversations.select("t", "m1")
    path = [message.id for message in (await world.transcript()).path()]
    assert path == ["u1", "m1", second.parent_id, "m2"]
    events = len(world.store.log["t"])
    await world.conversations.select("t", "m1")
    assert len(world.store.log["t"]) == events  # nothing was to change


async def test_no_branch_is_selected_while_the_thread_answers_and_none_that_is_not_there() -> None:
    gate = asyncio.Event()
    world = World(said("one"), [Pause(gate), *said("two", message="m2")])
    await world.ask()
    with pytest.raises(NotFoundError):
        await world.conversations.select("t", "nothing")
    run_id = await world.send("more")
    with pytest.raises(BusyError):
        await world.conversations.select("t", "m1")
    gate.set()
    await world.finished(run_id)


async def test_history_and_continuation_reach_the_next_run() -> None:
    world = World(called(("c1", "echo", "{}")), said("one"), said("two", message="m2"))
    await world.ask("first")
    await world.ask("second")
    request = world.provider.requests[1]
    assert [each.text for each in request.history] == ["first", "", "one", "second"]
    assert request.history[1].calls[0].output == "{}"
    assert request.continuation == {"turns": 2}


async def test_a_continuation_of_another_profile_is_not_used() -> None:
    world = World(said("one"), said("two", message="m2"))
    await world.ask("first")
    await world.ask("second", profile="other")
    assert world.provider.requests[1].continuation is None
    assert (await world.transcript()).profile == "other"


async def test_a_provider_that_cannot_be_had_is_a_failed_run() -> None:
    world = World()
    run = await world.ask(profile="nowhere")
    assert run.outcome is Outcome.FAILED
    assert run.error == Problem(code="config", message="The profile needs a key.", hint="Set it.")


async def test_an_unknown_profile_writes_nothing() -> None:
    world = World()
    with pytest.raises(ConfigError):
        await world.send(profile="absent")
    assert world.store.log == {}


async def test_closing_cancels_what_runs() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate)])
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.conversations.close(cancel=True)
    assert (await world.transcript()).runs[run_id].outcome is Outcome.CANCELLED


async def test_the_library_follows_a_thread() -> None:
    world = World(said("x"))
    feed = world.library.watch()
    await world.ask("hello")
    seen = feed.drain()
    assert seen[0].title == "hello"
    assert any(each.running for each in seen)
    assert not seen[-1].running
    assert seen[-1].unread
    await world.library.mark_read("t")
    assert not feed.drain()[-1].unread
    assert not (await world.library.threads())[0].unread
    await world.library.rename("t", "Greetings")
    assert feed.drain()[-1].title == "Greetings"
    await world.library.delete("t")
    assert feed.drain()[-1].deleted
    assert await world.library.threads() == []
    feed.close()


async def test_deleting_stops_what_runs_in_the_thread() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate)])
    await world.send()
    await world.provider.paused.wait()
    await world.library.delete("t")
    assert world.provider.cancels == 1
    with pytest.raises(NotFoundError):
        await world.library.delete("t")
    with pytest.raises(NotFoundError):
        await world.library.rename("t", "x")


async def test_a_subscriber_sees_everything_once() -> None:
    gate = asyncio.Event()
    world = World([*said("some words here", end=None), Pause(gate)], [ProviderError("gone")])
    run_id = await world.send()
    await world.provider.paused.wait()
    subscription = await world.run_log.subscribe("t")
    gate.set()
    await world.finished(run_id)
    transcript = subscription.transcript
    for item in subscription.feed.drain():
        if isinstance(item, e.Envelope):
            assert item.seq == transcript.seq + 1
            transcript.apply(item)
    assert transcript.view() == (await world.transcript()).view()
    subscription.feed.close()


async def test_a_subscriber_that_leaves_takes_nothing_from_the_others() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate), *said("some words here")])
    run_id = await world.send()
    await world.provider.paused.wait()
    leaving, staying = await world.run_log.subscribe("t"), await world.run_log.subscribe("t")
    leaving.feed.notify(leaving.feed.close)
    gate.set()
    await world.finished(run_id)
    staying.transcript.apply_all(i for i in staying.feed.drain() if isinstance(i, e.Envelope))
    assert staying.transcript.view() == (await world.transcript()).view()
    staying.feed.close()


async def test_the_state_of_the_storage_is_told_to_whoever_comes() -> None:
    world = World()
    full = Problem(code="store", message="The disk is full.")
    mended = Problem(code="damaged", message="It was mended.")
    world.threads.announcements.note_storage(mended)
    first = world.library.storage()
    assert first.drain() == [mended, None]
    world.threads.announcements.tell_storage(full)
    second = world.library.storage()
    assert second.drain() == [mended, None, full]
    world.threads.announcements.tell_storage(None)
    assert (first.drain(), second.drain()) == ([full, None], [None])
    first.close()
    second.close()


async def test_deleting_a_thread_whose_run_does_not_end_in_time_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.engine.runs._LEAVE_TIMEOUT", 0.01)
    gate, caught = asyncio.Event(), asyncio.Event()

    async def stubborn(arguments: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            caught.set()
            await gate.wait()
        return arguments

    world = World(called(("c1", "slow", "{}")), functions={"slow": stubborn})
    await world.send()
    while not world.toolset.running:
        await asyncio.sleep(0)
    await world.library.delete("t")
    await caught.wait()
    gate.set()
    async with asyncio.timeout(10):
        while world.threads.opened():
            await asyncio.sleep(0)
    assert await world.library.threads() == []


async def test_deleting_a_thread_stops_the_waiting_message_that_goes_out_just_then() -> None:
    gate, told, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    world = World([Pause(gate), *said("one")], said("two", message="m2"))
    await world.send()
    await world.provider.paused.wait()
    await world.send("next", queue=True)
    barrier = world.store.barrier

    async def slow_disk(thread_id: str = "") -> None:
        told.set()
        await go_on.wait()
        await barrier(thread_id)

    world.store.barrier = slow_disk  # type: ignore[method-assign]  # for this test only
    gate.set()
    await told.wait()
    deleting = asyncio.create_task(world.library.delete("t"))
    await asyncio.sleep(0)
    go_on.set()
    await deleting
    async with asyncio.timeout(10):
        while world.threads.opened():
            await asyncio.sleep(0)
    assert await world.library.threads() == []
    assert world.provider.given == [NewMessages()]


async def test_a_subscription_that_fails_leaves_nothing_behind() -> None:
    world = World()
    load = world.store.load

    async def unreadable(thread_id: str) -> Transcript | None:
        raise StoreError("The disk reported an error.")

    world.store.load = unreadable  # type: ignore[method-assign]  # for this test only
    with pytest.raises(StoreError):
        await world.run_log.subscribe("t")
    world.store.load = load  # type: ignore[method-assign]
    await asyncio.sleep(0)
    assert len(world.threads.opened()) == 0


async def test_a_list_that_was_read_before_a_run_ended_does_not_bring_it_back() -> None:
    gate, reading, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    world = World([Pause(gate), *said("one")])
    run_id = await world.send()
    await world.provider.paused.wait()
    watching = world.library.watch()
    threads = world.store.threads

    async def slow_reader(limit: int | None = None) -> Sequence[ThreadSummary]:
        found = await threads(limit)
        reading.set()
        await go_on.wait()
        return found

    world.store.threads = slow_reader  # type: ignore[method-assign]  # for this test only
    looking = asyncio.create_task(world.threads.catch_up())
    await reading.wait()
    gate.set()
    await world.finished(run_id)
    while world.threads.opened():
        await asyncio.sleep(0)
    go_on.set()
    await looking
    assert not watching.drain()[-1].running
    watching.close()


async def test_a_feed_that_is_closed_elsewhere_is_left_on_the_engines_loop() -> None:
    """Else it could take the log away just when a command here has found it."""
    world = World()
    subscription = await world.run_log.subscribe("t")
    closing = threading.Thread(target=subscription.feed.close)
    closing.start()
    closing.join()
    assert len(world.threads.opened()) == 1
    await asyncio.sleep(0)
    assert len(world.threads.opened()) == 0


async def test_raw_events_of_a_run_that_had_to_start_over_go_on_counting() -> None:
    def raw(index: int, data: str) -> WireReceived:
        return WireReceived(index=index, at=1.0, mono=1.0, name="x", data=data)

    lost = ProviderError("There is no such run.", code="run_not_found")
    world = World(
        [raw(0, "a"), raw(1, "b"), *called(("c1", "echo", "{}"))],
        [lost],
        [raw(0, "c"), raw(1, "d"), *said("done", message="m2")],
    )
    run = await world.ask()
    assert run.outcome is Outcome.COMPLETED
    kept = await world.store.wire(run.id)
    assert [(each.index, each.data) for each in kept] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    texts = [env for env in world.store.log["t"] if isinstance(env.event, e.TextDelta)]
    assert {env.wire for env in texts} == {3}


async def test_nothing_that_waits_goes_out_while_the_engine_closes() -> None:
    gate = asyncio.Event()
    world = World([Pause(gate), *said("one")], said("two", message="m2"))
    run_id = await world.send()
    await world.provider.paused.wait()
    await world.send("next", queue=True)
    log = await world.threads.hold("t")
    await log.commands.acquire()
    gate.set()
    await world.finished(run_id)
    for _ in range(10):  # now the message waits for its turn
        await asyncio.sleep(0)
    await world.conversations.close(cancel=False)
    log.commands.release()
    world.threads.let_go(log)
    while world.threads.opened():
        await asyncio.sleep(0)
    assert world.provider.given == [NewMessages()]
    assert (await world.transcript()).queue
