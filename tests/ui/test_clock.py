"""The frame clock: at once, then at a bounded rate, never two frames for one waking."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tui.ui.clock import FAST, SLOW, FrameClock


class ManualLoop:
    """A loop whose time the test moves; calls are kept with the moment they are due."""

    def __init__(self) -> None:
        self.at = 0.0
        self.due: list[tuple[float, asyncio.Handle]] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self)

    def get_debug(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_later(0, callback, *args, context=context)

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self.loop, context)
        self.due.append((self.at + delay, handle))
        return handle

    def run_until(self, moment: float) -> None:
        while ready := sorted((d for d in self.due if d[0] <= moment), key=lambda d: d[0]):
            self.due.remove(ready[0])
            self.at = max(self.at, ready[0][0])
            if not ready[0][1].cancelled():
                ready[0][1]._run()
        self.at = moment


def make(cost: float = 0.0) -> tuple[FrameClock, ManualLoop, list[float]]:
    """A clock whose frames take ``cost`` seconds of the processor and are painted at once."""
    loop = ManualLoop()
    frames: list[float] = []
    spent = [0.0]

    def frame() -> None:
        frames.append(loop.at)
        spent[0] += cost
        clock.painted()

    clock = FrameClock(frame, now=lambda: loop.at, spent=lambda: spent[0], loop=loop.loop)
    return clock, loop, frames


def test_the_first_change_is_painted_at_once_and_silence_costs_nothing() -> None:
    clock, loop, frames = make()
    clock.wake()
    loop.run_until(0.0)
    assert frames == [0.0]
    loop.run_until(10.0)
    assert frames == [0.0]
    assert not loop.due


def test_a_flood_is_painted_sixty_times_a_second() -> None:
    clock, loop, frames = make()
    for step in range(1000):
        clock.wake()
        loop.run_until(step / 1000)
    assert 59 <= len(frames) <= 61


def test_dear_frames_are_painted_thirty_times_a_second_and_cheap_ones_fast_again() -> None:
    clock, loop, frames = make(cost=FAST / 3)
    for step in range(1000):
        clock.wake()
        loop.run_until(step / 1000)
    assert 29 <= len(frames) <= 32
    assert clock.interval == SLOW
    cheap, cheap_loop, _ = make(cost=FAST / 5)
    cheap.wake()
    cheap_loop.run_until(1.0)
    assert cheap.interval == FAST


def test_no_frame_begins_before_the_last_one_is_on_screen() -> None:
    loop = ManualLoop()
    frames: list[float] = []
    clock = FrameClock(lambda: frames.append(loop.at), now=lambda: loop.at, loop=loop.loop)
    clock.wake()
    loop.run_until(1.0)
    clock.wake()
    loop.run_until(2.0)
    assert len(frames) == 1
    clock.painted()
    loop.run_until(2.0)
    assert frames == [0.0, 2.0]


def test_a_closed_clock_is_silent() -> None:
    clock, loop, frames = make()
    clock.wake()
    loop.run_until(0.0)
    clock.wake()
    loop.run_until(FAST / 2)
    clock.close()
    clock.wake()
    loop.run_until(5.0)
    assert frames == [0.0]


@given(st.lists(st.floats(min_value=0, max_value=0.1), max_size=60))
def test_every_change_is_painted_and_frames_keep_their_distance(gaps: list[float]) -> None:
    clock, loop, frames = make()
    at = 0.0
    for gap in gaps:
        at += gap
        loop.run_until(at)
        clock.wake()
    loop.run_until(at + 1.0)
    assert bool(frames) == bool(gaps)
    if gaps:
        assert frames[-1] >= at
    assert all(later - earlier >= FAST - 1e-9 for earlier, later in itertools.pairwise(frames))


async def test_wakes_from_other_threads_arrive() -> None:
    arrived = asyncio.Event()
    clock = FrameClock(arrived.set)
    thread = threading.Thread(target=clock.wake)
    thread.start()
    await asyncio.wait_for(arrived.wait(), 5)
    thread.join()
    clock.close()
