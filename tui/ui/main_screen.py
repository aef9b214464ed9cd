"""What the other keys and clicks do: threads, leaving, copying, help."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.theme import Theme
from textual.widget import Widget

from tui.core.models import Role, ThreadId, ThreadSummary, is_private
from tui.ui import themes
from tui.ui.approval import ApprovalBar
from tui.ui.chat.find_bar import FindBar
from tui.ui.chat.log import ChatLog
from tui.ui.chat.reading import ReadableLog
from tui.ui.chat.selecting import SelectableLog
from tui.ui.chat.view import ChatView
from tui.ui.commands import BINDINGS, COMMANDS
from tui.ui.composer import Composer
from tui.ui.dialogs import ConfirmScreen, KeyGroup, KeysScreen, LineScreen
from tui.ui.inspector.arguments_view import ArgumentsView
from tui.ui.inspector.calls_view import CallsView
from tui.ui.inspector.pane import InspectorPane
from tui.ui.inspector.wire_view import WireView
from tui.ui.leaving import Leaving
from tui.ui.model_screen import ModelScreen
from tui.ui.picker import PickerScreen
from tui.ui.quitting import QuitChoice, QuitScreen
from tui.ui.screen import Connect
from tui.ui.threads.pane import MARKS, ThreadsPane
from tui.ui.welcome import EXAMPLE

# A message that is just being sent is waited for: what it starts has to be asked about.
_SENDING_SECONDS = 2.0
_UNSAVED = "Not everything could be saved, and what was not is lost. Quit all the same?"
_UNSENT = "This text cannot be saved: quit and lose it?"
_QUITS_LATER = "Quits when all is done; Esc stays."


class MainScreen(ModelScreen):
    """The screen of the app."""

    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]

    def __init__(
        self, connect: Connect, now: Callable[[], float], words_per_second: Callable[[], float]
    ) -> None:
        super().__init__(connect, now, words_per_second)
        self._asks_about_quitting = False
        self._quits_later = False

    def on_mount(self) -> None:
        """Notice themes that are chosen in the palette too."""
        self.app.theme_changed_signal.subscribe(self, self._remember_theme)

    # --- leaving ---------------------------------------------------------------------------

    async def quit(self) -> None:
        """Leave, after a question when an answer or what cannot be saved would be lost."""
        if self._asks_about_quitting:
            return
        self._asks_about_quitting = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._not_sending.wait(), _SENDING_SECONDS)
        going_on = self._going_on()
        if self._cannot_start and self._composer.text.strip():
            self.app.push_screen(ConfirmScreen(_UNSENT), self._quit_unsaved)
        elif self._storage.keeps_in_memory:
            self.app.push_screen(ConfirmScreen(_UNSAVED), self._quit_unsaved)
        elif going_on:
            self._ask_what_becomes_of(going_on)
        else:
            await self._quit(Leaving.LET_GO)

    def _quit_unsaved(self, is_wanted: bool | None) -> None:
        self._asks_about_quitting = False
        if not is_wanted:
            return
        if going_on := self._going_on():
            self._ask_what_becomes_of(going_on)
        else:
            self.run_worker(self._quit(Leaving.LET_GO), group="quit")

    def _ask_what_becomes_of(self, going_on: list[ThreadSummary]) -> None:
        self._asks_about_quitting = True
        titles = [self._title(thread.id) for thread in going_on]
        # Of a private thread nothing is there at the next start.
        can_let_go = not all(is_private(thread.id) for thread in going_on)
        question = QuitScreen(titles, can_let_go=can_let_go)
        self.app.push_screen(question, self._quit_chosen)

    def _going_on(self) -> list[ThreadSummary]:
        """The threads in which this process writes an answer."""
        if self._desk is None:
            return []
        self._take_news(self._desk)
        return [each for each in self._threads.summaries() if each.running and not each.elsewhere]

    def _quit_chosen(self, choice: QuitChoice | None) -> None:
        self._asks_about_quitting = False
        self._wait_to_quit(choice is QuitChoice.WAIT)
        if choice is QuitChoice.CANCEL:
            self.run_worker(self._quit(Leaving.CANCEL), group="quit")
        elif choice is QuitChoice.LET_GO:
            self.run_worker(self._quit(Leaving.LET_GO), group="quit")
        self._quit_if_done()

    def _wait_to_quit(self, waits: bool) -> None:
        self._quits_later = waits
        self._status.keep_saying(_QUITS_LATER if waits else "")

    def _quit_if_done(self) -> None:
        if self._quits_later and not self._going_on():
            self._quits_later = False
            self.run_worker(self._quit(Leaving.LET_GO), group="quit")

    def _frame(self) -> None:
        super()._frame()
        self._quit_if_done()

    async def _quit(self, leaving: Leaving) -> None:
        """Save what is being written, then leave."""
        if self._drafts is not None:
            await self._drafts.before_quitting()
        self.app.exit(leaving)

    # --- keys that mean several things -----------------------------------------------------

    def action_back(self) -> None:
        """Escape: one step back, and in the composer the first of two steps to stop."""
        if self._quits_later:
            self._wait_to_quit(False)
            self._say("Tickertape stays.")
            return
        if self._panes.overlay is not None:
            self._toggle(self._panes.overlay)
        elif self.focused is not self._composer:
            self._composer.focus()
        else:
            self._escape_in_composer()

    @on(Composer.ScrollAsked)
    def _scroll_chat(self, event: Composer.ScrollAsked) -> None:
        event.stop()
        if event.pages:
            self._chat.scroll_pages(event.pages)
        else:
            self._chat.follow()

    def action_insert_example(self) -> None:
        """Put the example where one writes."""
        self._composer.insert(EXAMPLE)
        self._composer.focus()

    # --- threads ---------------------------------------------------------------------------

    def action_new_thread(self) -> None:
        """Begin a conversation."""
        self._later(self._begin_thread(), "thread")
        self._close_overlay()
        self._composer.focus()

    def action_new_private_thread(self) -> None:
        """Begin a conversation that is never written to disk."""
        self._later(self._begin_thread(private=True), "thread")
        self._close_overlay()
        self._composer.focus()

    def action_next_thread(self) -> None:
        """The thread below."""
        self._step(1)

    def action_previous_thread(self) -> None:
        """The thread above."""
        self._step(-1)

    def _step(self, step: int) -> None:
        if (thread_id := self._threads.neighbour(step)) is not None:
            self._later(self._open_thread(thread_id), "thread")

    @on(ThreadsPane.Wanted)
    def _wanted(self, event: ThreadsPane.Wanted) -> None:
        event.stop()
        if event.action == "open":
            self._later(self._open_thread(event.thread_id), "thread")
            self._close_overlay()
            self._composer.focus()
        elif event.action == "delete":
            self._ask_delete(event.thread_id)
        else:
            self._ask_title(event.thread_id)

    def action_delete_thread(self) -> None:
        """Remove the thread on screen, after a question."""
        if (thread_id := self._stored_thread()) is not None:
            self._ask_delete(thread_id)

    def action_rename_thread(self) -> None:
        """Give the thread on screen another title."""
        if (thread_id := self._stored_thread()) is not None:
            self._ask_title(thread_id)

    def _stored_thread(self) -> ThreadId | None:
        if self._desk is None or not self._desk.thread.stored:
            self._say("This thread has no messages yet.")
            return None
        return self._desk.thread.id

    def _ask_delete(self, thread_id: ThreadId) -> None:
        question = f"Delete “{self._title(thread_id)}” for good?"
        self.app.push_screen(ConfirmScreen(question), lambda yes: self._delete(thread_id, yes))

    def _delete(self, thread_id: ThreadId, is_wanted: bool | None) -> None:
        if is_wanted and self._desk is not None:
            self._later(self._attempt(self._desk.delete(thread_id)), "library")

    def _ask_title(self, thread_id: ThreadId) -> None:
        screen = LineScreen("Title of this thread", self._title(thread_id))
        self.app.push_screen(screen, lambda title: self._rename(thread_id, title))

    def _rename(self, thread_id: ThreadId, title: str | None) -> None:
        if title is not None and title.strip() and self._desk is not None:
            self._later(self._attempt(self._desk.rename(thread_id, title.strip())), "library")

    # --- conversation ----------------------------------------------------------------------

    def action_copy_answer(self) -> None:
        """Put the newest answer on the clipboard."""
        text = "" if self._desk is None else self._desk.thread.last_text(Role.ASSISTANT)
        if not text:
            self._say("There is no answer to copy yet.")
            return
        self.app.copy_to_clipboard(text)
        self._say_copied(len(text))

    def action_toggle_reasoning(self) -> None:
        """Unfold or fold what the model thought."""
        self._chat.action_toggle_reasoning()

    def action_find(self) -> None:
        """Find words in the conversation."""
        self._chat.find()

    def action_follow(self) -> None:
        """Go to the newest line."""
        self._chat.follow()

    # --- the rest --------------------------------------------------------------------------

    def action_toggle_theme(self) -> None:
        """The other of the two own themes."""
        self.app.theme = themes.LIGHT if self.app.current_theme.dark else themes.DARK

    def _remember_theme(self, theme: Theme) -> None:
        if self._desk is not None:
            self._desk.prefer("theme", theme.name)

    def action_show_keys(self) -> None:
        """Every key of every pane."""
        self.app.push_screen(KeysScreen(self._key_groups()))

    def _key_groups(self) -> Iterator[KeyGroup]:
        everywhere = [(self._key(c.binding), f"{c.title}") for c in COMMANDS if c.binding]
        more = [
            ("^q", "Quit"),
            ("^z", "Stop until the shell says fg"),
            ("^p", "Command palette"),
            ("tab", "Next field"),
        ]
        yield "Everywhere", [*everywhere, *more]
        yield "Which model answers (F2)", self._keys_of(PickerScreen)
        yield "Composer", self._keys_of(Composer)
        parts = (ChatLog, ReadableLog, SelectableLog, ChatView)
        yield "Conversation", [key for part in parts for key in self._keys_of(part)]
        yield "Find in the conversation", self._keys_of(FindBar)
        yield "Tool call that waits", self._keys_of(ApprovalBar)
        yield "Threads", [("enter", "Open"), *self._keys_of(ThreadsPane)]
        yield "Marks in the list of threads", MARKS
        yield "Inspector", self._keys_of(InspectorPane)
        yield "Inspector: tool calls", self._keys_of(CallsView)
        yield "Inspector: raw events", self._keys_of(WireView)
        yield "Inspector: the open event", self._keys_of(ArgumentsView)

    def _keys_of(self, kind: type[Widget]) -> list[tuple[str, str]]:
        own = kind.__dict__.get("BINDINGS", ())
        bindings = [each for each in own if isinstance(each, Binding)]
        # A footer has room for one word, which may be about two keys.
        return [(self._key(each), each.tooltip or each.description) for each in bindings]

    def _key(self, binding: Binding) -> str:
        names = (Binding(key, "", "") for key in binding.key.split(","))
        return " or ".join(self.app.get_key_display(each) for each in names)
