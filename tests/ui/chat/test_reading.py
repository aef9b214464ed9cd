"""What a reader does with messages: mark, copy, open, inspect, select."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Click, MouseDown, MouseMove, MouseScrollUp, MouseUp
from textual.pilot import Pilot

from tests.ui.driving import SMALL, click_on, running, screen_text, settle, status, text_of, until
from tests.ui.fakes import FakeBackend
from tui.core.models import PartKind
from tui.ui.app import TickertapeApp
from tui.ui.chat.log import ChatLog
from tui.ui.clipboard import LocalClipboard
from tui.ui.leaving import Leaving

CODE = "Look:\n\n```python\nfirst = 1\n```\n\nand\n\n```\nsecond\n\n  line\n```\n\nthe end"
CJK = "A **bold** word, 日本語 and 👩‍👩‍👧 e\u0301!"
LINKS = "See [one](https://a.example/1) or [two](https://b.example/2), not [this](javascript:x)."


def thread(*answers: str) -> FakeBackend:
    """A question and an answer, and so on."""
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    for number, answer in enumerate(answers, 1):
        backend.say("t1", f"question {number}")
        run = backend.begin("t1", f"r{number}")
        run.text(answer)
        run.finish()
    backend.remembered["thread"] = "t1"
    return backend


def marked(pilot: Pilot[Leaving]) -> str:
    """What stands beside the bar."""
    lines = text_of(pilot, "#lines").replace("▐", "").split("\n")
    rows = (row for row in lines if row[:1] in ("▎", "█"))
    return "\n".join(row[1:].strip() for row in rows)


def taken(pilot: Pilot[Leaving]) -> str:
    return pilot.app.clipboard


async def drag(pilot: Pilot[Leaving], begin: str, end: str, *, wheel: int = 0) -> None:
    """Select from before some words to behind others, perhaps turning the wheel on the way."""
    await pilot._post_mouse_events([MouseDown], offset=place(pilot, begin), button=1)
    for _ in range(wheel):
        await pilot._post_mouse_events([MouseScrollUp], "#lines")
        await settle(pilot)
    x, y = place(pilot, end)
    last = x + cells(end) - 1, y
    for offset in ((x, y), last):
        await pilot._post_mouse_events([MouseMove], offset=offset, button=1)
    await pilot._post_mouse_events([MouseUp, Click], offset=last, button=1)


def cells(words: str) -> int:
    return sum(1 + (ord(character) > 0x1100) for character in words)


def place(pilot: Pilot[Leaving], words: str) -> tuple[int, int]:
    for y, row in enumerate(screen_text(pilot).split("\n")):
        if (x := row.find(words)) >= 0:
            return cells(row[:x]), y
    raise AssertionError(f"nowhere on screen: {words!r}\n{screen_text(pilot)}")


async def test_the_mark_goes_from_message_to_message_and_into_view() -> None:
    backend = thread("one\n\n" * 20, "two", "three")
    async with running(backend, SMALL) as pilot:
        assert not marked(pilot)
        await pilot.press("shift+f6", "left_square_bracket")
        assert marked(pilot) == "Assistant\nthree"
        await pilot.press("ctrl+up")
        assert marked(pilot) == "You\nquestion 3"
        await pilot.press("left_curly_bracket", "left_curly_bracket")
        await settle(pilot)
        assert marked(pilot) == "You\nquestion 1"
        await pilot.press("right_square_bracket")
        await settle(pilot)
        assert marked(pilot).startswith("Assistant\none")
        await pilot.press("right_curly_bracket")
        await settle(pilot)
        assert marked(pilot) == "You\nquestion 2"
        await pilot.press("up", "c")
        assert taken(pilot) == "question 2"
        await pilot.press("escape")
        assert not marked(pilot)


async def test_what_is_in_view_is_at_hand_when_the_mark_is_not() -> None:
    backend = thread("first *answer*", "long\n\n" * 40, "last")
    async with running(backend, SMALL) as pilot:
        await pilot.press("shift+f6", "left_square_bracket", "home", "right_square_bracket")
        assert marked(pilot) == "You\nquestion 1"
        await pilot.press("right_square_bracket", "c")
        assert taken(pilot) == "first *answer*"


async def test_code_is_copied_block_by_block_and_shown() -> None:
    async with running(thread(CODE), SMALL) as pilot:
        await pilot.press("shift+f6", "b")
        assert taken(pilot) == "first = 1\n"
        assert "Copied 10 characters." in status(pilot)
        await pilot.press("b")
        assert taken(pilot) == "second\n\n  line\n"
        thick = [row for row in text_of(pilot, "#lines").split("\n") if row.startswith("█")]
        assert [row[1:].strip() for row in thick] == ["copy", "second", "", "line"]
        await pilot.press("b")
        assert taken(pilot) == "first = 1\n"
        await pilot.press("left_square_bracket", "b")
        assert "There is no code in this message." in status(pilot)


async def test_links_are_opened_by_key_and_by_click(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        TickertapeApp, "open_url", lambda self, url, new_tab=True: opened.append(url)
    )
    async with running(thread(LINKS, "[here](mailto:ada@a.example)"), SMALL) as pilot:
        await pilot.press("shift+f6", "o")
        assert opened == ["mailto:ada@a.example"]
        await click_on(pilot, "two")
        assert opened[1:] == ["https://b.example/2"]
        await pilot.press("left_curly_bracket", "left_square_bracket", "o")
        await until(pilot, lambda: "Open which link?" in screen_text(pilot))
        assert "javascript" not in screen_text(pilot).split("Open which link?")[1]
        await pilot.press("down", "enter")
        assert opened[2:] == ["https://b.example/2"]
        await pilot.press("o", "escape", "left_square_bracket", "o")
        assert len(opened) == 3
        assert "There is no link in this message." in status(pilot)


async def test_a_link_is_painted_as_one_and_only_if_it_is_harmless() -> None:
    async with running(thread(LINKS), SMALL) as pilot:
        log = pilot.app.screen.query_one(ChatLog)
        segments = [each for y in range(log.size.height) for each in log.render_line(y)]
        found = {each.text: each.style.link for each in segments if each.style and each.style.link}
        assert found == {"one": "https://a.example/1", "two": "https://b.example/2"}


async def test_enter_inspects_the_calls_one_after_the_other() -> None:
    backend = thread("words")
    backend.say("t1", "and now?")
    run = backend.begin("t1", "r9")
    for name in ("alpha", "beta"):
        run.output(run.call(name, f'{{"to": "{name}"}}'), "done")
    async with running(backend, (120, 40)) as pilot:
        await pilot.press("shift+f6", "enter", "enter")
        await settle(pilot)
        assert '"beta"' in text_of(pilot, "#inspector")
        await pilot.press("left_curly_bracket", "enter")
        assert "There is no tool call in this message." in status(pilot)


async def test_reasoning_of_the_marked_message_alone_is_unfolded() -> None:
    backend = thread()
    for number in (1, 2):
        backend.say("t1", "why?")
        run = backend.begin("t1", f"r{number}")
        run.text(f"thought {number}", kind=PartKind.REASONING)
        run.text(f"answer {number}")
        run.finish()
    async with running(backend, SMALL) as pilot:
        await pilot.press("shift+f6", "left_square_bracket", "e")
        assert "thought 2" in screen_text(pilot)
        assert "thought 1" not in screen_text(pilot)
        await pilot.press("e")
        assert "thought 2" not in screen_text(pilot)


async def test_lines_are_selected_by_keys_and_copied_as_source() -> None:
    async with running(thread("- *a*\n- **b**\n- c\n", "x\n\n" * 20), SMALL) as pilot:
        await pilot.press("shift+f6", "home", "right_square_bracket", "right_square_bracket")
        await pilot.press("v", "down", "down", "c")
        assert taken(pilot) == "- *a*\n- **b**"
        await pilot.press("v", *["down"] * 36, "ctrl+c")
        assert "Copied" in status(pilot)
        assert "question 2\n\nx" in taken(pilot)
        await pilot.press("escape", "up", "c")
        assert taken(pilot) == "x\n\n" * 20


async def test_the_mouse_selects_source_across_messages_and_in_a_fence() -> None:
    async with running(thread(CODE, CJK), (80, 30)) as pilot:
        await drag(pilot, "cond", "bold")
        await pilot.press("ctrl+c")
        copied = taken(pilot)
        assert copied.startswith("cond\n\n  line\n```\n\nthe end\n\nquestion 2\n\nA **bold")
        await drag(pilot, "本", "語 an")
        await pilot.press("c")
        assert taken(pilot) == "本語 an"
        await drag(pilot, "語 and", "!")
        await pilot.press("ctrl+c")
        assert taken(pilot) == "語 and 👩‍👩‍👧 e\u0301!"
        assert pilot.app.is_running


async def test_the_wheel_scrolls_while_the_mouse_selects() -> None:
    numbers = "\n\n".join(f"line {number:02}" for number in range(40))
    async with running(thread(numbers), SMALL) as pilot:
        await drag(pilot, "line 39", "line 29", wheel=2)
        await pilot.press("ctrl+c")
        assert taken(pilot).startswith("9\n\nline 30")
        assert "line 38" in taken(pilot)


async def test_a_selection_that_ends_on_a_link_does_not_open_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        TickertapeApp, "open_url", lambda self, url, new_tab=True: opened.append(url)
    )
    async with running(thread("See [the page](https://a.example)"), SMALL) as pilot:
        await drag(pilot, "See", "the pa")
        assert not opened


async def test_what_is_copied_reaches_a_program_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, target = tmp_path / "xclip", tmp_path / "copied"
    program.write_text(f'#!/bin/sh\n/bin/cat > "{target}.new"; /bin/mv "{target}.new" "{target}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    backend = thread("some *words*")
    app = TickertapeApp(backend.connect, now=backend.now, copy_locally=LocalClipboard().put)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "some" in screen_text(pilot))
        await pilot.press("f4")
        await until(pilot, target.exists)
        assert target.read_text() == "some *words*"
        program.write_text("#!/bin/sh\nexit 3\n")
        await pilot.press("f4")
        program.unlink()
        await pilot.press("f4")
        await pilot.app.workers.wait_for_complete()
        assert "Copied" in status(pilot)
