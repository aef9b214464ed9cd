"""What the writer is given: items of a log, and jobs; which of them are urgent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import apsw

from tui.core import events as e
from tui.core.errors import StoreError, TickertapeError
from tui.core.events import Envelope
from tui.core.models import ThreadId, WireEvent
from tui.store.failures import store_error
from tui.store.soundness import note_if_damaged

_log = logging.getLogger(__name__)

T = TypeVar("T")

# Written at once, and synced: what a person did, what must not happen twice, and what it takes to
# find the remote run again.
_URGENT = (
    e.MessageAdded,
    e.MessageQueued,
    e.MessageUnqueued,
    e.ApprovalRequested,
    e.ApprovalDecided,
    e.CancelRequested,
    e.ContinuationChanged,
    e.OutputsSubmitted,
    e.ToolStarted,
    e.ToolFinished,
    e.RunStarted,
    e.RunResumed,
    e.RunFinished,
    e.RunInterrupted,
)


@dataclass(frozen=True, slots=True)
class Release:
    """The thread is let go, behind everything appended so far."""

    thread_id: ThreadId


@dataclass(slots=True)
class Job(Generic[T]):
    """Work on the writing connection, in its turn. ``durable``: what went before is synced."""

    work: Callable[[apsw.Connection], T]
    durable: bool = False
    result: Future[T] = field(default_factory=Future)

    def run(self, connection: apsw.Connection, path: Path) -> None:
        """Do it and tell whoever waits, unless no one does any longer."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            value = self.work(connection)
        except (apsw.Error, OSError) as error:
            failure = store_error(error, path)
            note_if_damaged(failure, path)
            self.result.set_exception(failure)
        except TickertapeError as error:
            self.result.set_exception(error)
        except Exception as error:  # noqa: BLE001
            # It belongs to whoever waits; the writer's thread goes on.
            _log.exception("the store could not do its work")
            self.result.set_exception(error)
        else:
            self.result.set_result(value)

    def fail(self, error: StoreError) -> None:
        """Tell whoever waits that it was not done."""
        if self.result.set_running_or_notify_cancel():
            self.result.set_exception(error)


LogItem: TypeAlias = Envelope | WireEvent | Release
Item: TypeAlias = LogItem | Job[Any]


def ends_run(item: LogItem) -> bool:
    """Whether a run is over with it."""
    return isinstance(item, Envelope) and isinstance(item.event, e.RunFinished)


def is_urgent(item: LogItem) -> bool:
    """Whether it has to be on the disk, synced, as soon as possible."""
    return isinstance(item, Envelope) and isinstance(item.event, _URGENT)
