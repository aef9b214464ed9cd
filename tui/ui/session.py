"""The thread on screen: its transcript, and what arrives for it, in order and once."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from tui.core.feed import Feed
from tui.core.models import PRIVATE, Outcome, Role, RunState, ThreadId, ToolState, is_private
from tui.core.services import LogItem, Subscription
from tui.core.thread import QueuedMessage, Run, ToolCall
from tui.core.transcript import Transcript
from tui.ui.pace import Pace

NEW_DRAFT = "new"


def new_id() -> str:
    """A fresh id for a thread, message or run; the caller of a command makes it."""
    return uuid.uuid4().hex


def private_id() -> ThreadId:
    """A fresh id for a thread that never touches the disk."""
    return PRIVATE + new_id()


def is_partial(transcript: Transcript, run: Run) -> bool:
    """Whether the run is over, did not complete, and left some text."""
    if run.state is not RunState.FINISHED or run.outcome is Outcome.COMPLETED:
        return False
    mine = (each for each in transcript.messages.values() if each.run_id == run.id)
    return any(message.text for message in mine if message.role is Role.ASSISTANT)


class OpenThread:
    """One thread as the screen holds it; ``stored`` is false until its first message is sent.

    ``chosen`` is the profile and model for its first message; empty is the default.
    ``pace`` slows down what arrives.
    """

    def __init__(self, thread_id: ThreadId, *, stored: bool, pace: Pace | None = None) -> None:
        self.id = thread_id
        self.stored = stored
        self.chosen = ("", "")
        self.pace = pace
        self.transcript = Transcript(thread_id)
        self._feed: Feed[LogItem] | None = None

    @property
    def private(self) -> bool:
        """Whether nothing of it is ever written to disk."""
        return is_private(self.id)

    @property
    def draft_key(self) -> str:
        """Where its unsent text is kept; that of a private thread has a place of its own."""
        return self.id if self.stored or self.private else NEW_DRAFT

    @property
    def followed(self) -> bool:
        """Whether it receives what happens."""
        return self._feed is not None

    def follow(self, subscription: Subscription, wake: Callable[[], None]) -> None:
        """Take over a subscription; ``wake`` is called from any thread when something came."""
        self.close()
        self.transcript = subscription.transcript
        self._feed = subscription.feed
        self._feed.notify(wake)

    def close(self) -> None:
        """Stop receiving."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def drain(self) -> list[LogItem]:
        """What may be shown since the last call, in order."""
        items = [] if self._feed is None else self._feed.drain()
        return items if self.pace is None else self.pace.take(items)

    # --- questions the screen asks ----------------------------------------------------------

    def active_run(self) -> Run | None:
        """The run that is going on here, if any."""
        return self.transcript.active_run()

    def latest_run(self) -> Run | None:
        """The run that began last."""
        return self.transcript.latest_run()

    def interrupted_run(self) -> Run | None:
        """The run that could go on, if any."""
        return self.transcript.interrupted_run()

    def partial_run(self) -> Run | None:
        """The latest run, if it ended before its answer did and the end of that is shown."""
        run = self.latest_run()
        if run is None or run.tail_id != self.transcript.leaf_id:
            return None
        return run if is_partial(self.transcript, run) else None

    @property
    def has_failed(self) -> bool:
        """Whether the latest run is over and did not complete."""
        run = self.latest_run()
        if run is None or run.state is not RunState.FINISHED:
            return False
        return run.outcome is not Outcome.COMPLETED

    def queue(self) -> list[QueuedMessage]:
        """The messages that wait for their turn, the next one first."""
        return list(self.transcript.queue.values())

    def waiting_calls(self) -> list[ToolCall]:
        """The calls that a person has to decide about, oldest first."""
        run = self.active_run() or self.interrupted_run()
        if run is None or run.state is RunState.CANCELLING:
            return []
        calls = self.transcript.calls_of(run.id)
        return [call for call in calls if call.state is ToolState.APPROVAL]

    def last_text(self, role: Role) -> str:
        """The newest message of a role that has any text."""
        for message in reversed(self.transcript.path()):
            if message.role == role and (text := message.text):
                return text
        return ""
