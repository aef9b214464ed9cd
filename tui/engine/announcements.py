"""Tells whoever lists threads how each looks now, whichever process changed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from tui.core.feed import Feed
from tui.core.models import Problem, ThreadId, ThreadSummary

T = TypeVar("T")


class Channel(Generic[T]):
    """Feeds that all get the same items; they come and go from any thread."""

    def __init__(self) -> None:
        # Replaced, never changed in place, so that nobody has to lock.
        self._feeds: tuple[Feed[T], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._feeds)

    def open(self) -> Feed[T]:
        """A feed of everything from now on."""
        feed: Feed[T] = Feed(on_close=self._drop)
        self._feeds = (*self._feeds, feed)
        return feed

    def push(self, item: T) -> None:
        """Give the item to every feed."""
        for feed in self._feeds:
            feed.push(item)

    def _drop(self, feed: Feed[T]) -> None:
        self._feeds = tuple(each for each in self._feeds if each is not feed)


class Announcements:
    """The summaries that watchers know, and the state of the storage.

    ``on_elsewhere`` is called when a list shows that another process runs something.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.on_elsewhere: Callable[[], object] | None = None
        self._summaries: Channel[ThreadSummary] = Channel()
        self._storage: Channel[Problem | None] = Channel()
        self._known: dict[ThreadId, ThreadSummary] = {}
        self._problem: Problem | None = None
        self._notice: Problem | None = None

    @property
    def watched(self) -> bool:
        """Whether anyone wants to know."""
        return bool(self._summaries)

    @property
    def any_elsewhere(self) -> bool:
        """Whether another process runs something that is listed here."""
        return any(each.elsewhere for each in self._known.values())

    def watch(self) -> Feed[ThreadSummary]:
        """Summaries as they change."""
        return self._summaries.open()

    def storage(self) -> Feed[Problem | None]:
        """What is wrong with the storage, now and as it changes."""
        feed = self._storage.open()
        if self._notice is not None:
            feed.push(self._notice)
            feed.push(None)
        if self._problem is not None:
            feed.push(self._problem)
        return feed

    def note_storage(self, notice: Problem | None) -> None:
        """Something about the storage that is over, but has to be known."""
        self._notice = notice

    def tell_storage(self, problem: Problem | None) -> None:
        """Something is wrong with the storage, or all is well again."""
        self._problem = problem
        self._storage.push(problem)

    def listed(self, summaries: Sequence[ThreadSummary], limit: int | None) -> None:
        """This is what a list shows; changes are told from here on."""
        self.limit = limit
        self._known = {each.id: each for each in summaries}
        if self.on_elsewhere is not None and self.any_elsewhere:
            self.on_elsewhere()

    def announce(self, summary: ThreadSummary) -> None:
        """Tell the watchers how a thread looks now."""
        self._known[summary.id] = summary
        self._summaries.push(summary)

    def seen(self, thread_id: ThreadId) -> None:
        """Nothing in the thread is unread."""
        known = self._known.get(thread_id)
        if known is not None:
            self.announce(replace(known, unread=False))

    def deleted(self, thread_id: ThreadId) -> None:
        """The thread is gone."""
        self._known.pop(thread_id, None)
        gone = ThreadSummary(id=thread_id, title="", created_at=0.0, updated_at=0.0, deleted=True)
        self._summaries.push(gone)

    def compare(self, now: Sequence[ThreadSummary]) -> None:
        """Announce what looks different from what the watchers know."""
        for summary in now:
            if summary != self._known.get(summary.id):
                self.announce(summary)
        found = {each.id for each in now}
        for thread_id in self._missing(found, _reaches(now, self.limit)):
            self.deleted(thread_id)

    def _missing(self, found: set[ThreadId], reached: Callable[[ThreadSummary], bool]) -> list[str]:
        return [key for key, each in self._known.items() if key not in found and reached(each)]


def _reaches(now: Sequence[ThreadSummary], limit: int | None) -> Callable[[ThreadSummary], bool]:
    """Whether a list that was cut at ``limit`` would hold a thread if it existed."""
    if limit is None or len(now) < limit:
        return lambda _: True
    oldest = min(each.updated_at for each in now)
    return lambda known: known.updated_at > oldest
