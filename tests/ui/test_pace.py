"""Pacing: text appears at a bounded rate, in order, and at once when somebody asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.ui.driving import SMALL, settle, status, text_of, until
from tests.ui.fakes import NOW, FakeBackend
from tui.core import events as e
from tui.core.events import Envelope, Event
from tui.core.models import Outcome, PartKind
from tui.core.services import LogItem, ThreadReloaded
from tui.core.transcript import Transcript
from tui.ui.app import TickertapeApp
from tui.ui.pace import Pace


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = 50.0

    def __call__(self) -> float:
        return self.at


def logged(*events: Event) -> list[LogItem]:
    return [
        Envelope(thread="t", seq=seq, at=NOW, mono=0.0, event=event, run="r")
        for seq, event in enumerate(events, 1)
    ]


def text(words: str, part: str = "p") -> e.TextDelta:
    return e.TextDelta(part_id=part, text=words)


def test_text_waits_for_the_words_before_it_and_what_follows_waits_too() -> None:
    clock = Clock()
    pace = Pace(2, now=clock)
    items = logged(text("one two"), text(" three"), e.TurnFinished(outcome=Outcome.COMPLETED))
    assert pace.take(items) == items[:1]
    assert pace.wait is not None
    assert 0.8 < pace.wait <= 1.0
    clock.at += 0.5
    assert pace.take([]) == []
    clock.at += 0.5
    assert pace.take([]) == items[1:]
    assert pace.wait is None


def test_a_word_in_pieces_is_one_word() -> None:
    clock = Clock()
    pace = Pace(1, now=clock)
    items = logged(text("un"), text("believ"), text("able"), text(" really"))
    assert pace.take(items[:1]) == items[:1]
    clock.at += 1.0
    assert pace.take(items[1:]) == items[1:]


def test_what_nobody_reads_along_is_not_slowed_down() -> None:
    pace = Pace(1, now=Clock())
    begin = e.PartStarted(message_id="m", part_id="p", index=0, kind=PartKind.REASONING)
    items = logged(begin, text("a long thought"), text(" and more"), e.TurnStarted(round=2))
    assert pace.take(items) == items


def test_hurry_lasts_until_the_next_run() -> None:
    clock = Clock()
    pace = Pace(1, now=clock)
    items = logged(text("a b c d"), text(" e"), text(" f"))
    assert pace.take(items) == items[:1]
    pace.hurry()
    assert pace.take([]) == items[1:]
    again = logged(text(" g"), e.RunStarted(parent_id="m"), text("h i"), text(" j"))
    clock.at += 100
    assert pace.take(again) == again[:3]


def test_a_reload_has_all_of_it() -> None:
    pace = Pace(1, now=Clock())
    items = logged(text("a b c"), text(" d"))
    pace.take(items)
    reloaded = ThreadReloaded(transcript=Transcript("t"))
    assert pace.take([reloaded]) == [reloaded]
    assert pace.wait is None


_PIECES = st.text(st.sampled_from("ab \n"), max_size=12)


@given(st.lists(st.lists(_PIECES, max_size=6), max_size=6), st.integers(1, 40))
def test_order_is_kept_nothing_is_lost_and_the_rate_holds(
    batches: list[list[str]], rate: int
) -> None:
    clock = Clock()
    pace = Pace(rate, now=clock)
    given, shown = list[LogItem](), list[LogItem]()
    for batch in batches:
        items = logged(*(text(piece) for piece in batch))
        given += items
        shown += pace.take(items)
        clock.at += 0.05
    began = clock.at
    while (wait := pace.wait) is not None:
        clock.at += wait + 1e-6
        fresh = pace.take([])
        assert fresh
        shown += fresh
    assert shown == given
    words = len("".join(event.text for event in _texts(given)).split())
    assert clock.at - began <= words / rate + 0.2  # no slower than asked


def _texts(items: list[LogItem]) -> list[e.TextDelta]:
    events = [item.event for item in items if isinstance(item, Envelope)]
    return [event for event in events if isinstance(event, e.TextDelta)]


async def test_the_screen_reads_along_and_escape_shows_the_rest() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    app = TickertapeApp(backend.connect, now=backend.now, words_per_second=lambda: 0.01)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "a question" in text_of(pilot, "#log"))
        run = backend.begin("t1", "r1")
        part = run.part(PartKind.TEXT)
        for word in ("alpha", " beta", " gamma"):
            run.emit(e.TextDelta(part_id=part, text=word))
        run.finish()
        await until(pilot, lambda: "alpha" in text_of(pilot, "#log"))
        await settle(pilot)
        assert "beta" not in text_of(pilot, "#log")
        assert "Answering" in status(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "alpha beta gamma" in text_of(pilot, "#log"))
        assert "Done" in status(pilot)


async def test_the_rest_comes_by_itself() -> None:
    backend = FakeBackend()
    backend.add_thread("t1", "One")
    backend.say("t1", "a question")
    backend.remembered["thread"] = "t1"
    app = TickertapeApp(backend.connect, now=backend.now, words_per_second=lambda: 20)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: "a question" in text_of(pilot, "#log"))
        run = backend.begin("t1", "r1")
        run.text(*(f"{number} " for number in range(12)))
        run.finish()
        await until(pilot, lambda: "Done" in status(pilot))
        assert "0 1 2 3 4 5 6 7 8 9 10 11" in text_of(pilot, "#log")
