"""What lies where on the screen: the panes, and which of them are visible at which size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer

from tui.ui.approval import ApprovalBar
from tui.ui.chat.view import ChatView
from tui.ui.composer import Composer
from tui.ui.inspector.pane import InspectorPane
from tui.ui.interrupted import InterruptedBar
from tui.ui.panes import SIDES, PaneLayout, Side
from tui.ui.queued import QueueView
from tui.ui.status import StorageLine
from tui.ui.telling import TellingScreen
from tui.ui.threads.pane import ThreadsPane


class LayoutScreen(TellingScreen):
    """The widgets and their places; it knows nothing of what they show.

    ``now`` gives seconds since the epoch.
    """

    DEFAULT_CSS = (Path(__file__).parent / "layout_screen.tcss").read_text(encoding="utf-8")

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._panes = PaneLayout()
        self._threads = ThreadsPane(now)
        self._chat = ChatView()
        self._queue = QueueView()
        self._approval = ApprovalBar()
        self._interrupted = InterruptedBar()
        self._composer = Composer()
        self._inspector = InspectorPane(id="inspector")
        self._storage = StorageLine()

    def compose(self) -> ComposeResult:
        """Three panes, the status line and the footer."""
        with Horizontal(id="body"):
            yield self._threads
            with Vertical(id="middle"):
                yield self._chat
                yield self._queue
                yield self._approval
                yield self._interrupted
                yield self._composer
            yield self._inspector
        yield self._storage
        yield self._status
        yield Footer(show_command_palette=False, compact=True)

    def on_resize(self, event: events.Resize) -> None:
        """Choose between three panes, overlays, and almost nothing."""
        self._panes.resize(event.size.width, event.size.height)
        self._arrange_panes()
        self._composer.fit()
        self._approval.fit(event.size.height)

    def _arrange_panes(self) -> None:
        self.set_class(not self._panes.wide, "-narrow")
        self.set_class(self._panes.tiny, "-tiny")
        for side in SIDES:
            pane, visible = self._pane(side), self._panes.visible(side)
            if not visible and pane.has_focus_within:
                self._composer.focus()
            pane.display = visible
        self.set_class(self._panes.wide and self._panes.visible("inspector"), "-inspects")
        # Textual tells a pane of the same size nothing when a scroll reveals it: ask it to paint.
        self.call_after_refresh(self._inspector.flush)

    def _pane(self, side: Side) -> ThreadsPane | InspectorPane:
        return self._threads if side == "threads" else self._inspector
