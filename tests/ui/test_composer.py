"""Writing and sending: Enter, new lines, pastes, drafts, and text that cannot be sent yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from textual import events
from textual.pilot import Pilot

from tests.ui.driving import SMALL, focused, running, screen_text, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.errors import BusyError, StoreError
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving


def composer(pilot: Pilot[Leaving]) -> Composer:
    return pilot.app.screen.query_one(Composer)


async def write(pilot: Pilot[Leaving], text: Iterable[str]) -> None:
    await pilot.press(*text)


async def test_enter_sends_and_the_message_appears() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        assert focused(pilot) == "composer"
        await write(pilot, "hello")
        await pilot.press("enter")
        await until(pilot, lambda: "hello" in text_of(pilot, "#log"))
        assert backend.sent().text == "hello"
        assert composer(pilot).text == ""
        assert "hello" in text_of(pilot, "#threads")
        first = backend.sent()
        await write(pilot, "more")
        await pilot.press("enter")
        await until(pilot, lambda: backend.sent() is not first)
        assert backend.sent().thread_id == first.thread_id
        assert backend.sent().message_id != first.message_id
        assert backend.sent().run_id != first.run_id


async def test_three_keys_make_a_new_line_and_the_box_grows() -> None:
    backend = FakeBackend()
    async with running(backend, SMALL) as pilot:
        before = composer(pilot).region.height
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d")
        await settle(pilot)
        assert composer(pilot).text == "a\nb\nc\nd"
        assert composer(pilot).region.height == before + 3
        assert not backend.commands


async def test_keys_that_come_right_behind_enter_are_not_lost() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        burst = (*"onx", "backspace", "e", "ctrl+j", *"1", "enter", "enter", *"two", "left", "!")
        for key in burst:
            character = key if len(key) == 1 else None
            pilot.app.post_message(events.Key(key, character))
        await until(pilot, lambda: backend.commands)
        await settle(pilot)
        assert len(backend.commands) == 1
        assert backend.sent().text == "one\n1"
        assert composer(pilot).text == "tw!o"


async def test_a_large_paste_is_kept_whole_bounded_in_height_and_not_sent() -> None:
    backend = FakeBackend()
    async with running(backend, SMALL) as pilot:
        pasted = "\r\n".join(f"line {number}" for number in range(2000))
        pilot.app.post_message(events.Paste(pasted))
        await until(pilot, lambda: composer(pilot).text.count("\n") == 1999)
        await settle(pilot)
        assert not backend.commands
        assert composer(pilot).region.height <= 0.4 * SMALL[1]
        assert "line 1999" in text_of(pilot, "#composer")
        await pilot.press("enter")
        await until(pilot, lambda: backend.commands)
        assert backend.sent().text == pasted.replace("\r\n", "\n")
        await settle(pilot)
        assert composer(pilot).region.height == 3


async def test_pasted_control_characters_are_shown_not_kept() -> None:
    async with running(FakeBackend()) as pilot:
        pilot.app.post_message(events.Paste("a\x1b[31mb\u202ec"))
        await until(pilot, lambda: composer(pilot).text)
        assert composer(pilot).text == "a␛[31mb⟨U+202E⟩c"


async def test_blank_text_is_not_sent() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        await pilot.press("space", "ctrl+j", "enter")
        await settle(pilot)
        assert not backend.commands


@pytest.mark.parametrize(
    "error",
    [
        StoreError("The disk is full.", hint="Make room."),
        BusyError("Another window writes in this thread.", hint="Close it."),
    ],
)
async def test_a_failed_send_gives_the_text_back_with_a_sentence(error: StoreError) -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        backend.fail["send"] = error
        await write(pilot, "precious")
        await pilot.press("enter")
        # A toast breaks its lines where it must.
        await until(pilot, lambda: error.hint.split()[0] in screen_text(pilot))
        assert error.message.split()[0] in screen_text(pilot)
        assert composer(pilot).text == "precious"
        del backend.fail["send"]
        await pilot.press("enter")
        await until(pilot, lambda: backend.commands)
        assert backend.sent().text == "precious"


async def test_up_in_an_empty_box_recalls_the_last_message() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "first thought")
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await pilot.press("up")
        await until(pilot, lambda: composer(pilot).text == "first thought")
        await pilot.press("up", "x")
        assert "x" in composer(pilot).text


async def test_drafts_are_kept_per_thread_and_come_back() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One", age=10)
    backend.add_thread("t2", "Two", age=20)
    backend.remembered["thread"] = "t1"
    async with running(backend) as pilot:
        await write(pilot, "for one")
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "Two" in text_of(pilot, "#chat"))
        assert backend.drafts == {"t1": "for one"}
        await until(pilot, lambda: composer(pilot).text == "")
        await write(pilot, "for two")
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: composer(pilot).text == "for one")
        assert backend.drafts["t2"] == "for two"
        await pilot.press("enter")
        await until(pilot, lambda: "t1" not in backend.drafts)
        assert backend.sent().text == "for one"


async def test_switching_fast_loses_no_text() -> None:
    backend = FakeBackend()
    for number in range(4):
        backend.add_thread(f"t{number}", f"Number {number}", age=number)
    backend.remembered["thread"] = "t0"
    async with running(backend) as pilot:
        await write(pilot, "keep me")
        await pilot.press("ctrl+pagedown", "ctrl+pagedown", "ctrl+pagedown", "ctrl+pageup")
        await settle(pilot)
        assert "keep me" in (backend.drafts.get("t0"), composer(pilot).text)


async def test_a_draft_is_saved_a_moment_after_typing_and_on_quitting() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        await write(pilot, "hal")
        await until(pilot, lambda: backend.drafts.get("new") == "hal")
        await write(pilot, "f")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)
    assert backend.drafts["new"] == "half"
    async with running(backend) as pilot:
        await until(pilot, lambda: composer(pilot).text == "half")


async def test_a_draft_is_saved_while_the_keys_go_on() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        for _ in range(100):
            await pilot.press("a")
            await pilot.pause(0.02)
            if backend.drafts:
                break
        assert backend.drafts["new"]
        await until(pilot, lambda: backend.drafts["new"] == composer(pilot).text)


async def test_a_draft_that_has_not_come_back_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One", age=10)
    backend.add_thread("t2", "Two", age=20)
    backend.add_thread("t3", "Three", age=30)
    backend.remembered["thread"] = "t1"
    backend.drafts["t2"] = "precious"
    read = asyncio.Event()

    async def slow(key: str) -> str:
        await read.wait()
        return backend.drafts.get(key, "")

    async with running(backend) as pilot:
        monkeypatch.setattr(backend, "draft", slow)
        await write(pilot, "one")
        await pilot.press("alt+down")
        await until(pilot, lambda: "Two" in text_of(pilot, "#chat"))
        await write(pilot, "x")
        await pilot.pause(0.6)
        assert backend.drafts == {"t1": "one", "t2": "precious"}
        await pilot.press("backspace", "alt+down")
        await until(pilot, lambda: "Three" in text_of(pilot, "#chat"))
        read.set()
        await pilot.press("alt+up")
        await until(pilot, lambda: composer(pilot).text == "precious")


async def test_a_draft_that_cannot_be_saved_is_told_once() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        backend.fail["save_draft"] = StoreError("The disk is full.", hint="Make room.")
        for word in ("some", "words"):
            await write(pilot, word)
            await pilot.pause(0.6)
        assert screen_text(pilot).count("The disk is full.") == 1


async def test_a_thread_is_not_left_while_its_text_cannot_be_saved() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    async with running(backend) as pilot:
        backend.fail["save_draft"] = StoreError("The disk is full.", hint="Make room.")
        await write(pilot, "keep")
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: "Make room." in screen_text(pilot))
        assert composer(pilot).text == "keep"
        assert "New thread" in text_of(pilot, "#chat")


async def test_page_keys_scroll_the_conversation_while_one_writes() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    for number in range(30):
        backend.say("t1", f"message {number}")
    backend.remembered["thread"] = "t1"
    async with running(backend, SMALL) as pilot:
        await until(pilot, lambda: "message 29" in text_of(pilot, "#log"))
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: "message 29" not in text_of(pilot, "#log"))
        assert focused(pilot) == "composer"
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "message 29" in text_of(pilot, "#log"))


async def test_the_example_is_one_key_away() -> None:
    backend = FakeBackend()
    async with running(backend, SMALL) as pilot:
        assert "Ctrl+G" in screen_text(pilot)
        await pilot.press("ctrl+g", "enter")
        await until(pilot, lambda: backend.commands)
        assert "Tokyo" in backend.sent().text
