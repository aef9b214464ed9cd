"""Conversations that are longer than the model can take: the oldest exchanges stay behind."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.world import World
from tests.fakes.provider import Turn, called, said
from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import HistoryCall, HistoryMessage, Outcome, Problem, Role
from tui.core.ports import RunRequest
from tui.engine.context import tokens_of, trimmed

_TOO_LONG = "context_length_exceeded"


def _request(history: Sequence[HistoryMessage]) -> RunRequest:
    return RunRequest(thread_id="t", run_id="r", history=tuple(history))


@st.composite
def _histories(draw: st.DrawFn) -> list[HistoryMessage]:
    """Exchanges as conversations have them: a question, then calls and text."""
    history: list[HistoryMessage] = []
    if draw(st.booleans()):
        history.append(HistoryMessage(id="system", role=Role.SYSTEM, text="Be kind."))
    for number in range(draw(st.integers(1, 8))):
        size = draw(st.integers(0, 400))
        history.append(HistoryMessage(id=f"u{number}", role=Role.USER, text="q" * size))
        for step in range(draw(st.integers(0, 3))):
            call = HistoryCall(call_id=f"c{step}", name="f", arguments="{}", output="o" * size)
            identity = f"a{number}.{step}"
            calls = (call,) if draw(st.booleans()) else ()
            history.append(
                HistoryMessage(id=identity, role=Role.ASSISTANT, text="a" * size, calls=calls)
            )
    return history


@given(_histories(), st.integers(1, 2000))
def test_whole_exchanges_are_left_out_from_the_oldest(
    history: list[HistoryMessage], window: int
) -> None:
    request = _request(history)
    kept = trimmed(request, window).history
    spoken = [message for message in history if message.role is not Role.SYSTEM]
    rest = [message for message in kept if message.role is not Role.SYSTEM]
    assert rest == spoken[len(spoken) - len(rest) :]  # the newest, in order
    assert rest[0].role is Role.USER
    last = max(i for i, message in enumerate(spoken) if message.role is Role.USER)
    assert len(rest) >= len(spoken) - last
    assert [m for m in kept if m.role is Role.SYSTEM] == [
        m for m in history if m.role is Role.SYSTEM
    ]
    fits = tokens_of(_request(kept)) <= window * 0.8
    assert fits or len(rest) == len(spoken) - last
    if tokens_of(request) <= window * 0.8 - 1:
        assert kept == request.history


def _long(*more: Turn, window: int | None = None) -> World:
    return World(*more, stateful=False, context_window=window)


_WORDS = "word " * 2000


async def test_a_known_window_is_kept_to_and_the_transcript_says_where() -> None:
    world = _long(
        said("one", message="m1"),
        said("two", message="m2"),
        said("three", message="m3"),
        window=8000,
    )
    await world.ask(_WORDS)
    await world.ask(_WORDS)
    run = await world.ask(_WORDS)
    seen = [message.text for message in world.provider.requests[-1].history]
    assert seen == [_WORDS, "two", _WORDS]
    assert run.seen_from == "u2"
    assert "oldest 2 messages" in run.notices[0]
    assert world.events(e.ContextTrimmed) == [e.ContextTrimmed(messages=2, first_id="u2")]


async def test_a_small_window_is_kept_to_as_well() -> None:
    world = _long(said("one", message="m1"), said("two", message="m2"), window=100)
    await world.ask("word " * 50)
    await world.ask("word " * 50)
    assert [message.text for message in world.provider.requests[-1].history] == ["word " * 50]


async def test_a_complaint_teaches_the_window_and_the_request_goes_out_shorter() -> None:
    complaint = ProviderError("too long", code=_TOO_LONG, context_window=8000)
    world = _long(
        said("one", message="m1"),
        said("two", message="m2"),
        [complaint],
        said("three", message="m3"),
        said("four", message="m4"),
    )
    await world.ask(_WORDS)
    await world.ask(_WORDS)
    run = await world.ask(_WORDS)
    assert run.outcome is Outcome.COMPLETED
    assert run.seen_from == "u2"
    await world.ask("short")  # and it is remembered: nobody has to complain again
    assert world.provider.turns == []
    assert len(world.events(e.ContextTrimmed)) == 2


async def test_a_complaint_in_the_stream_counts_as_well() -> None:
    problem = Problem(code=_TOO_LONG, message="too long")
    failed = e.TurnFinished(outcome=Outcome.FAILED, error=problem)
    world = _long(said("one"), [failed], said("two", message="m2"))
    await world.ask(_WORDS)
    run = await world.ask("and now")
    assert run.outcome is Outcome.COMPLETED
    assert [m.text for m in world.provider.requests[-1].history] == ["and now"]


async def test_one_exchange_that_is_too_long_says_what_was_tried() -> None:
    complaint = ProviderError("too long", code=_TOO_LONG, context_window=100)
    world = _long(said("one"), [complaint], [complaint])
    await world.ask("short")
    run = await world.ask(_WORDS)
    assert run.outcome is Outcome.FAILED
    assert run.error is not None
    assert "even without older messages" in run.error.message
    assert len(world.provider.given) == 3


async def test_a_complaint_between_rounds_keeps_the_calls_of_this_answer() -> None:
    complaint = ProviderError("too long", code=_TOO_LONG)
    world = _long(said("one"), called(("c1", "echo", "{}")), [complaint], said("two", message="m2"))
    await world.ask(_WORDS)
    run = await world.ask("and now")
    assert run.outcome is Outcome.COMPLETED
    history = world.provider.requests[-1].history
    assert [message.text for message in history] == ["and now", ""]
    assert [call.output for call in history[-1].calls] == ["{}"]
    assert world.toolset.called == ["c1"]


async def test_a_server_that_keeps_the_conversation_trims_it_itself() -> None:
    complaint = ProviderError("too long", code=_TOO_LONG)
    world = World(said("one"), [complaint], context_window=100)
    await world.ask(_WORDS)
    run = await world.ask(_WORDS)
    assert run.outcome is Outcome.FAILED
    assert world.events(e.ContextTrimmed) == []
