"""Where the reader writes: Enter sends, the box grows with the text, a paste is never sent."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from tui.core.sanitise import sanitise
from tui.ui.wording import PRIVACY

# At most this share of the screen's height.
_SHARE = 0.4
_FRAME_ROWS = 2


class Composer(TextArea):
    """A multi-line text box. It knows nothing of threads: it posts what the reader wants."""

    DEFAULT_CSS = (Path(__file__).parent / "composer.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", key_display="enter"),
        # Many terminals send Shift+Enter and Alt+Enter as Enter; all of them send Ctrl+J.
        Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", key_display="^j"),
        Binding("up", "up_or_recall", "In an empty box: the last message", show=False),
        Binding("pageup", "scroll_chat(-1)", "Conversation: a page up", show=False),
        Binding("pagedown", "scroll_chat(1)", "Conversation: a page down", show=False),
        Binding("ctrl+end", "follow_chat", "Conversation: its newest line", show=False),
        # Ctrl+Z stops the app, as in every terminal; this is what shells and editors undo with.
        Binding("ctrl+underscore", "undo", "Undo", show=False, key_display="^_"),
    ]

    class Submitted(Message):
        """The reader wants to send ``text``."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class NothingSubmitted(Message):
        """The reader pressed Enter in an empty box."""

    class RecallAsked(Message):
        """The reader pressed Up in an empty box."""

    class ScrollAsked(Message):
        """The reader wants the conversation moved; 0 pages means: to its end."""

        def __init__(self, pages: int) -> None:
            super().__init__()
            self.pages = pages

    def __init__(self) -> None:
        super().__init__(
            id="composer",
            placeholder="Write a message",
            highlight_cursor_line=False,
            soft_wrap=True,
        )
        self.cursor_blink = False  # nothing moves on screen without a reason

    def on_mount(self) -> None:
        """Begin at the smallest height."""
        self.fit()

    async def _on_key(self, event: events.Key) -> None:
        # Textual lets a key travel up to the app before it runs a binding, and characters typed
        # meanwhile overtake it. A burst (a slow line, a script) must keep its order.
        active = None if event.is_printable else self.screen.active_bindings.get(event.key)
        if active is None or active.node is not self:
            return
        if await self.app.run_action(active.binding.action, self):
            event.stop()
            event.prevent_default()

    def mark_private(self, private: bool) -> None:
        """Say on the frame that what is written here is never written to disk."""
        self.border_title = PRIVACY if private else None
        self.set_class(private, "-private")

    # --- text ------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        """Replace what is in the box, with the cursor at the end."""
        self.load_text(sanitise(text))
        self.move_cursor(self.document.end)

    def take(self, text: str) -> bool:
        """Remove text that is being sent from the front; keys may have come since.

        False if it is not there any more: the same Enter, pressed twice.
        """
        if not self.text.startswith(text):
            return False
        self.put(self.text[len(text) :])
        return True

    def put_back(self, text: str) -> None:
        """Return text that could not be sent, before whatever was written since."""
        self.put(f"{text}\n{self.text}" if self.text.strip() else text)

    def action_submit(self) -> None:
        """Hand the text over; the screen decides whether it can be sent."""
        if self.text.strip():
            self.post_message(self.Submitted(self.text))
        elif not self.text:
            self.post_message(self.NothingSubmitted())

    def action_newline(self) -> None:
        """Start a new line at the cursor."""
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    def action_up_or_recall(self) -> None:
        """Up in an empty box brings back the last message."""
        if self.text:
            self.action_cursor_up()
        else:
            self.post_message(self.RecallAsked())

    def action_scroll_chat(self, pages: int) -> None:
        """Page keys move the conversation, which is what one reads while writing."""
        self.post_message(self.ScrollAsked(pages))

    def action_follow_chat(self) -> None:
        """Go to the newest line of the conversation."""
        self.post_message(self.ScrollAsked(0))

    def render_line(self, y: int) -> Strip:
        """One row; Textual's own placeholder cannot be wrapped into no columns at all."""
        if self.content_size.width < 1:
            return Strip.blank(self.size.width)
        return super().render_line(y)

    # --- height ----------------------------------------------------------------------------

    def on_text_area_changed(self) -> None:
        """Grow and shrink with the text."""
        self.fit()

    def on_resize(self) -> None:
        """Other line breaks may need another height."""
        self.fit()

    def fit(self) -> None:
        """Take as many rows as the text has, within bounds."""
        most = max(1, int(self.app.size.height * _SHARE) - _FRAME_ROWS)
        rows = min(max(1, self.wrapped_document.height), most)
        if self.styles.height is None or self.styles.height.value != rows + _FRAME_ROWS:
            self.styles.height = rows + _FRAME_ROWS
