"""Following the stream, leaving it, keeping one's place, and long threads."""

from __future__ import annotations

from functools import partial

import pytest
from textual.events import MouseScrollUp
from textual.pilot import Pilot

from tests.ui.driving import SMALL, running, settle, text_of, until
from tests.ui.fakes import FakeBackend, FakeRun
from tui.core import events as e
from tui.core.models import PartKind
from tui.ui.chat.log import ChatLog
from tui.ui.chat.view import ChatView
from tui.ui.leaving import Leaving


def long_thread(messages: int) -> FakeBackend:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    for number in range(messages):
        backend.say("t1", f"message {number:03}")
    backend.remembered["thread"] = "t1"
    return backend


def log(pilot: Pilot[Leaving]) -> str:
    return text_of(pilot, "#log")


def says(pilot: Pilot[Leaving], words: str) -> bool:
    return words in log(pilot)


def column(pilot: Pilot[Leaving]) -> ChatLog:
    return pilot.app.screen.query_one(ChatLog)


def chat(pilot: Pilot[Leaving]) -> ChatView:
    return pilot.app.screen.query_one(ChatView)


def top_message(pilot: Pilot[Leaving]) -> str:
    return next(row.split()[1] for row in log(pilot).split("\n") if "message" in row)


class Words:
    """A text part that grows by numbered paragraphs."""

    def __init__(self, run: FakeRun) -> None:
        self.run = run
        self.part = run.part(PartKind.TEXT)
        self.count = 0

    def more(self, paragraphs: int) -> str:
        for _ in range(paragraphs):
            self.run.emit(e.TextDelta(part_id=self.part, text=f"word {self.count:03}\n\n"))
            self.count += 1
        return f"word {self.count - 1:03}"


async def test_the_view_follows_a_stream() -> None:
    backend = long_thread(3)
    async with running(backend, SMALL) as pilot:
        words = Words(backend.begin("t1", "r1"))
        for _ in range(4):
            last = words.more(8)
            await until(pilot, partial(says, pilot, last))
        assert chat(pilot).following


@pytest.mark.parametrize("way", ["key", "wheel"])
async def test_the_readers_scrolling_ends_following_and_end_returns(way: str) -> None:
    backend = long_thread(3)
    async with running(backend, SMALL) as pilot:
        words = Words(backend.begin("t1", "r1"))
        last = words.more(40)
        await until(pilot, lambda: last in log(pilot))
        await pilot.press("shift+f6")
        if way == "key":
            await pilot.press("pageup")
        else:
            await pilot._post_mouse_events([MouseScrollUp], "#log")
        await settle(pilot)
        assert not chat(pilot).following
        before = log(pilot).split("\n")[:3]
        newest = words.more(30)
        await until(pilot, lambda: "New below" in text_of(pilot, "#chat"))
        await settle(pilot)
        assert log(pilot).split("\n")[:3] == before
        await pilot.press("end")
        await until(pilot, lambda: newest in log(pilot))
        assert "New below" not in text_of(pilot, "#chat")
        newest = words.more(5)
        await until(pilot, lambda: newest in log(pilot))


async def test_scrolling_down_to_the_end_follows_again() -> None:
    backend = long_thread(30)
    async with running(backend, SMALL) as pilot:
        await pilot.press("shift+f6", "pageup")
        assert not chat(pilot).following
        await pilot.press("pagedown")
        assert chat(pilot).following


async def test_events_alone_never_end_following() -> None:
    backend = long_thread(20)
    async with running(backend, SMALL) as pilot:
        run = backend.begin("t1", "r1")
        run.text("thought\n" * 30, kind=PartKind.REASONING)
        call = run.call("store", '{"a": 1}')
        run.emit(e.ApprovalRequested(call_id=call))
        await settle(pilot)
        await pilot.press("f8", "ctrl+j", "ctrl+j", "ctrl+j")
        await pilot.resize_terminal(60, 16)
        await pilot.resize_terminal(130, 40)
        await settle(pilot)
        assert chat(pilot).following
        assert "store" in log(pilot)


async def test_resizing_keeps_the_readers_place() -> None:
    backend = long_thread(0)
    backend.say("t1", "long " * 400)
    for number in range(35):
        backend.say("t1", f"message {number:03}")
    async with running(backend, SMALL) as pilot:
        await pilot.press("shift+f6", "pageup", "pageup")
        await settle(pilot)
        before = top_message(pilot)
        for size in ((60, 20), (100, 40), (30, 12), SMALL):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert top_message(pilot) == before


@pytest.mark.parametrize("above", [3, 82])
async def test_a_rule_far_above_does_not_move_the_reader(above: int) -> None:
    backend = long_thread(120)
    run = backend.begin("t1", "r1")
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "message 119" in log(pilot))
        await pilot.press("shift+f6", "pageup", "pageup")
        await settle(pilot)
        before = top_message(pilot)
        first = list(backend.transcript("t1").messages)[above]
        run.emit(e.ContextTrimmed(messages=above, first_id=first))
        await settle(pilot)
        assert top_message(pilot) == before
        assert not chat(pilot).following
        await pilot.press("home")
        while f"message {above:03}" not in log(pilot):
            await pilot.press("pagedown")
        assert "The model no longer sees what is above" in log(pilot)


async def test_of_a_long_thread_only_what_is_in_view_is_laid_out() -> None:
    async with running(long_thread(600), SMALL) as pilot:
        await until(pilot, lambda: "message 599" in log(pilot))
        rows = column(pilot).column.rows
        assert len(rows) == 600
        laid_out = [row for row in rows if column(pilot).column.lines_of(row) is not None]
        assert len(laid_out) < 30
        await pilot.press("shift+f6", "home")
        await until(pilot, lambda: "message 000" in log(pilot))
        await pilot.press("end")
        await until(pilot, lambda: "message 599" in log(pilot))
        laid_out = [row for row in rows if column(pilot).column.lines_of(row) is not None]
        assert len(laid_out) < 60


async def test_a_message_that_fits_starts_at_the_top() -> None:
    async with running(long_thread(1), SMALL) as pilot:
        assert "message 000" in "\n".join(log(pilot).split("\n")[:4])


async def test_sending_returns_to_the_end() -> None:
    backend = long_thread(40)
    async with running(backend, SMALL) as pilot:
        await pilot.press("pageup", "pageup")
        assert not chat(pilot).following
        await pilot.press("n", "e", "w", "enter")
        await until(pilot, lambda: "new" in log(pilot))
        assert chat(pilot).following
