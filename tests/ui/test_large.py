"""What no model should send, it sends: the screen shows what it can and never stands still."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from tests.ui.driving import running, screen_text, text_of
from tests.ui.fakes import FakeBackend, FakeRun
from tests.ui.heart import Heart, heartbeat
from tui.core import events as e
from tui.core.sanitise import sanitise
from tui.ui.inspector.document import MOST
from tui.ui.leaving import Leaving

_MEGABYTE = 1_000_000
_CHUNK = 8192
_BURST = 50  # events that come at once


@asynccontextmanager
async def _answering() -> AsyncIterator[tuple[Pilot[Leaving], FakeRun, Heart]]:
    """The app with a run in the open thread, and its heart."""
    backend = FakeBackend()
    backend.add_thread("t", "A thread")
    async with running(backend) as pilot:
        await pilot.press("ctrl+pagedown")
        await _shows(pilot, lambda: "A thread" in text_of(pilot, "#chat"))
        backend.say("t", "go")
        run = backend.begin("t", "r1")
        await _shows(pilot, lambda: "Run 1 of 1" in text_of(pilot, "#inspector"))
        async with heartbeat() as heart:
            yield pilot, run, heart
        print(heart)
        heart.check()


async def _shows(pilot: Pilot[Leaving], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def _inspector_shows(pilot: Pilot[Leaving], words: str) -> None:
    await _shows(pilot, lambda: words in " ".join(text_of(pilot, "#inspector").split()))


_OUTPUTS = {
    "one line": "x" * _MEGABYTE,
    "lines": "line of text\n" * (_MEGABYTE // 13),
    "escapes": "\x1b[31m\x9b" * (_MEGABYTE // 6),
    "json": json.dumps([{"a": n, "b": "text"} for n in range(_MEGABYTE // 27)]),
}


@pytest.mark.parametrize("kind", _OUTPUTS)
async def test_a_megabyte_of_output(kind: str) -> None:
    text = _OUTPUTS[kind]
    async with _answering() as (pilot, run, _):
        call_id = run.call("tool", "{}")
        run.emit(e.ToolStarted(call_id=call_id))
        for start in range(0, len(text), _CHUNK):
            run.emit(e.ToolOutputDelta(call_id=call_id, text=text[start : start + _CHUNK]))
            await asyncio.sleep(0)
        run.emit(e.ToolFinished(call_id=call_id, output=text))
        await _inspector_shows(pilot, f"the first {MOST:,} characters")
        pilot.app.screen.query_one("#calls").focus()
        await pilot.press("o")
        await _shows(pilot, lambda: pilot.app.clipboard == sanitise(text))


@pytest.mark.parametrize("value", ["y", "\x9b\u202e"], ids=["letters", "escapes"])
async def test_arguments_of_sixteen_megabytes_that_wait_for_approval(value: str) -> None:
    text = json.dumps({"text": value * (16 * _MEGABYTE // len(value))}, ensure_ascii=False)
    async with _answering() as (pilot, run, _):
        call_id = run.call("tool", text)
        run.emit(e.ApprovalRequested(call_id=call_id))
        await _inspector_shows(pilot, f"the first {MOST:,} characters")
        await pilot.press("f6")
        await pilot.press("end")
        await _shows(pilot, lambda: "F8 approve" in screen_text(pilot))


async def test_ten_thousand_calls_whose_names_are_no_names() -> None:
    async with _answering() as (pilot, run, _):
        for number in range(10_000):
            run.call(f"tool\n{number}\x1b[2J" + "n" * 1000, '{"a": 1}')
            if number % _BURST == 0:
                await asyncio.sleep(0.001)
        await _shows(pilot, lambda: "9,950 more tool calls" in text_of(pilot, "#chat"))
        await _inspector_shows(pilot, "Tool calls (10,000)")
        pilot.app.screen.query_one("#calls").focus()
        await pilot.press("home")
        await _inspector_shows(pilot, "tool 0␛[2J")
        await _inspector_shows(pilot, '"a": 1')


async def test_a_title_of_a_megabyte() -> None:
    title = "T\x1b\u202e\n" * (_MEGABYTE // 4)
    async with _answering() as (pilot, run, _):
        run.backend.emit("t", e.ThreadChanged(title=title))
        run.backend.add_thread("t", title)
        await _shows(pilot, lambda: "T␛⟨U+202E⟩ T␛" in text_of(pilot, "#threads"))
        await pilot.press("alt+r")
        await _shows(pilot, lambda: "Title of this thread" in screen_text(pilot))
        await pilot.press("x")
        await pilot.press("escape")
