"""Moving between the panes and showing them: focus, overlays, the inspector's tabs and runs."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events, on
from textual.widget import Widget

from tui.ui.chat.reading import ReadableLog
from tui.ui.copied import Copied
from tui.ui.inspector.pane import InspectorPane
from tui.ui.panes import SIDES, Side, focus_into
from tui.ui.screen import ThreadScreen


class PaneScreen(ThreadScreen):
    """What keys and clicks do to the panes as such, whatever they show."""

    # --- panes -----------------------------------------------------------------------------

    def action_toggle_threads(self) -> None:
        """Show or hide the list of threads."""
        self._toggle("threads")

    def action_toggle_inspector(self) -> None:
        """Show or hide the inspector."""
        self._toggle("inspector")

    def _toggle(self, side: Side) -> None:
        visible = self._panes.toggle(side)
        self._arrange_panes()
        if self._panes.wide:
            if self._desk is not None:
                self._desk.prefer(f"pane.{side}", "shown" if visible else "hidden")
        elif visible:
            self._focus_pane(self._pane(side))
        else:
            self._composer.focus()

    def _close_overlay(self) -> None:
        if self._panes.overlay is not None:
            self._toggle(self._panes.overlay)

    def _focus_pane(self, pane: Widget) -> None:
        # What was hidden a moment ago can take the focus only once it has been laid out.
        self.call_after_refresh(focus_into, pane)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """An overlay that loses the focus is in the way."""
        overlay = self._panes.overlay
        if overlay is not None and not self._pane(overlay).has_focus_within:
            self._panes.overlay = None
            self._arrange_panes()

    def action_next_pane(self) -> None:
        """Move the focus on."""
        self._rotate(1)

    def action_previous_pane(self) -> None:
        """Move the focus back."""
        self._rotate(-1)

    def _rotate(self, step: int) -> None:
        stops = list(self._stops())
        here = next((i for i, pane in enumerate(stops) if pane.has_focus_within), -1)
        for distance in range(1, len(stops) + 1):
            if focus_into(stops[(here + step * distance) % len(stops)]):
                return

    def _stops(self) -> Iterator[Widget]:
        """The panes in the order in which the focus visits them."""
        shown = {side: self._panes.visible(side) for side in SIDES}
        if shown["threads"]:
            yield self._threads
        yield self._chat
        if self._approval.display:
            yield self._approval
        yield self._composer
        if shown["inspector"]:
            yield self._inspector

    # --- inspector -------------------------------------------------------------------------

    @on(ReadableLog.CallSelected)
    def _tool_selected(self, event: ReadableLog.CallSelected) -> None:
        event.stop()
        self._open_inspector()
        self._inspector.select_call(event.call_id)
        self._inspector.flush()

    @on(InspectorPane.RunSelected)
    def _run_selected(self, event: InspectorPane.RunSelected) -> None:
        event.stop()
        self._inspect(event.run_id)

    @on(ReadableLog.NothingThere)
    def _nothing_there(self, event: ReadableLog.NothingThere) -> None:
        event.stop()
        self._say(event.remark)

    def action_copy_text(self) -> None:
        """Copy what is selected with the mouse or by keys."""
        super().action_copy_text()
        self._say_copied(len(self.get_selected_text() or ""))

    @on(Copied)
    def _copied(self, event: Copied) -> None:
        event.stop()
        self._say_copied(event.characters)

    def _say_copied(self, characters: int) -> None:
        if characters:
            self._say(f"Copied {characters:,} characters.")
        else:
            self._say("There is nothing to copy yet.")

    def _open_inspector(self) -> None:
        if not self._panes.visible("inspector"):
            self._toggle("inspector")

    def action_previous_run(self) -> None:
        """Inspect the run before."""
        self._open_inspector()
        self._inspector.action_step_run(-1)

    def action_next_run(self) -> None:
        """Inspect the run after."""
        self._open_inspector()
        self._inspector.action_step_run(1)

    def action_copy_arguments(self) -> None:
        """The inspected call's arguments, onto the clipboard."""
        self._inspector.copy_arguments()

    def action_copy_output(self) -> None:
        """The inspected call's output, onto the clipboard."""
        self._inspector.copy_output()

    def action_copy_event(self) -> None:
        """The inspected raw event, onto the clipboard."""
        self._inspector.copy_event()

    def action_show_calls(self) -> None:
        """The inspector's tool calls."""
        self._open_inspector()
        self._inspector.show_calls()
        self._inspector.flush()

    def action_toggle_wire(self) -> None:
        """The inspector's other tab; its tool calls when it was hidden."""
        was_open = self._panes.visible("inspector")
        if was_open and self._inspector.query_one("#calls").display:
            self.action_show_wire()
        else:
            self.action_show_calls()

    def action_show_wire(self) -> None:
        """The inspector's raw events."""
        self._open_inspector()
        self._inspector.show_wire()
        self._inspector.flush()
