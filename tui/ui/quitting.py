"""Leaving while answers are being written: the question, and its possible answers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.ui import wording

_MOST = 3


class QuitChoice(StrEnum):
    """What is to become of the answers; Escape (None) stays."""

    WAIT = "wait"
    CANCEL = "cancel"
    LET_GO = "let_go"


class QuitScreen(ModalScreen[QuitChoice | None]):
    """Asks what becomes of the answers in these threads.

    ``titles`` are safe text. Without ``can_let_go`` none of them is there at the next start.
    """

    DEFAULT_CSS = (Path(__file__).parent / "dialogs.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "choose('wait')", "Wait"),
        Binding("c", "choose('cancel')", "Cancel and quit"),
        Binding("l", "choose('let_go')", "Leave and quit"),
        Binding("escape", "stay", "Stay"),
    ]

    def __init__(self, titles: Sequence[str], *, can_let_go: bool) -> None:
        super().__init__()
        self._titles = titles
        self._can_let_go = can_let_go

    def compose(self) -> ComposeResult:
        """The question, the threads, and the keys."""
        many = len(self._titles) > 1
        what = f"{len(self._titles)} answers are" if many else "An answer is"
        with Vertical(classes="dialog"):
            yield Static(f"{what} still being written.", markup=False, classes="question")
            yield Static("\n".join(self._listed()), markup=False, classes="listed")
            yield Static("\n".join(self._keys(many)), markup=False, classes="keys")

    def _listed(self) -> list[str]:
        shown = [wording.one_line(f"  {title}", 56) for title in self._titles[:_MOST]]
        left = len(self._titles) - len(shown)
        return [*shown, f"… and {left} more"] if left else shown

    def _keys(self, many: bool) -> list[str]:
        them = "them" if many else "it"
        keys = [
            f"w    wait for {them}, then quit",
            f"c    cancel {them} and quit",
        ]
        if self._can_let_go:
            keys.append(f"l    leave {them}; the next start can go on with {them}")
        return [*keys, "Esc  stay"]

    def action_choose(self, choice: str) -> None:
        """Close with this choice, if it is on offer."""
        if choice != QuitChoice.LET_GO or self._can_let_go:
            self.dismiss(QuitChoice(choice))

    def action_stay(self) -> None:
        """Close; nothing happens."""
        self.dismiss(None)
