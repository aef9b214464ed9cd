"""Services from another loop: what a caller that goes away leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Iterator, Sequence

import pytest

from tui.core.errors import ConfigError
from tui.core.feed import Feed
from tui.core.models import RunId, ThreadId, WireEvent
from tui.core.services import LogItem, Subscription
from tui.core.transcript import Transcript
from tui.engine.threaded import EngineThread, ThreadedRunLog


class SlowRunLog:
    """Subscribing takes until ``go`` is set; ``feeds`` is what was handed out."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()
        self.feeds: list[Feed[LogItem]] = []

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        return None

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        self.asked.set()
        await asyncio.to_thread(self.go.wait, 5)
        self.feeds.append(Feed())
        return Subscription(transcript=Transcript(thread_id), feed=self.feeds[0])

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        return ()


@pytest.fixture
def engine() -> Iterator[EngineThread]:
    engine = EngineThread()
    yield engine
    engine.stop()


async def test_a_subscription_that_nobody_waits_for_any_more_is_closed(
    engine: EngineThread,
) -> None:
    inner = SlowRunLog()
    subscribing = asyncio.create_task(ThreadedRunLog(engine, inner).subscribe("t"))
    await asyncio.to_thread(inner.asked.wait, 5)
    subscribing.cancel()
    await asyncio.wait({subscribing})
    inner.go.set()
    async with asyncio.timeout(5):
        while not (inner.feeds and inner.feeds[0].closed):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [ConfigError("No key."), ValueError("it broke")])
async def test_of_what_nobody_waits_for_any_more_only_a_defect_is_told(
    engine: EngineThread, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    asked, go, over = threading.Event(), threading.Event(), threading.Event()

    async def fails() -> None:
        asked.set()
        await asyncio.to_thread(go.wait, 5)
        over.set()
        raise error

    here: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: here.append(context))
    calling = asyncio.create_task(engine.call(fails()))
    await asyncio.to_thread(asked.wait, 5)
    calling.cancel()
    await asyncio.wait({calling})
    go.set()
    await asyncio.to_thread(over.wait, 5)
    await engine.call(asyncio.sleep(0))  # what the work led to has happened
    await asyncio.sleep(0)
    gc.collect()
    told = [str(each.exc_info) for each in caplog.records if each.exc_info]
    assert not here
    assert [str(error) in each for each in told] == [True] * isinstance(error, ValueError)


async def test_what_breaks_in_the_background_is_told(
    engine: EngineThread, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> None:
        raise ValueError("it broke")

    engine.begin(breaks())
    async with asyncio.timeout(5):
        while not any(
            each.exc_info and "it broke" in str(each.exc_info) for each in caplog.records
        ):
            await asyncio.sleep(0.01)


def test_work_that_does_not_end_keeps_nobody_from_closing_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.engine.threaded._STOP_SECONDS", 0.05)
    begun, over = threading.Event(), threading.Event()

    async def stubborn() -> None:
        begun.set()
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    engine = EngineThread()
    engine.begin(stubborn())
    assert begun.wait(5)
    engine.stop()
    over.set()
    engine.stop()


async def test_a_subscription_arrives_open(engine: EngineThread) -> None:
    inner = SlowRunLog()
    inner.go.set()
    subscription = await ThreadedRunLog(engine, inner).subscribe("t")
    assert subscription.transcript.thread_id == "t"
    assert not subscription.feed.closed
