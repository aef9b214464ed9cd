"""The two lines on top of the inspector: which tab, and which run."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui.core.models import Outcome, RunState
from tui.core.thread import Run
from tui.ui.inspector.lines import LineWidget, ScreenRow, Tone
from tui.ui.inspector.measure import duration

_TABS = ("Tool calls", "Wire")


class InspectorHeading(LineWidget, can_focus=False):
    """Shows the tabs with their counts, and the run; a click on a tab asks for it."""

    class TabClicked(Message):
        """The reader clicked the tab at this place."""

        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self._tab = 0
        self._counts = (0, 0)
        self._run: list[str] = []
        self._run_tone: Tone = "note"

    def show(
        self, tab: int, counts: tuple[int, int], run: Run | None, place: str, cost: str = ""
    ) -> None:
        """``counts`` of calls and events; ``place`` says which of how many runs it is."""
        self._tab, self._counts = tab, counts
        self._run, self._run_tone = ([], "note") if run is None else _state(run, place)
        if cost:
            self._run.append(cost)
        self.repaint()

    def lay_out(self, width: int, height: int) -> list[ScreenRow]:
        """The tabs above the run."""
        return [
            ScreenRow(tuple(self._labels(width))),
            ScreenRow(((_fitting(self._run, width), self._run_tone),)),
        ]

    def _labels(self, width: int) -> list[tuple[str, Tone]]:
        pieces: list[tuple[str, Tone]] = []
        for place, name in enumerate(_TABS):
            key = f"{place + 1} " if width >= _ROOM_FOR_KEYS else ""
            tone: Tone = "tab-active" if place == self._tab else "tab"
            pieces += [(f" {key}", "key"), (name, tone), (f" ({self._counts[place]:,}) ", "note")]
        return pieces

    def on_click(self, event: events.Click) -> None:
        """Find the tab below the pointer."""
        if event.y:
            return
        pieces = self._labels(self.size.width)
        split = sum(len(text) for text, _ in pieces[:3])
        self.post_message(self.TabClicked(0 if event.x < split else 1))


_ROOM_FOR_KEYS = 34


def _state(run: Run, place: str) -> tuple[list[str], Tone]:
    if run.active:
        rounds = [f"round {run.rounds}"] if run.rounds > 1 else []
        return [place, run.state.value, *rounds], "active"
    ended = run.outcome.value if run.outcome else RunState.INTERRUPTED.value
    took = [] if run.finished_mono is None else [duration(run.finished_mono - run.started_mono)]
    return [place, ended, *took], "note" if run.outcome is Outcome.COMPLETED else "bad"


def _fitting(facts: list[str], width: int) -> str:
    """The facts on one line; without the word for success where it would cost the last of them."""
    line = " " + " · ".join(facts)
    if len(line) <= width:
        return line
    return " " + " · ".join(each for each in facts if each != Outcome.COMPLETED.value)
