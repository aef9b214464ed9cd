"""A long thread out of a real store: its end, and then all of it, on a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.store.log_builder import LogBuilder
from tests.test_wiring import settings
from tests.ui.driving import screen_text, text_of, until
from tui.config.paths import resolve_paths
from tui.core.services import Services
from tui.store.preview import MESSAGES
from tui.store.thread_store import SqliteThreadStore
from tui.tools.policy import ReadOnlyPolicy
from tui.ui.app import TickertapeApp
from tui.ui.chat.view import ChatView
from tui.wiring import Backend, start_backend


def _conversation(thread: str, exchanges: int, at: float) -> LogBuilder:
    build = LogBuilder(thread, at=at)
    build.created(f"The {thread} one")
    for number in range(exchanges):
        run, answer = f"{thread}-r{number}", f"{thread}-a{number}"
        build.asked(f"{thread}-m{number}", f"{thread} question {number}")
        build.started(run)
        build.answering(run, answer)
        build.words(f"{thread} answer {number}", run=run, message=answer)
        build.ended(run)
    return build


async def _fill() -> None:
    paths = resolve_paths()
    paths.data.mkdir(parents=True, exist_ok=True)
    store = SqliteThreadStore.open(paths.database)
    try:
        for thread, exchanges, at in (("long", MESSAGES, 1_000.0), ("short", 1, 9_000.0)):
            await store.claim(thread)
            store.append(_conversation(thread, exchanges, at).log)
            store.release(thread)
        await store.barrier()
    finally:
        store.close()


@pytest.fixture
def backend() -> Iterator[Backend]:
    asyncio.run(_fill())
    started = start_backend(
        paths=resolve_paths(), settings=settings(), policy=ReadOnlyPolicy(), hide=lambda _: None
    )
    yield started
    started.close()


async def test_the_end_first_and_then_all_of_it(backend: Backend) -> None:
    end = await backend.services.run_log.preview("long")
    assert end is not None
    assert len(end.messages) == MESSAGES
    assert await backend.services.run_log.preview("short") is None

    async def connect() -> Services:
        return backend.services

    async with TickertapeApp(connect).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "The long one" in screen_text(pilot))
        await pilot.press("ctrl+pagedown", "ctrl+pagedown")
        await until(pilot, lambda: f"long answer {MESSAGES - 1}" in text_of(pilot, "#log"))
        chat = pilot.app.screen.query_one(ChatView)

        def is_all_there() -> bool:
            chat.scroll_pages(-2 * MESSAGES)
            return "long question 0" in text_of(pilot, "#log")

        await until(pilot, is_all_there)
