"""Which panes are visible at which size, and where the focus goes when that changes."""

from __future__ import annotations

from typing import Literal

from textual.widget import Widget

Side = Literal["threads", "inspector"]
SIDES: tuple[Side, Side] = ("threads", "inspector")

# From this width on the side panes stand beside the conversation; below it they lie over it.
WIDE = 120
# Below this nothing but the conversation and the composer makes sense (and an OptionList that is
# laid out at width 0 crashes).
TINY_WIDTH = 24
TINY_HEIGHT = 10


class PaneLayout:
    """Visibility as state; the screen applies it. ``wanted`` is the reader's choice when wide."""

    def __init__(self) -> None:
        self.wanted: dict[Side, bool] = {"threads": True, "inspector": True}
        self.overlay: Side | None = None
        self.wide = True
        self.tiny = False

    def resize(self, width: int, height: int) -> None:
        """The screen has this size now."""
        self.wide = width >= WIDE
        self.tiny = width < TINY_WIDTH or height < TINY_HEIGHT
        if self.wide or self.tiny:
            self.overlay = None

    def visible(self, side: Side) -> bool:
        """Whether a side pane is on screen."""
        if self.tiny:
            return False
        return self.wanted[side] if self.wide else self.overlay == side

    def toggle(self, side: Side) -> bool:
        """Show or hide a side pane; whether it is on screen afterwards."""
        if self.wide:
            self.wanted[side] = not self.wanted[side]
        else:
            self.overlay = None if self.overlay == side else side
        return self.visible(side)


def focus_into(widget: Widget) -> bool:
    """Focus the widget or the first thing in it that takes keys; false if there is none."""
    for candidate in (widget, *widget.query("*").results(Widget)):
        if candidate.focusable and candidate.display:
            candidate.focus()
            return True
    return False
