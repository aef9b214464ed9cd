"""The rate: tokens fall due on a schedule of a clock that the test turns itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.sandbox.pace import Pacer, StoppedError
from tui.sandbox.tokens import count_tokens, split_arguments, split_text


class Clock:
    """Time that passes only by sleeping, a little longer than was asked for."""

    def __init__(self, late: float = 0.0) -> None:
        self.now = 100.0
        self.late = late
        self.sleeps = 0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps += 1
        self.now += seconds + self.late


def pacer(clock: Clock, stop: asyncio.Event | None = None) -> Pacer:
    return Pacer(stop or asyncio.Event(), now=clock.time, sleep=clock.sleep)


@pytest.mark.parametrize("late", [0.0, 0.004, 0.03])
async def test_lateness_does_not_add_up(late: float) -> None:
    clock = Clock(late)
    pace = pacer(clock)
    for _ in range(1000):
        await pace.beat(100)
    assert clock.now - 100 == pytest.approx(10, abs=late + 0.02)


async def test_rate_zero_takes_no_time() -> None:
    clock = Clock()
    pace = pacer(clock)
    for _ in range(100):
        await pace.beat(0)
    assert clock.sleeps == 0


async def test_after_a_long_pause_of_the_reader_there_is_no_burst() -> None:
    clock = Clock()
    pace = pacer(clock)
    await pace.beat(10)
    clock.now += 60
    before = clock.now
    for _ in range(10):
        await pace.beat(10)
    assert clock.now - before == pytest.approx(1)


async def test_a_pause_is_not_caught_up_with() -> None:
    clock = Clock()
    pace = pacer(clock)
    await pace.beat(10)
    await pace.pause(0.5)
    before = clock.now
    await pace.beat(10)
    assert clock.now - before == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [0, 50])
async def test_a_stopped_pacer_lets_nothing_through(rate: float) -> None:
    stop = asyncio.Event()
    pace = pacer(Clock(), stop)
    await pace.beat(rate)
    stop.set()
    with pytest.raises(StoppedError):
        await pace.beat(rate)
    with pytest.raises(StoppedError):
        await pace.pause(1)


@pytest.mark.parametrize("rate", [0.001, 0])
async def test_stopping_ends_a_wait_on_the_real_clock(rate: float) -> None:
    stop = asyncio.Event()
    pace = Pacer(stop)

    async def wait() -> None:
        await (pace.beat(rate) if rate else pace.pause(3600))

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    stop.set()
    with pytest.raises(StoppedError):
        await asyncio.wait_for(waiting, 5)


async def test_the_real_clock_keeps_the_rate() -> None:
    loop = asyncio.get_running_loop()

    async def beats(count: int) -> AsyncIterator[None]:
        pace = Pacer(asyncio.Event())
        for _ in range(count):
            await pace.beat(500)
            yield

    start = loop.time()
    async for _ in beats(50):
        pass
    assert loop.time() - start >= 0.09


@given(st.text(max_size=300))
def test_tokens_are_the_text(text: str) -> None:
    tokens = split_text(text)
    assert "".join(tokens) == text
    assert len(tokens) == count_tokens(text)
    assert all(len(token.strip()) <= 12 for token in tokens)


@given(st.text(max_size=200), st.integers(0, 9))
def test_fragments_are_the_arguments_in_small_pieces(raw: str, start: int) -> None:
    fragments = split_arguments(raw, start)
    assert "".join(fragments) == raw
    assert all(3 <= len(fragment) <= 8 for fragment in fragments) or len(raw) < 3
    assert len(fragments) >= len(raw) / 8
