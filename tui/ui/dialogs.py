"""Small questions over the screen: confirm, a line of text, and the list of all keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

_CSS = (Path(__file__).parent / "dialogs.tcss").read_text(encoding="utf-8")


class ConfirmScreen(ModalScreen[bool]):
    """A question that is answered with y or n; Escape means no."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question and its keys."""
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False, classes="question")
            yield Static("y  yes      n  no", markup=False, classes="keys")

    def action_answer(self, is_yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(is_yes)


class LineScreen(ModalScreen[str | None]):
    """Asks for one line of text; Escape gives None."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Cancel")]

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question = question
        self._text = text

    def compose(self) -> ComposeResult:
        """The question and the line."""
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False, classes="question")
            yield Input(self._text, select_on_focus=False)
            yield Static("Enter  keep      Esc  cancel", markup=False, classes="keys")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_give_up(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


KeyGroup = tuple[str, Sequence[tuple[str, str]]]


class KeysScreen(ModalScreen[None]):
    """Every key of every pane, scrollable."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "close", "Close")]

    def __init__(self, groups: Iterable[KeyGroup]) -> None:
        super().__init__()
        self._groups = list(groups)

    def compose(self) -> ComposeResult:
        """A title that stays, and a table for each pane."""
        width = max((len(key) for _, keys in self._groups for key, _ in keys), default=0)
        with Vertical(classes="dialog -tall"):
            yield Static("All keys", markup=False, classes="question")
            yield Static("↑ ↓  scroll      Esc  closes", markup=False, classes="hint")
            with VerticalScroll(classes="tables"):
                for title, keys in self._groups:
                    yield Static(title, markup=False, classes="question")
                    yield Static(_key_table(keys, width), markup=False, classes="table")

    def action_close(self) -> None:
        """Back to where the reader was."""
        self.dismiss(None)


def _key_table(keys: Sequence[tuple[str, str]], width: int) -> Content:
    rows = (
        Content.assemble((key.ljust(width + 2), "bold $text-primary"), words) for key, words in keys
    )
    return Content("\n").join(rows)
