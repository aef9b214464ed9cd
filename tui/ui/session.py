"""The thread on screen: its transcript, and what arrives for it, in order and once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from tui.core.feed import Feed
from tui.core.models import Role, RunId, RunState, ThreadId, ToolState, WireEvent
from tui.core.ports import LogItem, Subscription
from tui.core.transcript import Run, ToolCall, Transcript

NEW_DRAFT = "new"


def new_id() -> str:
    """A fresh id for a thread, message or run; the caller of a command makes it."""
    return uuid.uuid4().hex


class OpenThread:
    """One thread as the screen holds it; ``stored`` is false until its first message is sent."""

    def __init__(self, thread_id: ThreadId, *, stored: bool) -> None:
        self.id = thread_id
        self.stored = stored
        self.transcript = Transcript(thread_id)
        self.shown_run: RunId | None = None
        self._feed: Feed[LogItem] | None = None
        self._wire_seen: dict[RunId, int] = {}

    @property
    def draft_key(self) -> str:
        """Where its unsent text is kept."""
        return self.id if self.stored else NEW_DRAFT

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

    def have_wire(self, events: Sequence[WireEvent]) -> None:
        """These raw events are shown already; the feed may bring them again."""
        for event in events:
            self._note_wire(event)

    def drain(self) -> list[LogItem]:
        """What arrived since the last call, without raw events that are shown already."""
        if self._feed is None:
            return []
        return [item for item in self._feed.drain() if self._is_news(item)]

    def _is_news(self, item: LogItem) -> bool:
        if isinstance(item, WireEvent):
            return self._note_wire(item)
        return True

    def _note_wire(self, event: WireEvent) -> bool:
        if event.index <= self._wire_seen.get(event.run_id, -1):
            return False
        self._wire_seen[event.run_id] = event.index
        return True

    # --- questions the screen asks ----------------------------------------------------------

    def active_run(self) -> Run | None:
        """The run that is going on here, if any."""
        return self.transcript.active_run()

    def latest_run(self) -> Run | None:
        """The run that began last."""
        return next(reversed(self.transcript.runs.values()), None)

    def waiting_calls(self) -> list[ToolCall]:
        """The calls that a person has to decide about, oldest first."""
        run = self.active_run()
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
