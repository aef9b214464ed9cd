"""Asks which link of a message is to be opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from tui.ui.chat.contents import Link


class LinksScreen(ModalScreen[str | None]):
    """The links of a message; gives the address of one, or None."""

    DEFAULT_CSS = """
    LinksScreen {
        align: center middle;
        Vertical {
            width: 76; max-width: 100%; height: auto; max-height: 90%; min-height: 6;
            padding: 1 2; border: round $border; background: $surface;
        }
        Static { height: auto; text-style: bold; }
        OptionList {
            height: auto; max-height: 1fr; margin: 1 0; padding: 0;
            &, &:focus { border: none; background: $surface; }
        }
        .keys { text-style: none; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,o", "give_up", "Close")]

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__()
        self._links = links

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical():
            yield Static("Open which link?", markup=False)
            yield OptionList(*(Content(_told(link)) for link in self._links))
            yield Static("Enter  open      Esc  close", markup=False, classes="keys")

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._links[event.option_index].url)

    def action_give_up(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


def _told(link: Link) -> str:
    return link.url if link.label in ("", link.url) else f"{link.label}  {link.url}"
