"""Unsent text is never lost: not between threads, not while it is sent, not by a failing store."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.ui.driving import running, screen_text, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.errors import StoreError, TickertapeError
from tui.ui import drafts as drafts_module
from tui.ui.composer import Composer
from tui.ui.drafts import Drafts
from tui.ui.leaving import Leaving
from tui.ui.session import OpenThread


def box(pilot: Pilot[Leaving]) -> Composer:
    return pilot.app.screen.query_one(Composer)


class Gate:
    """Holds every call of a service method back until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, backend: FakeBackend, name: str) -> None:
        self._open = asyncio.Event()
        self.entered = 0
        inner = getattr(backend, name)

        async def held(*arguments: object) -> object:
            self.entered += 1
            await self._open.wait()
            return await inner(*arguments)

        monkeypatch.setattr(backend, name, held)

    def open(self) -> None:
        self._open.set()


def two_threads() -> FakeBackend:
    backend = FakeBackend()
    backend.add_thread("t1", "One", age=10)
    backend.add_thread("t2", "Two", age=20)
    backend.remembered["thread"] = "t1"
    return backend


async def test_a_slow_send_keeps_what_was_written_since(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = two_threads()
    async with running(backend) as pilot:
        gate = Gate(monkeypatch, backend, "send")
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: gate.entered)
        await pilot.press(*"second")
        # A crash now finds both; nobody knows yet whether the first has arrived.
        await until(pilot, lambda: backend.drafts.get("t1") == "first\nsecond")
        gate.open()
        await until(pilot, lambda: backend.commands)
        await until(pilot, lambda: backend.drafts.get("t1") == "second")
        assert box(pilot).text == "second"


async def test_a_slow_first_message_leaves_no_draft_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        gate = Gate(monkeypatch, backend, "send")
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: gate.entered)
        await pilot.press(*"second")
        await until(pilot, lambda: backend.drafts.get("new") == "first\nsecond")
        gate.open()
        await until(pilot, lambda: "new" not in backend.drafts)
        assert backend.drafts == {backend.sent().thread_id: "second"}


async def test_a_send_that_fails_after_its_thread_was_left_gives_the_text_to_its_draft(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = two_threads()
    async with running(backend) as pilot:
        gate = Gate(monkeypatch, backend, "send")
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: gate.entered)
        await pilot.press(*"since", "alt+down")
        await until(pilot, lambda: "Two" in text_of(pilot, "#chat"))
        backend.fail["send"] = StoreError("The disk is full.", hint="Make room.")
        gate.open()
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        await until(pilot, lambda: backend.drafts.get("t1") == "first\nsince")
        assert box(pilot).text == ""
        await pilot.press("alt+up")
        await until(pilot, lambda: box(pilot).text == "first\nsince")


@pytest.mark.parametrize("keys", [("ctrl+q",), ("alt+down",)])
async def test_leaving_before_the_draft_came_back_keeps_both(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    backend = two_threads()
    backend.drafts["t1"] = "kept before"
    gate = Gate(monkeypatch, backend, "draft")
    async with running(backend) as pilot:
        await pilot.press(*"typed", *keys)
        await pilot.pause(0.2)
        assert backend.drafts == {"t1": "kept before"}
        gate.open()
        await until(pilot, lambda: backend.drafts.get("t1") == "kept before\ntyped")


async def test_a_draft_that_could_not_be_read_is_read_again_and_not_replaced() -> None:
    backend = two_threads()
    backend.drafts["t1"] = "kept before"
    backend.fail["draft"] = StoreError("The disk fails.", hint="Check it.")
    async with running(backend) as pilot:
        await until(pilot, lambda: "Check it." in screen_text(pilot))
        await pilot.press(*"typed")
        await pilot.pause(0.3)
        assert backend.drafts == {"t1": "kept before"}
        del backend.fail["draft"]
        await pilot.press("!")
        await until(pilot, lambda: backend.drafts["t1"] == "kept before\ntyped!")
        assert box(pilot).text == "kept before\ntyped!"


async def test_a_message_is_in_the_stored_draft_until_it_is_in_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = two_threads()
    async with running(backend) as pilot:
        gate = Gate(monkeypatch, backend, "send")
        await pilot.press(*"quick", "enter")
        await until(pilot, lambda: gate.entered)
        await until(pilot, lambda: backend.drafts.get("t1") == "quick")
        gate.open()
        await until(pilot, lambda: "t1" not in backend.drafts)


async def test_what_is_unsaved_is_named_for_whoever_saves_it_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = two_threads()
    async with running(backend) as pilot:
        gate = Gate(monkeypatch, backend, "send")
        await pilot.press(*"first", "enter")
        await until(pilot, lambda: gate.entered)
        await pilot.press(*"more")
        await settle(pilot)
        unsaved = pilot.app.unsaved()  # type: ignore[attr-defined]  # TickertapeApp's
        assert (unsaved.key, unsaved.text, unsaved.sending) == ("t1", "more", "first")
        assert unsaved.is_whole
        gate.open()


async def test_keys_without_a_pause_are_saved_at_a_bounded_rate() -> None:
    backend = FakeBackend()
    saved: list[tuple[float, str]] = []
    save = backend.save_draft

    async def noting(key: str, text: str) -> None:
        saved.append((asyncio.get_running_loop().time(), text))
        await save(key, text)

    async with running(backend) as pilot:
        backend.save_draft = noting  # type: ignore[method-assign]  # to see when
        began = asyncio.get_running_loop().time()
        for _ in range(40):
            box(pilot).insert("a")
            await asyncio.sleep(0.02)
        last_key = asyncio.get_running_loop().time()
        await until(pilot, lambda: saved and len(saved[-1][1]) == 40)
        assert saved[0][0] < last_key  # they are not waited for
        assert len(saved) <= (last_key - began) / 0.1 + 2


# --- every order of things ----------------------------------------------------------------------


class World:
    """A store that answers when it is told to, two threads, and hands that type, send, switch."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.sent: list[str] = []
        self.text = ""
        self.thread = OpenThread("t1", stored=True)
        self._operations: deque[tuple[Callable[[], str], asyncio.Future[str]]] = deque()
        self._sends: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._switching: asyncio.Task[None] | None = None
        self._names = (f"t{number}" for number in itertools.count(3))
        self._words = itertools.count()
        self.drafts = Drafts(
            self, self, spawn=lambda act: self._spawn(act()), complain=lambda _: None
        )
        self._spawn(self._quietly(self.drafts.restore()))

    def _spawn(self, act: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(act)
        self._tasks.append(task)
        return task

    async def _quietly(self, act: Coroutine[Any, Any, None]) -> None:
        try:
            await act
        except TickertapeError:
            return

    # The shelf and the box.

    async def draft(self, key: str) -> str:
        return await self._operation(lambda: self.stored.get(key, ""))

    async def save_draft(self, key: str, text: str) -> None:
        def write() -> str:
            self.stored[key] = text
            return ""

        await self._operation(write)

    async def _operation(self, act: Callable[[], str]) -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._operations.append((act, future))
        return await future

    def put_back(self, text: str) -> None:
        self._put(f"{text}\n{self.text}" if self.text else text)

    def _put(self, text: str) -> None:
        self.text = text
        self.drafts.typed()

    # What can happen.

    def type(self) -> None:
        """One more word."""
        self._put(f"{self.text} w{next(self._words)}".strip())

    def send(self) -> None:
        """Send what is in the box, as the screen does: one message at a time."""
        if self._sends or not self.text:
            return
        text, thread = self.text, self.thread
        self._put("")
        self.drafts.hold(thread.draft_key, text)
        self._spawn(self._send(thread, thread.draft_key, text))
        # The screen, too, begins to wait before anything else can happen.
        self._sends.append((text, asyncio.get_running_loop().create_future()))

    async def _send(self, thread: OpenThread, key: str, text: str) -> None:
        future = self._sends[0][1]
        try:
            await future
            thread.stored = True
        except StoreError:
            await self._quietly(self.drafts.not_sent(key, text))
            return
        await self._quietly(self.drafts.sent(thread, key, text))

    def switch(self, thread: OpenThread) -> None:
        """Go to another thread; a switch that is still going on is given up."""
        if self._switching is not None:
            self._switching.cancel()
        self._switching = self._spawn(self._switch(thread))

    async def _switch(self, thread: OpenThread) -> None:
        try:
            await self.drafts.leave()
        except TickertapeError:
            return
        self.thread = thread
        self._put("")
        await self._quietly(self.drafts.restore())

    def new(self) -> None:
        """Go to a thread that has no message yet."""
        self.switch(OpenThread(next(self._names), stored=False))

    def answer_store(self, *, well: bool) -> None:
        """The store does, or refuses, what it was asked first."""
        if self._operations:
            act, future = self._operations.popleft()
            answer = act() if well else ""
            if not future.done() and well:
                future.set_result(answer)
            elif not future.done():
                future.set_exception(StoreError("full"))

    def answer_send(self, *, well: bool) -> None:
        """The message arrives, or does not."""
        if not self._sends:
            return
        text, future = self._sends[0]
        if well:
            self.sent.append(text)
            future.set_result(None)
        else:
            future.set_exception(StoreError("full"))
        self._tasks.append(asyncio.ensure_future(self._sent_at_last()))

    async def _sent_at_last(self) -> None:
        self._sends.popleft()

    async def step(self) -> None:
        """Let everything happen that waits for nothing."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> Counter[str]:
        """Let all go well from here, quit, and count the words that are anywhere."""
        for _ in range(60):
            self.answer_send(well=True)
            self.answer_store(well=True)
            await self.step()
        quitting = asyncio.create_task(self.drafts.before_quitting())
        for _ in range(30):
            self.answer_store(well=True)
            await self.step()
        await quitting
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return Counter(" ".join([*self.sent, *self.stored.values()]).split())

    def typed_words(self) -> Counter[str]:
        """Every word that was ever typed."""
        return Counter(f"w{number}" for number in range(next(self._words)))


STEPS: dict[str, Callable[[World], None]] = {
    "type": World.type,
    "send": World.send,
    "one": lambda world: world.switch(OpenThread("t1", stored=True)),
    "two": lambda world: world.switch(OpenThread("t2", stored=True)),
    "new": World.new,
    "stored": lambda world: world.answer_store(well=True),
    "refused": lambda world: world.answer_store(well=False),
    "arrived": lambda world: world.answer_send(well=True),
    "bounced": lambda world: world.answer_send(well=False),
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=40))
def test_every_word_is_in_one_place_whatever_the_order(steps: list[str]) -> None:
    async def play() -> None:
        world = World()
        for name in steps:
            STEPS[name](world)
            await world.step()
        assert await world.end() == world.typed_words()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafts_module, "_PAUSE", 0.0)  # a draft is due as soon as something changed
        patch.setattr(drafts_module, "_OFTEN", 0.0)
        asyncio.run(play())
