"""Panes, focus, overlays, sizes: what is visible where, and which keys get one there."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from tests.ui.driving import (
    LARGE,
    SMALL,
    WIDE,
    click_on,
    focused,
    running,
    screen_text,
    settle,
    status,
    text_of,
    until,
)
from tests.ui.fakes import FakeBackend
from tests.ui.scenes import answered, begin, finished_calls, library
from tui.core import events as e
from tui.core.models import PartKind
from tui.ui import themes
from tui.ui.chat.view import ChatView
from tui.ui.commands import COMMANDS
from tui.ui.composer import Composer
from tui.ui.leaving import Leaving


def visible(pilot: Pilot[Leaving], selector: str) -> bool:
    return pilot.app.screen.query_one(selector).display


@pytest.mark.parametrize("size", [SMALL, WIDE, LARGE])
async def test_what_is_told_covers_neither_composer_nor_newest_lines_nor_inspector(
    size: tuple[int, int],
) -> None:
    async with running(FakeBackend(), size) as pilot:
        pilot.app.notify("word " * 30, severity="error", markup=False)
        await until(pilot, lambda: "word" in screen_text(pilot))
        (toast,) = pilot.app.screen.query(Toast)
        conversation = pilot.app.screen.query_one("#chat").region
        assert toast.region.y <= 2
        assert toast.region.bottom <= conversation.bottom - conversation.height // 3
        assert conversation.right - 4 <= toast.region.right <= conversation.right


def pane_with_focus(pilot: Pilot[Leaving]) -> str:
    for pane in ("#threads", "#chat", "#approval", "#composer", "#inspector"):
        if pilot.app.screen.query_one(pane).has_focus_within:
            return pane
    return ""


async def test_focus_goes_round_the_panes_in_both_directions() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend) as pilot:
        seen = []
        for _ in range(4):
            await pilot.press("f6")
            seen.append(pane_with_focus(pilot))
        assert seen == ["#inspector", "#threads", "#chat", "#composer"]
        await pilot.press("shift+f6")
        assert pane_with_focus(pilot) == "#chat"
        await pilot.press("escape")
        assert focused(pilot) == "composer"
        await pilot.press("tab")
        assert focused(pilot) != "composer"


async def test_wide_panes_are_toggled_and_the_choice_is_remembered() -> None:
    backend = FakeBackend()
    async with running(backend, LARGE) as pilot:
        await pilot.press("ctrl+t")
        assert not visible(pilot, "#threads")
        assert focused(pilot) == "composer"
        await pilot.press("ctrl+o")
        assert not visible(pilot, "#inspector")
    async with running(backend, LARGE) as pilot:
        assert not visible(pilot, "#threads")
        assert not visible(pilot, "#inspector")
        await pilot.press("ctrl+t")
        assert visible(pilot, "#threads")
    assert backend.remembered["pane.threads"] == "shown"


async def test_hiding_the_pane_that_has_the_focus_gives_it_to_the_composer() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend) as pilot:
        await pilot.press("f6")
        assert pane_with_focus(pilot) == "#inspector"
        await pilot.press("ctrl+o")
        assert focused(pilot) == "composer"


@pytest.mark.parametrize(("key", "pane"), [("ctrl+t", "#threads"), ("ctrl+o", "#inspector")])
async def test_overlays_take_the_focus_and_escape_closes_them(key: str, pane: str) -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        assert not visible(pilot, pane)
        chat = pilot.app.screen.query_one(ChatView).region
        await pilot.press(key)
        await until(pilot, lambda: pane_with_focus(pilot) == pane)
        assert pilot.app.screen.query_one(ChatView).region == chat
        await pilot.press("escape")
        assert not visible(pilot, pane)
        assert focused(pilot) == "composer"
        assert pane not in backend.remembered


@pytest.mark.parametrize("opened_before", [False, True])
async def test_a_hidden_inspector_shows_all_that_came_meanwhile(opened_before: bool) -> None:
    backend = FakeBackend()
    library(backend)
    async with running(backend, SMALL) as pilot:
        if opened_before:
            await pilot.press("ctrl+o")
            await until(pilot, lambda: visible(pilot, "#inspector"))
            await pilot.press("escape")
        run = begin(backend)
        finished_calls(backend, run)
        run.finish()
        await until(pilot, lambda: "Done" in screen_text(pilot))
        await settle(pilot)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "Run 1 of 1" in text_of(pilot, "#inspector"))
        assert "Asia/Tokyo" in text_of(pilot, "#calls")


async def test_an_overlay_closes_when_the_focus_leaves_it() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: pane_with_focus(pilot) == "#threads")
        await pilot.press("f6")
        await until(pilot, lambda: not visible(pilot, "#threads"))


async def test_picking_a_thread_in_the_overlay_closes_it() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: pane_with_focus(pilot) == "#threads")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Release notes" in text_of(pilot, "#chat"))
        assert not visible(pilot, "#threads")
        assert focused(pilot) == "composer"


async def test_every_size_down_to_one_cell_and_back_while_streaming() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, WIDE) as pilot:
        backend.say("t1", "more")
        run = backend.begin("t1", "r2")
        part = run.part(PartKind.TEXT)
        call = run.call("clock", '{"a": ', end=False)
        run.emit(e.ApprovalRequested(call_id=call))
        sizes = [SMALL, (20, 6), (9, 3), (4, 2), (2, 2), (1, 1), (1, 40), (200, 1)]
        for width, height in [*sizes, (3, 3), WIDE]:
            await pilot.resize_terminal(width, height)
            run.emit(e.TextDelta(part_id=part, text=f"at {width}x{height}\n\n"))
            await pilot.press("ctrl+t", "ctrl+o", "x")
            await pilot.pause()
        await settle(pilot)
        assert "at 120x40" in text_of(pilot, "#log")
        assert "x" * 5 in pilot.app.screen.query_one(Composer).text


async def test_small_terminals_show_conversation_and_composer_only() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        await pilot.resize_terminal(40, 8)
        await settle(pilot)
        await pilot.press("h", "i")
        assert "hi" in screen_text(pilot)
        assert not visible(pilot, "#status")


async def test_leaving_an_overlay_by_resizing_keeps_a_working_focus() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: pane_with_focus(pilot) == "#threads")
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: focused(pilot) == "composer")
        await pilot.resize_terminal(*LARGE)
        await until(pilot, lambda: visible(pilot, "#threads"))
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: not visible(pilot, "#threads"))


async def test_an_overlay_that_became_a_pane_is_no_overlay_later() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: pane_with_focus(pilot) == "#threads")
        await pilot.resize_terminal(*LARGE)
        await settle(pilot)
        assert pane_with_focus(pilot) == "#threads"
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: not visible(pilot, "#threads"))
        assert focused(pilot) == "composer"


async def test_the_footer_shows_the_keys_of_the_focused_pane() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend) as pilot:
        assert "Send" in text_of(pilot, "Footer")
        await pilot.press("shift+f6")
        await until(pilot, lambda: "Newest" in text_of(pilot, "Footer"))
        assert "Send" not in text_of(pilot, "Footer")
        await pilot.press("shift+f6")
        await until(pilot, lambda: "Delete" in text_of(pilot, "Footer"))


@pytest.mark.parametrize("key", ["ctrl+t", "ctrl+o", "f7"])
async def test_the_footer_always_says_how_to_find_the_keys(key: str) -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend, SMALL) as pilot:
        assert "f1 Keys" in text_of(pilot, "Footer")
        await pilot.press(key, "f7")
        await settle(pilot)
        assert "f1 Keys" in text_of(pilot, "Footer")


async def test_f1_has_a_title_and_says_every_key_once_in_its_section() -> None:
    async with running(FakeBackend(), (80, 24)) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: "All keys" in screen_text(pilot))
        assert "Esc  closes" in screen_text(pilot)
        assert "Use what was found here (a local server, a key)" in screen_text(pilot)
        await pilot.press("end")
        await until(pilot, lambda: "Inspector: the open event" in screen_text(pilot))
        assert "All keys" in screen_text(pilot)
        await pilot.resize_terminal(80, 200)
        await until(pilot, lambda: "Everywhere" in screen_text(pilot))
        rows = [" ".join(row.strip("│ ╮╯").split()) for row in screen_text(pilot).split("\n")]
        raw = rows[rows.index("Inspector: raw events") :]
        assert raw[1:3] == ["↑ Earlier event", "↓ Later event"]
        assert "Select" not in rows
        for section in ("Inspector", "Inspector: tool calls", "Composer", "Threads"):
            assert rows.count(section) == 1


async def test_f1_lists_the_keys_and_closes_again() -> None:
    async with running(FakeBackend()) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: "Everywhere" in screen_text(pilot))
        assert "Approve the tool call" in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "Everywhere" not in screen_text(pilot))
        assert focused(pilot) == "composer"


async def test_the_palette_runs_actions() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"example")
        await until(pilot, lambda: "Insert an example message" in screen_text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Tokyo" in pilot.app.screen.query_one(Composer).text)


@pytest.mark.parametrize(
    ("action", "copied"),
    [("copy_arguments", '"17*23"'), ("copy_output", "391"), ("copy_event", "thread.run.created")],
)
async def test_what_is_inspected_can_be_copied_from_the_palette(action: str, copied: str) -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend) as pilot:
        backend.emit_wire("r1", "thread.run.created", '{"event": "thread.run.created"}')
        await settle(pilot)
        assert any(command.action == action for command in COMMANDS)
        await pilot.app.screen.run_action(action)
        assert copied in pilot.app.clipboard
        await until(pilot, lambda: "Copied" in status(pilot))


async def test_a_message_can_be_sent_from_the_palette() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        pilot.app.screen.query_one(Composer).put("hello")
        await pilot.app.screen.run_action("send")
        await until(pilot, lambda: backend.commands)


async def test_the_theme_is_switched_and_remembered() -> None:
    backend = FakeBackend()
    async with running(backend) as pilot:
        await pilot.press("f12")
        assert pilot.app.theme == themes.LIGHT
    assert backend.remembered["theme"] == themes.LIGHT
    async with running(backend) as pilot:
        assert pilot.app.theme == themes.LIGHT
        pilot.app.theme = "nord"
        await until(pilot, lambda: backend.remembered["theme"] == "nord")


async def test_a_forgotten_theme_does_no_harm() -> None:
    backend = FakeBackend()
    backend.remembered["theme"] = "no-such-theme"
    async with running(backend) as pilot:
        assert pilot.app.theme == themes.DARK


async def test_a_click_on_a_tool_line_opens_the_inspector() -> None:
    backend = FakeBackend()
    answered(backend)
    async with running(backend) as pilot:
        await pilot.press("ctrl+o")
        assert not visible(pilot, "#inspector")
        await click_on(pilot, "✓")
        await until(pilot, lambda: "Asia/Tokyo" in text_of(pilot, "#inspector"))


async def test_earlier_runs_can_be_inspected_by_key() -> None:
    backend = FakeBackend()
    answered(backend)
    backend.say("t1", "again")
    run = backend.begin("t1", "r2")
    run.call("roll_dice", '{"sides": 20}')
    async with running(backend) as pilot:
        await until(pilot, lambda: "roll_dice" in text_of(pilot, "#inspector"))
        await pilot.press("f6", "left_square_bracket")
        await until(pilot, lambda: "current_time" in text_of(pilot, "#inspector"))
        assert "Run 1 of 2" in text_of(pilot, "#inspector")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "roll_dice" in text_of(pilot, "#inspector"))
        backend.say("t1", "and again")
        third = backend.begin("t1", "r3")
        finished_calls(backend, third)
        await until(pilot, lambda: "calculate" in text_of(pilot, "#inspector"))
