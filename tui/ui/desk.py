"""What the reader does, as calls to the services; no widgets, so the screen stays a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.core.errors import BusyError, TickertapeError
from tui.core.feed import Feed
from tui.core.models import (
    CallId,
    Decision,
    MessageId,
    Problem,
    RunId,
    ThreadId,
    ThreadSummary,
    ToolState,
    WireEvent,
)
from tui.core.services import ProfileInfo, RetryRun, SendMessage, Services
from tui.core.thread import Run
from tui.ui.models import Models
from tui.ui.pace import Pace
from tui.ui.session import OpenThread, new_id, private_id

# More threads than this are found by search, not by scrolling.
LISTED = 1000

_PENDING = (ToolState.WAITING, ToolState.APPROVAL, ToolState.INTERRUPTED)


class Desk:
    """One open thread and the services around it. Everything may raise TickertapeError.

    ``wake`` is called from any thread when a feed has something. Answers appear at
    ``words_per_second`` at most (0: as they come).
    """

    def __init__(
        self, services: Services, wake: Callable[[], None], *, words_per_second: float = 0
    ) -> None:
        self._services = services
        self._wake = wake
        self._words_per_second = words_per_second
        self.models = Models(services.catalog)
        self.thread = self._new_thread(new_id(), stored=False)
        self.changes: Feed[ThreadSummary] = services.library.watch()
        self.changes.notify(wake)
        self.storage: Feed[Problem | None] = services.library.storage()
        self.storage.notify(wake)

    def close(self) -> None:
        """Stop listening."""
        self.thread.close()
        self.changes.close()
        self.storage.close()

    async def start(self) -> Sequence[ThreadSummary]:
        """Learn the profiles, the default first; returns the threads there are."""
        await self.models.start()
        return await self._services.library.threads(LISTED)

    # --- threads ---------------------------------------------------------------------------

    def begin_thread(self, *, private: bool = False) -> None:
        """An empty thread that exists nowhere until its first message."""
        self.put(self._new_thread(private_id() if private else new_id(), stored=False))

    async def find_thread(self, thread_id: ThreadId) -> OpenThread:
        """A stored thread, followed from now on: ``put`` it on the desk or close it.

        Of a long one only the end is there at first, to look at until ``follow`` has brought all.
        """
        thread = self._new_thread(thread_id, stored=True)
        preview = await self._services.run_log.preview(thread_id)
        if preview is None:
            await self.follow(thread)
        else:
            thread.transcript = preview
        return thread

    def _new_thread(self, thread_id: ThreadId, *, stored: bool) -> OpenThread:
        pace = Pace(self._words_per_second) if self._words_per_second else None
        return OpenThread(thread_id, stored=stored, pace=pace)

    def put(self, thread: OpenThread) -> None:
        """Put a thread on the desk in place of the one that is there."""
        self.thread.close()
        self.thread = thread

    def can_go_on(self, run: Run) -> bool:
        """Whether this interrupted run of the open thread can be resumed.

        An embedded model ended with its process; what is left is to send it the calls' outputs.
        """
        profile = self.models.profile(run.profile)
        if profile is None or not profile.embedded:
            return True
        return any(each.state in _PENDING for each in self.thread.transcript.calls_of(run.id))

    async def follow(self, thread: OpenThread) -> None:
        """Get all of a thread, and what happens in it from now on; its transcript is a new one."""
        subscription = await self._services.run_log.subscribe(thread.id)
        thread.follow(subscription, self._wake)

    async def mark_read(self, thread_id: ThreadId) -> None:
        """Everything in the thread was seen."""
        await self._services.library.mark_read(thread_id)

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        """Change a thread's title."""
        await self._services.library.rename(thread_id, title)

    async def delete(self, thread_id: ThreadId) -> None:
        """Remove a thread for good."""
        await self._services.library.delete(thread_id)

    # --- models ----------------------------------------------------------------------------

    @property
    def target(self) -> ProfileInfo | None:
        """Where messages of the open thread go: its profile, with the model that it uses."""
        transcript = self.thread.transcript
        if transcript.profile:
            return self.models.target(transcript.profile, transcript.model)
        return self.models.target(*self.thread.chosen)

    async def use(self, thread: OpenThread, profile: str, model: str) -> None:
        """Messages of this thread go there from now on; of a new one, from the first."""
        if thread.stored:
            await self._services.conversations.use(thread.id, profile, model)
        else:
            thread.chosen = profile, model

    async def select(self, message_id: MessageId) -> None:
        """Show the branch of the open thread that goes through this message."""
        await self._services.conversations.select(self.thread.id, message_id)

    # --- runs ------------------------------------------------------------------------------

    async def prepare(self, thread: OpenThread) -> bool:
        """Listen to a thread that does not exist yet; true if its transcript is a new object."""
        if thread.stored or thread.followed:
            return False
        await self.follow(thread)
        return True

    async def send(self, thread: OpenThread, text: str) -> None:
        """Send a message in this thread, creating it if it is new; it waits for a run's end."""
        is_first, chosen = not thread.stored, thread.chosen
        profile, model = chosen if is_first else (None, None)
        command = SendMessage(
            thread_id=thread.id,
            message_id=new_id(),
            run_id=new_id(),
            text=text,
            profile=profile or None,
            model=model or None,
            queue=True,
        )
        await self._services.conversations.send(command)
        thread.stored = True
        if is_first and thread.chosen != chosen:  # while the message was written down
            await self.use(thread, *thread.chosen)

    async def retry(self) -> None:
        """Answer the last message of the open thread once more."""
        run = self.thread.latest_run()
        if run is None:
            raise TickertapeError("There is no answer to try again yet.")
        if run.active:
            raise BusyError(
                "The answer is still being written.", hint="Press Esc twice to stop it first."
            )
        command = RetryRun(thread_id=self.thread.id, of=run.id, run_id=new_id())
        await self._services.conversations.retry(command)

    async def cancel(self, run_id: RunId) -> None:
        """Stop a run."""
        await self._services.conversations.cancel(self.thread.id, run_id)

    async def decide(self, run_id: RunId, call_id: CallId, *, approved: bool) -> None:
        """Approve or deny a call."""
        decision = Decision(approved=approved, by="user")
        await self._services.conversations.decide(self.thread.id, run_id, call_id, decision)

    async def resume(self) -> None:
        """Go on with the interrupted run; takes it over from another process."""
        await self._services.conversations.resume(self.thread.id)

    async def leave(self) -> None:
        """Close the interrupted run as it is."""
        await self._services.conversations.leave(self.thread.id)

    async def unqueue(self, thread: OpenThread, message_id: MessageId) -> None:
        """Take a waiting message back."""
        await self._services.conversations.unqueue(thread.id, message_id)

    async def send_queued(self, thread: OpenThread) -> None:
        """Send the first waiting message."""
        await self._services.conversations.send_queued(thread.id)

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        """The raw events of a run."""
        return await self._services.run_log.wire(run_id)

    # --- small memories --------------------------------------------------------------------

    async def draft(self, key: str) -> str:
        """Unsent text."""
        return await self._services.library.draft(key)

    async def save_draft(self, key: str, text: str) -> None:
        """Keep unsent text."""
        await self._services.library.save_draft(key, text)

    def preference(self, name: str, default: str = "") -> str:
        """A remembered choice."""
        return self._services.preferences.get(name, default)

    def remember_thread(self) -> None:
        """Open this thread at the next start, unless it must leave no trace."""
        if not self.thread.private:
            self.prefer("thread", self.thread.id if self.thread.stored else "")

    def prefer(self, name: str, value: str) -> None:
        """Remember a choice."""
        self._services.preferences.set(name, value)
