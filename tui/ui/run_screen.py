"""What the reader does with messages and answers: send, queue, stop, decide, go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from textual import on

from tui.core.errors import TickertapeError
from tui.core.models import MessageId, Role, RunId
from tui.core.thread import QueuedMessage
from tui.ui import wording
from tui.ui.approval import ApprovalBar
from tui.ui.composer import Composer
from tui.ui.desk import Desk
from tui.ui.drafts import Drafts
from tui.ui.pane_screen import PaneScreen
from tui.ui.screen import Connect
from tui.ui.session import OpenThread

_CONTINUE = "Continue exactly where you stopped, without repeating anything."
_STARTING = "Still starting; the message goes out as soon as it can."
_NOT_STARTED = "Tickertape could not start; see above. Your text stays here."
_ENDED = "Its model ended with Tickertape."


class RunScreen(PaneScreen):
    """Everything about the open thread's messages and runs."""

    def __init__(
        self, connect: Connect, now: Callable[[], float], words_per_second: Callable[[], float]
    ) -> None:
        super().__init__(connect, now, words_per_second)
        self._first_text = ""  # sent while everything started
        self._not_sending = asyncio.Event()
        self._not_sending.set()
        self._armed: RunId | None = None
        self._returned: dict[MessageId, str] = {}

    def _later(self, act: Coroutine[Any, Any, object], group: str) -> None:
        self.run_worker(act, group=group, exclusive=group == "thread")

    # --- sending ---------------------------------------------------------------------------

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        event.stop()
        if self._cannot_start:
            self._say(_NOT_STARTED)
        elif self._desk is None or self._drafts is None:
            self._first_text = event.text
            self._say(_STARTING)
        elif not self._not_sending.is_set():
            self._say("The message before it is still being sent.")
        else:
            self._begin_sending(self._desk, self._drafts, event.text)

    async def _restore_draft(self) -> None:
        """A message that was sent while everything started goes out before a draft comes back."""
        if self._first_text and self._desk is not None and self._drafts is not None:
            text, self._first_text = self._first_text, ""
            self._begin_sending(self._desk, self._drafts, text)
        await super()._restore_draft()

    def _begin_sending(self, desk: Desk, drafts: Drafts, text: str) -> None:
        if not self._composer.take(text):
            return
        self._not_sending.clear()
        drafts.hold(desk.thread.draft_key, text)
        self._chat.follow()
        self._later(self._send(desk, drafts, desk.thread, text), "send")

    async def _send(self, desk: Desk, drafts: Drafts, thread: OpenThread, text: str) -> None:
        key = thread.draft_key
        try:
            if await desk.prepare(thread) and desk.thread is thread:
                self._show_thread()
            await desk.send(thread, text)
        except TickertapeError as error:
            await self._attempt(drafts.not_sent(key, text))
            self._complain(error)
            return
        finally:
            self._not_sending.set()
        await self._attempt(drafts.sent(thread, key, text))
        if desk.thread is thread:
            desk.remember_thread()
            self._threads.set_current(thread.id)

    def action_send(self) -> None:
        """Send what is in the composer."""
        self._composer.action_submit()

    # --- messages that wait ----------------------------------------------------------------

    @on(Composer.NothingSubmitted)
    def _nothing_submitted(self, event: Composer.NothingSubmitted) -> None:
        event.stop()
        if self._desk is not None and self._desk.thread.queue():
            self.action_send_waiting()

    def action_send_waiting(self) -> None:
        """Send the first message that waits."""
        if self._desk is None or not self._desk.thread.queue():
            self._say("No message waits here.")
        elif self._desk.thread.active_run() is not None:
            self._say("Sent when this answer is done.")
        elif self._not_sending.is_set():
            self._later(self._attempt(self._desk.send_queued(self._desk.thread)), "run")

    @on(Composer.RecallAsked)
    def _recall(self, event: Composer.RecallAsked) -> None:
        event.stop()
        if self._desk is None:
            return
        if self._desk.thread.queue():
            self.action_take_back()
        else:
            self._composer.put(self._desk.thread.last_text(Role.USER))

    def action_take_back(self) -> None:
        """Return the last message that waits to the composer."""
        queue = [] if self._desk is None else self._desk.thread.queue()
        left = [message for message in queue if message.id not in self._returned]
        if self._desk is None or self._drafts is None or not left:
            self._say("No message waits here.")
            return
        self._returned[left[-1].id] = left[-1].text
        self._composer.put_back(left[-1].text)
        self._later(self._take_back(self._desk, self._drafts, left[-1]), "queue")

    async def _take_back(self, desk: Desk, drafts: Drafts, message: QueuedMessage) -> None:
        thread = desk.thread
        # First into the draft on disk, then out of the queue: it is always in one of them.
        if await self._attempt(drafts.save()) and await self._attempt(
            desk.unqueue(thread, message.id)
        ):
            return
        if self._returned.pop(message.id, None) is not None and desk.thread is thread:
            self._composer.take(message.text)

    def _settle_returned(self, thread: OpenThread) -> None:
        """What was taken back too late was sent, and must not be sent again."""
        for message_id, text in list(self._returned.items()):
            if message_id in thread.transcript.messages and self._composer.take(text):
                self._say("That message is on its way already.")
            if message_id not in thread.transcript.queue:
                del self._returned[message_id]

    def _take_news(self, desk: Desk) -> None:
        super()._take_news(desk)
        self._settle_returned(desk.thread)

    # --- runs ------------------------------------------------------------------------------

    def action_retry(self) -> None:
        """Answer the last message once more."""
        if self._desk is None:
            return
        if self._interrupted.run_id is not None:
            self._later(self._choose(self._desk.retry()), "run")
        else:
            self._later(self._attempt(self._desk.retry()), "run")

    def action_cancel_run(self) -> None:
        """Stop the answer in this thread."""
        run = None if self._desk is None else self._desk.thread.active_run()
        if self._desk is None or run is None:
            self._say("Nothing is running here.")
            return
        self._armed = None
        self._later(self._attempt(self._desk.cancel(run.id)), "run")

    def _escape_in_composer(self) -> None:
        self._hurry()
        run = None if self._desk is None else self._desk.thread.active_run()
        if run is None:
            return
        if self._armed == run.id:
            self.action_cancel_run()
            self._say_nothing()
            return
        self._say("Esc again stops the answer.")
        self._armed = run.id

    def _say_nothing(self) -> None:
        self._armed = None
        super()._say_nothing()

    def _hurry(self) -> None:
        """Show at once what only waits for its time."""
        if self._desk is not None and (pace := self._desk.thread.pace) is not None:
            pace.hurry()
            self._take_news(self._desk)
            self._wake()

    def action_continue_answer(self) -> None:
        """Ask for the rest of an answer that ended too early."""
        desk = self._desk
        if desk is None or desk.thread.partial_run() is None:
            self._say("No answer ended too early here.")
        elif self._not_sending.is_set():
            self._not_sending.clear()
            self._chat.follow()
            self._later(self._continue(desk), "send")

    async def _continue(self, desk: Desk) -> None:
        try:
            await self._attempt(desk.send(desk.thread, _CONTINUE))
        finally:
            self._not_sending.set()

    def action_resume_run(self) -> None:
        """Go on with the interrupted run."""
        run = None if self._desk is None else self._desk.thread.interrupted_run()
        if self._desk is None or run is None:
            self._say("No answer was interrupted here.")
        elif not self._desk.can_go_on(run):
            self._say(_ENDED)
        else:
            self._later(self._choose(self._desk.resume()), "run")

    def action_leave_run(self) -> None:
        """Close the interrupted run as it is."""
        if self._desk is None or self._desk.thread.interrupted_run() is None:
            self._say("No answer was interrupted here.")
        else:
            self._later(self._choose(self._desk.leave()), "run")

    async def _choose(self, act: Coroutine[Any, Any, None]) -> None:
        """What the reader chose for an interrupted run; the bar is back if it cannot be done."""
        self._interrupted.answered()
        self._sync_state()
        if not await self._attempt(act):
            self._interrupted.ask_again()
            self._sync_state()

    def action_take_over(self) -> None:
        """Drive the run here that another process drives."""
        if self._desk is None or not self._is_elsewhere:
            self._say("No other Tickertape is answering here.")
        else:
            self._later(self._attempt(self._desk.resume()), "run")

    # --- decisions -------------------------------------------------------------------------

    def action_approve(self) -> None:
        """Let the call in the bar run, or go on with what was interrupted or ended too early."""
        if self._interrupted.run_id is not None:
            self.action_resume_run()
        elif self._desk is not None and self._desk.thread.partial_run() is not None:
            self.action_continue_answer()
        else:
            self._answer(True)

    def action_deny(self) -> None:
        """Refuse the call in the bar, or leave what was interrupted."""
        if self._interrupted.run_id is not None:
            self.action_leave_run()
        else:
            self._answer(False)

    def _answer(self, approved: bool) -> None:
        if self._approval.call is not None:
            self._approval.action_answer(approved)
            return
        other = self._threads.waiting()
        if other is not None:
            self._say(f"No tool call waits here; one does in “{self._title(other.id)}”.")
        elif approved and self._desk is not None and self._desk.thread.has_failed:
            self._say("F5 tries again.")
        else:
            self._say("No tool call waits for you.")

    def _title(self, thread_id: str) -> str:
        summary = self._threads.summary(thread_id)
        return wording.thread_title(summary.title if summary else "")

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
