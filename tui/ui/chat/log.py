"""The scrolling column of the conversation: follows its end until the reader scrolls away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.message import Message
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Place:
    """Which child is at the top of the view, and how far into it the view begins.

    In lines, as long as its lines break the same way; as a share (0 to 1) in another width.
    """

    child: Widget
    lines: float
    share: float
    width: int

    def top(self) -> float:
        """Where the view has to begin now."""
        region = self.child.virtual_region
        same_width = region.width == self.width
        return region.y + (self.lines if same_width else round(self.share * region.height))


class ChatLog(VerticalScroll):
    """``following`` is state: only the reader's wheel, keys or thumb change it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_lines(-1)", "Up", show=False),
        Binding("down", "scroll_lines(1)", "Down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up"),
        Binding("pagedown", "scroll_pages(1)", "Page down"),
        Binding("home", "scroll_start", "Oldest", show=False),
        Binding("end", "follow", "Newest"),
    ]

    class ReaderScrolled(Message):
        """The reader moved the view."""

    def __init__(self, header: Widget) -> None:
        super().__init__(id="log")
        # Not text: what one reads is never anchored to it.
        self._header = header
        self.following = True
        self._place: Place | None = None

    # --- the reader moves ------------------------------------------------------------------

    def scroll_by(self, lines: float) -> None:
        """Move the view as the reader asked, at once."""
        self.scroll_to(y=self.scroll_y + lines, animate=False, immediate=True)
        self._reader_scrolled()

    def action_scroll_lines(self, lines: int) -> None:
        """Move by single lines."""
        self.scroll_by(lines)

    def action_scroll_pages(self, pages: int) -> None:
        """Move by the height of the view, keeping one line in common."""
        self.scroll_by(pages * max(1, self.size.height - 1))

    def action_scroll_start(self) -> None:
        """Go to the oldest line that is loaded."""
        self.scroll_by(-self.scroll_y)

    def action_follow(self) -> None:
        """Go to the newest line and stay there."""
        self.following = True
        self._hold()
        self.post_message(self.ReaderScrolled())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel; the view itself moves it, this only notes that the reader did."""
        self.call_next(self._reader_scrolled)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        self.call_next(self._reader_scrolled)

    def on_scroll_to(self, message: ScrollTo) -> None:
        """The thumb."""
        self.call_after_refresh(self._reader_scrolled)

    def on_scroll_up(self, message: ScrollUp) -> None:
        """A click above the thumb."""
        self.call_after_refresh(self._reader_scrolled)

    def on_scroll_down(self, message: ScrollDown) -> None:
        """A click below the thumb."""
        self.call_after_refresh(self._reader_scrolled)

    def _reader_scrolled(self) -> None:
        self.following = self.scroll_target_y >= self.max_scroll_y
        self._hold()
        self._note_place()
        self.post_message(self.ReaderScrolled())

    # --- keeping the place -----------------------------------------------------------------

    def _note_place(self) -> None:
        self._place = None
        if self.following:
            return
        top = self.scroll_target_y
        for child in self.children:
            region = child.virtual_region
            if child is not self._header and child.display and region.bottom > top:
                into = top - region.y
                self._place = Place(child, into, into / max(1, region.height), region.width)
                return

    @property
    def place(self) -> Place | None:
        """Where the reader is; None while the end is followed."""
        return None if self.following else self._place

    def stay(self, place: Place) -> None:
        """Go to where the reader was, in other children."""
        self.following = False
        self.anchor(False)
        self._place = place
        self.keep_place()

    def keep_place(self) -> None:
        """Call when heights above the view are about to change: the same text stays in view."""
        if not self.following:
            self.call_after_refresh(self._restore_place)

    def _restore_place(self) -> None:
        place = self._place
        if self.following or place is None or not place.child.is_attached:
            return
        self.scroll_to(y=place.top(), animate=False, immediate=True)

    def _hold(self) -> None:
        """Let Textual keep the end in view while following.

        Not while everything fits: Textual then pushes the text down to the bottom of the view.
        """
        overflows = self.max_scroll_y > 0
        self.anchor(self.following and overflows)
        if not overflows:
            self.scroll_to(y=0, animate=False, immediate=True, force=True)

    def _extent_changed(self) -> None:
        if self.following:
            self._hold()
        else:
            self.keep_place()

    def on_resize(self, event: events.Resize) -> None:
        """Other line breaks, same place."""
        self._extent_changed()

    def watch_virtual_size(self, before: Size, after: Size) -> None:
        """Text that was loaded above the view must not push the reader away."""
        if before.height != after.height:
            self._extent_changed()
