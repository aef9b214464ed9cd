"""What the reader does, as calls to the services; no widgets, so the screen stays a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tui.core.errors import BusyError, TickertapeError
from tui.core.feed import Feed
from tui.core.models import CallId, Decision, RunId, ThreadId, ThreadSummary, WireEvent
from tui.core.services import ProfileInfo, RetryRun, SendMessage, Services
from tui.ui.session import OpenThread, new_id

# More threads than this are found by search, not by scrolling.
LISTED = 1000


class Desk:
    """One open thread and the services around it. Everything may raise TickertapeError.

    ``wake`` is called from any thread when a feed has something.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._services = services
        self._wake = wake
        self.thread = OpenThread(new_id(), stored=False)
        self.profile: ProfileInfo | None = None
        self.changes: Feed[ThreadSummary] = services.library.watch()
        self.changes.notify(wake)

    def close(self) -> None:
        """Stop listening."""
        self.thread.close()
        self.changes.close()

    async def start(self) -> Sequence[ThreadSummary]:
        """Learn the default profile; returns the threads there are."""
        profiles = await self._services.catalog.profiles()
        self.profile = profiles[0] if profiles else None
        return await self._services.library.threads(LISTED)

    # --- threads ---------------------------------------------------------------------------

    def begin_thread(self) -> None:
        """An empty thread that exists nowhere until its first message."""
        self.thread.close()
        self.thread = OpenThread(new_id(), stored=False)

    async def open_thread(self, thread_id: ThreadId) -> None:
        """Put a stored thread on the desk."""
        thread = OpenThread(thread_id, stored=True)
        await self._follow(thread)
        self.thread.close()
        self.thread = thread

    async def _follow(self, thread: OpenThread) -> None:
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

    # --- runs ------------------------------------------------------------------------------

    def check_idle(self) -> None:
        """Raises BusyError when this thread cannot take a message now."""
        if self.thread.active_run() is not None:
            raise BusyError(
                "The answer is still being written; your text stays here.",
                hint="Press Esc twice to stop it.",
            )

    async def prepare(self, thread: OpenThread) -> bool:
        """Listen to a thread that does not exist yet; true if its transcript is a new object."""
        if thread.stored or thread.followed:
            return False
        await self._follow(thread)
        return True

    async def send(self, thread: OpenThread, text: str) -> None:
        """Send a message in this thread, creating it if it is new."""
        command = SendMessage(thread_id=thread.id, message_id=new_id(), run_id=new_id(), text=text)
        await self._services.conversations.send(command)
        thread.stored = True

    async def retry(self) -> None:
        """Answer the last message of the open thread once more."""
        run = self.thread.latest_run()
        if run is None:
            raise TickertapeError("There is no answer to try again yet.")
        self.check_idle()
        command = RetryRun(thread_id=self.thread.id, of=run.id, run_id=new_id())
        await self._services.conversations.retry(command)

    async def cancel(self, run_id: RunId) -> None:
        """Stop a run."""
        await self._services.conversations.cancel(self.thread.id, run_id)

    async def decide(self, run_id: RunId, call_id: CallId, *, approved: bool) -> None:
        """Approve or deny a call."""
        decision = Decision(approved=approved, by="user")
        await self._services.conversations.decide(
            self.thread.id, run_id, call_id, decision
        )

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

    async def save_draft_before_quitting(self, key: str, text: str) -> None:
        """The same for a reader who wants to leave: a store that hangs does not keep them."""
        try:
            await asyncio.wait_for(self.save_draft(key, text), timeout=2)
        except (TickertapeError, TimeoutError):
            return

    def preference(self, name: str, default: str = "") -> str:
        """A remembered choice."""
        return self._services.preferences.get(name, default)

    def prefer(self, name: str, value: str) -> None:
        """Remember a choice."""
        self._services.preferences.set(name, value)
