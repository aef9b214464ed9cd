"""Finding words in a conversation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.ui.chat.test_reading import marked, thread
from tests.ui.driving import SMALL, focused, running, settle, text_of, until
from tests.ui.fakes import FakeBackend
from tests.ui.markdown.documents import DOCUMENT
from tui.core.models import PartKind
from tui.core.text import GrowingText
from tui.core.thread import Part
from tui.ui.chat.finding import pattern_of, spans
from tui.ui.chat.log import ChatLog
from tui.ui.chat.row_lines import Shown
from tui.ui.leaving import Leaving
from tui.ui.markdown import Piece, render


def told(pilot: Pilot[Leaving]) -> str:
    return text_of(pilot, "#find").replace("Find", "").strip()


def found(pilot: Pilot[Leaving]) -> list[tuple[str, bool]]:
    """What is highlighted, in order, and whether it is the match that keys are at."""
    log = pilot.app.screen.query_one(ChatLog)
    grounds = (
        (each.text, each.style.bgcolor.name.lower())
        for y in range(log.size.height)
        for each in log.render_line(y)
        if each.style and each.style.bgcolor
    )
    return [(text, ground == _HERE) for text, ground in grounds if ground in (_HERE, _FOUND)]


_HERE, _FOUND = "#dfaf68", "#514334"  # of the dark theme


def many() -> FakeBackend:
    return thread(*(f"Answer {n} is about **tea**.\n\n" + "more\n\n" * 12 for n in range(9)))


async def test_the_nearest_match_above_comes_first_and_keys_go_on_in_both_directions() -> None:
    async with running(many(), SMALL) as pilot:
        await pilot.press("ctrl+f", *"TEA")
        assert told(pilot).endswith("9 of 9")
        assert found(pilot) == [("tea", True)]
        assert "Answer 8" in text_of(pilot, "#lines")
        await pilot.press("up", "up")
        assert told(pilot).endswith("7 of 9")
        assert "Answer 6" in text_of(pilot, "#lines")
        await pilot.press("enter", "down", "down")
        assert told(pilot).endswith("1 of 9")
        assert "Answer 0" in text_of(pilot, "#lines")
        await pilot.press("tab", "n", "n", "N")
        assert told(pilot).endswith("2 of 9")
        assert "Answer 1 " in marked(pilot)


async def test_escape_returns_and_leaving_stays() -> None:
    async with running(many(), SMALL) as pilot:
        await pilot.press("shift+f6", "pageup", "pageup")
        before = text_of(pilot, "#lines")
        await pilot.press("ctrl+f", *"answer 3")
        await settle(pilot)
        assert text_of(pilot, "#lines") != before
        await pilot.press("escape")
        await settle(pilot)
        assert text_of(pilot, "#lines").split("\n")[:10] == before.split("\n")[:10]
        assert not pilot.app.screen.query_one("#find").display
        await pilot.press("ctrl+f", *"answer 3", "tab", "escape")
        assert "Answer 3 " in text_of(pilot, "#lines")
        assert not found(pilot)
        await pilot.press("escape")
        assert focused(pilot) == "composer"


async def test_who_was_at_the_end_follows_again() -> None:
    backend = many()
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+f", *"answer 3", "escape")
        backend.say("t1", "the newest")
        await until(pilot, lambda: "the newest" in text_of(pilot, "#lines"))


async def test_only_rows_with_a_shown_match_are_laid_out() -> None:
    async with running(many(), SMALL) as pilot:
        await pilot.press("ctrl+f", *"answer 3 ")
        column = pilot.app.screen.query_one(ChatLog).column
        assert sum(column.lines_of(row) is not None for row in column.rows) < 12


async def test_folded_reasoning_opens_for_its_match_and_closes_again() -> None:
    backend = thread("before")
    backend.say("t1", "why?")
    run = backend.begin("t1", "r8")
    run.text("a secret thought", kind=PartKind.REASONING)
    run.text("because")
    run.finish()
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+f", *"secret")
        assert "a secret thought" in text_of(pilot, "#lines")
        assert found(pilot) == [("secret", True)]
        await pilot.press("home", "ctrl+k", *"because")
        assert "a secret thought" not in text_of(pilot, "#lines")
        await pilot.press("home", "ctrl+k", *"secret", "escape")
        assert "a secret thought" not in text_of(pilot, "#lines")


async def test_tool_calls_and_what_streams_in_are_found_and_nothing_is_said_to_be_missing() -> None:
    backend = thread("before")
    backend.say("t1", "and?")
    run = backend.begin("t1", "r8")
    run.output(run.call("search", '{"query": "green tea"}'), "done")
    async with running(backend, SMALL) as pilot:
        await pilot.press("ctrl+f", *"green")
        assert told(pilot).endswith("1 of 1")
        assert found(pilot) == [("green", True)]
        run.next_round(2)
        run.text("more green, and green")
        await until(pilot, lambda: len(found(pilot)) == 3)
        await pilot.press("enter")
        assert told(pilot).endswith("2 of 3")
        await pilot.press("x")
        assert told(pilot).endswith("not found")
        assert found(pilot) == []


async def test_another_thread_begins_without_a_search() -> None:
    async with running(many(), SMALL) as pilot:
        await pilot.press("ctrl+f", *"tea", "ctrl+n")
        await settle(pilot)
        assert not pilot.app.screen.query_one("#find").display


@given(DOCUMENT, st.sampled_from(["word", "a", "日本", "x y", "link", "."]), st.integers(3, 50))
def test_what_is_highlighted_is_what_was_looked_for(text: str, words: str, width: int) -> None:
    part = Part(id="p", message_id="m", index=0, kind=PartKind.TEXT, text=GrowingText(text))
    for line in render(text, width).lines:
        literal = "".join(_literal(piece, text) for piece in line.pieces)
        for start, end, at in spans(Shown(line, part=part), pattern_of(words)):
            assert 0 <= start < end <= len(literal)
            assert text[at : at + len(words)].lower() == words.lower()
            shown = literal[start:end].lower()
            assert "\0" in shown or shown in words.lower()


def _literal(piece: Piece, text: str) -> str:
    """What stands so in the source; NUL for what does not, such as trimmed code."""
    at, size = piece.at, len(piece.text)
    return piece.text if text[at : at + size] == piece.text else "\0" * size
