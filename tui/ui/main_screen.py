"""What every key and click does, on top of the state in ``ThreadScreen``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.theme import Theme
from textual.widget import Widget

from tui.core.errors import TickertapeError
from tui.core.models import Role, RunId, ThreadId
from tui.core.sanitise import sanitise
from tui.ui import themes
from tui.ui.approval import ApprovalBar
from tui.ui.chat.log import ChatLog
from tui.ui.chat.view import ChatView
from tui.ui.commands import BINDINGS, COMMANDS
from tui.ui.composer import Composer
from tui.ui.desk import Desk
from tui.ui.dialogs import ConfirmScreen, KeyGroup, KeysScreen, LineScreen
from tui.ui.pane_screen import PaneScreen
from tui.ui.screen import Connect
from tui.ui.session import OpenThread
from tui.ui.threads.pane import UNTITLED, ThreadsPane
from tui.ui.welcome import EXAMPLE

_STARTING = "Still starting; the message goes out as soon as it can."


class MainScreen(PaneScreen):
    """The screen of the app."""

    BINDINGS: ClassVar[list[BindingType]] = [*BINDINGS]

    def __init__(self, connect: Connect, now: Callable[[], float]) -> None:
        super().__init__(connect, now)
        self._sending = False
        self._queued = ""
        self._armed: RunId | None = None

    def on_mount(self) -> None:
        """Notice themes that are chosen in the palette too."""
        self.app.theme_changed_signal.subscribe(self, self._remember_theme)

    def _later(self, act: Coroutine[Any, Any, object], group: str) -> None:
        self.run_worker(act, group=group, exclusive=group == "thread")

    # --- sending ---------------------------------------------------------------------------

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        event.stop()
        desk = self._desk
        if desk is None:
            self._queued = event.text
            self._say(_STARTING)
        elif self._sending:
            self._say("The message before this one is still being written down.")
        else:
            self._send_if_idle(desk, event.text)

    async def _restore_draft(self) -> None:
        """A message that was sent while everything started goes out before a draft comes back."""
        if self._queued and self._desk is not None:
            text, self._queued = self._queued, ""
            self._send_if_idle(self._desk, text)
        await super()._restore_draft()

    def _send_if_idle(self, desk: Desk, text: str) -> None:
        try:
            desk.check_idle()
        except TickertapeError as error:
            self._say(f"{error.message} {error.hint}")
            return
        if not self._composer.take(text):
            return
        self._sending = True
        self._chat.follow()
        self._later(self._send(desk, desk.thread, text), "send")

    async def _send(self, desk: Desk, thread: OpenThread, text: str) -> None:
        draft = thread.draft_key
        try:
            if await desk.prepare(thread) and desk.thread is thread:
                self._show_thread()
            await desk.send(thread, text)
        except TickertapeError as error:
            await self._return_text(desk, thread, text)
            self._complain(error)
            return
        finally:
            self._sending = False
        await self._attempt(desk.save_draft(draft, ""))
        if desk.thread is thread:
            desk.prefer("thread", thread.id)
            self._threads.set_current(thread.id)

    async def _return_text(self, desk: Desk, thread: OpenThread, text: str) -> None:
        if desk.thread is thread:
            self._composer.put_back(text)
        else:
            await self._attempt(desk.save_draft(thread.draft_key, text))

    @on(Composer.RecallAsked)
    def _recall(self, event: Composer.RecallAsked) -> None:
        event.stop()
        if self._desk is not None:
            self._composer.put(self._desk.thread.last_text(Role.USER))

    @on(Composer.ScrollAsked)
    def _scroll_chat(self, event: Composer.ScrollAsked) -> None:
        event.stop()
        if event.pages:
            self._chat.scroll_pages(event.pages)
        else:
            self._chat.follow()

    def action_send(self) -> None:
        """Send what is in the composer."""
        self._composer.action_submit()

    def action_insert_example(self) -> None:
        """Put the example where one writes."""
        self._composer.insert(EXAMPLE)
        self._composer.focus()

    # --- runs ------------------------------------------------------------------------------

    def action_retry(self) -> None:
        """Answer the last message once more."""
        if self._desk is not None:
            self._later(self._attempt(self._desk.retry()), "run")

    def action_cancel_run(self) -> None:
        """Stop the answer in this thread."""
        run = None if self._desk is None else self._desk.thread.active_run()
        if self._desk is None or run is None:
            self._say("Nothing is running here.")
            return
        self._armed = None
        self._later(self._attempt(self._desk.cancel(run.id)), "run")

    def action_back(self) -> None:
        """Escape: one step back, and in the composer the first of two steps to stop."""
        if self._panes.overlay is not None:
            self._toggle(self._panes.overlay)
        elif self.focused is not self._composer:
            self._composer.focus()
        else:
            self._escape_in_composer()

    def _escape_in_composer(self) -> None:
        run = None if self._desk is None else self._desk.thread.active_run()
        if run is None:
            return
        if self._armed == run.id:
            self.action_cancel_run()
            self._say_nothing()
            return
        self._armed = run.id
        self._say("Esc again stops the answer.")

    def _say_nothing(self) -> None:
        self._armed = None
        super()._say_nothing()

    def action_approve(self) -> None:
        """Let the call in the bar run."""
        self._answer(True)

    def action_deny(self) -> None:
        """Refuse the call in the bar."""
        self._answer(False)

    def _answer(self, approved: bool) -> None:
        if self._approval.call is not None:
            self._approval.action_answer(approved)
            return
        waiting = self._threads.waiting()
        where = f" here; one does in “{self._title(waiting.id)}”" if waiting else ""
        self._say(f"No tool call waits for you{where}.")

    @on(ApprovalBar.Answered)
    def _answered(self, event: ApprovalBar.Answered) -> None:
        event.stop()
        if self._desk is not None:
            self._later(self._decide(self._desk, event), "decide")
            self._sync_state()

    async def _decide(self, desk: Desk, event: ApprovalBar.Answered) -> None:
        decided = desk.decide(event.run_id, event.call_id, approved=event.approved)
        if not await self._attempt(decided):
            self._approval.ask_again(event.run_id, event.call_id)
            self._sync_state()

    # --- threads ---------------------------------------------------------------------------

    def action_new_thread(self) -> None:
        """Begin a conversation."""
        self._later(self._begin_thread(), "thread")
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

    def _title(self, thread_id: ThreadId) -> str:
        summary = self._threads.summary(thread_id)
        return sanitise(summary.title if summary else "") or UNTITLED

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
        more = [("^q", "Quit"), ("^p", "Command palette"), ("tab", "Next field")]
        yield "Everywhere", [*everywhere, *more]
        yield "Composer", self._keys_of(Composer)
        yield "Conversation", self._keys_of(ChatLog) + self._keys_of(ChatView)
        yield "Tool call that waits", self._keys_of(ApprovalBar)
        yield "Threads", [("enter", "Open"), *self._keys_of(ThreadsPane)]
        inside = {type(each): None for each in (self._inspector, *self._inspector.query(Widget))}
        keys = [key for kind in inside if _is_ours(kind) for key in self._keys_of(kind)]
        if keys:
            yield "Inspector", keys

    def _keys_of(self, kind: type[Widget]) -> list[tuple[str, str]]:
        own = kind.__dict__.get("BINDINGS", ())
        return [(self._key(each), each.description) for each in own if isinstance(each, Binding)]

    def _key(self, binding: Binding) -> str:
        names = (Binding(key, "", "") for key in binding.key.split(","))
        return " or ".join(self.app.get_key_display(each) for each in names)


def _is_ours(kind: type[Any]) -> bool:
    return kind.__module__.startswith("tui.")
