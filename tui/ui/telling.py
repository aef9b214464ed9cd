"""How a screen speaks to the reader: remarks in the status line, errors that stay to be read."""

from __future__ import annotations

from collections.abc import Awaitable

from textual.screen import Screen
from textual.timer import Timer

from tui.core.errors import TickertapeError
from tui.core.models import Problem
from tui.core.sanitise import sanitise
from tui.ui import wording
from tui.ui.status import StatusLine

_REMARK_SECONDS = 6
_PROBLEM_SECONDS = 12


class TellingScreen(Screen[None]):
    """A screen with a status line."""

    def __init__(self) -> None:
        super().__init__()
        self._status = StatusLine()
        self._remark_timer: Timer | None = None

    def _say(self, remark: str) -> None:
        """A passing remark in the status line."""
        if self._remark_timer is not None:
            self._remark_timer.stop()
        self._remark_timer = self.set_timer(_REMARK_SECONDS, self._say_nothing)
        self._status.say(sanitise(remark))

    def _say_nothing(self) -> None:
        self._status.say("")

    def _complain(self, error: TickertapeError) -> None:
        """What went wrong, with its hint; stays long enough to be read."""
        self._report(error.problem)

    def _report(self, problem: Problem, seconds: float = _PROBLEM_SECONDS) -> None:
        text = wording.problem_text(problem)
        self.notify(text, severity="error", timeout=seconds, markup=False)

    async def _attempt(self, act: Awaitable[None]) -> bool:
        """Await a command; a failure becomes a sentence on screen and False."""
        try:
            await act
        except TickertapeError as error:
            self._complain(error)
            return False
        return True
