"""What a screen or a command line sees: five small services, values in and values out.

Commands are idempotent, with ids made by the caller, so that each service can later be remote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from tui.core.events import Envelope
from tui.core.feed import Feed
from tui.core.models import (
    CallId,
    Decision,
    MessageId,
    ModelInfo,
    Problem,
    RunId,
    ThreadId,
    ThreadSummary,
    ToolSpec,
    WireEvent,
)
from tui.core.settings import Price
from tui.core.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Add a user message below the thread's selected leaf, and answer it.

    The caller makes the ids, so sending twice is harmless. ``profile`` None means the thread's
    own, or the default for a new one; ``model`` None means the thread's own, or the profile's.
    With ``queue`` a thread that is answering keeps the message until that run has completed, and
    messages that wait longer go first; without, BusyError. A thread whose id is private (see
    ``models.is_private``) never touches the disk.
    """

    thread_id: ThreadId
    message_id: MessageId
    run_id: RunId
    text: str
    profile: str | None = None
    model: str | None = None
    queue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun:
    """Answer the message that ``of`` answered once more, as a new branch."""

    thread_id: ThreadId
    of: RunId
    run_id: RunId


class Conversations(Protocol):
    """Commands. Each returns when its effect is on disk, not when the model is done.

    They raise NotFoundError, BusyError (the thread has an active run, or another process holds
    it) or StoreError. What concerns a run that another process drives is passed on to it.
    """

    async def send(self, command: SendMessage) -> None:
        """Write the message down and start its run; creates the thread if it is new."""
        ...

    async def retry(self, command: RetryRun) -> None:
        """Start another run for the same message."""
        ...

    async def cancel(self, thread_id: ThreadId, run_id: RunId) -> None:
        """Ask a run to stop; a finished or unknown run is left alone."""
        ...

    async def decide(
        self, thread_id: ThreadId, run_id: RunId, call_id: CallId, decision: Decision
    ) -> None:
        """Decide about a pending call; the first decision wins. An interrupted run goes on."""
        ...

    async def resume(self, thread_id: ThreadId) -> None:
        """Go on with the thread's interrupted run: ask the server what became of it.

        Missed messages are fetched, calls that were asked for are decided and run, and a call
        that had started is never run again. Takes the thread over from another process that
        drives it. A run that the server no longer has, and that waits for nothing, ends.
        """
        ...

    async def leave(self, thread_id: ThreadId) -> None:
        """Close the thread's interrupted run as it is; sending a message does so too."""
        ...

    async def use(self, thread_id: ThreadId, profile: str, model: str = "") -> None:
        """From the next message on the thread talks to this profile and model (empty: its own).

        The history goes along. Raises ConfigError for a profile that does not exist.
        """
        ...

    async def select(self, thread_id: ThreadId, message_id: MessageId) -> None:
        """Show the branch through this message, down to the newest message below it."""
        ...

    async def unqueue(self, thread_id: ThreadId, message_id: MessageId) -> None:
        """Take a waiting message back; one that was sent already is left alone."""
        ...

    async def send_queued(self, thread_id: ThreadId) -> None:
        """Send the first waiting message now; nothing happens without one."""
        ...


class Library(Protocol):
    """The threads as a list, and what belongs to a thread but not to its log."""

    async def threads(self, limit: int | None = None) -> Sequence[ThreadSummary]:
        """The newest first."""
        ...

    async def rename(self, thread_id: ThreadId, title: str) -> None:
        """Change the title."""
        ...

    async def delete(self, thread_id: ThreadId) -> None:
        """Cancel what runs in it, then remove it for good."""
        ...

    async def mark_read(self, thread_id: ThreadId) -> None:
        """All there is now has been seen."""
        ...

    async def draft(self, key: str) -> str:
        """Unsent text under ``key`` (a thread id, or ``new``)."""
        ...

    async def save_draft(self, key: str, text: str) -> None:
        """Keep unsent text."""
        ...

    def watch(self) -> Feed[ThreadSummary]:
        """Every change of a summary from now on, until the feed is closed."""
        ...

    def storage(self) -> Feed[Problem | None]:
        """Why nothing can be written just now, if so, and every change of that.

        While there is a problem everything is kept in memory and tried again. What was wrong and
        is over (a damaged file that was mended) comes as a problem with None right behind it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadReloaded:
    """What another process wrote could not be followed step by step: start over from here.

    ``transcript`` is the receiver's own copy.
    """

    transcript: Transcript


LogEntry: TypeAlias = Envelope | WireEvent
LogItem: TypeAlias = LogEntry | ThreadReloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A thread from some moment on.

    ``transcript`` is the caller's own copy of it so far, and ``feed`` brings every later envelope
    and raw event, in order.
    """

    transcript: Transcript
    feed: Feed[LogItem]


class RunLog(Protocol):
    """Reading what happens."""

    async def preview(self, thread_id: ThreadId) -> Transcript | None:
        """The end of a long thread, at once, to be shown until ``subscribe`` has all of it.

        None when that does not take long, or there is no short way. Nothing may be decided from
        it: all that is older is missing.
        """
        ...

    async def subscribe(self, thread_id: ThreadId) -> Subscription:
        """The thread now, and its future. An unknown thread is an empty transcript."""
        ...

    async def wire(self, run_id: RunId) -> Sequence[WireEvent]:
        """All raw events of a run so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileInfo:
    """A profile as a screen shows it; ``problem`` says why it cannot be used.

    ``embedded``: its model ends with this process, so a run cannot outlive it. ``configured``:
    somebody wrote it down; else it is one of the presets, and ``found`` says what makes it usable
    here (``OPENAI_API_KEY is set``, ``answers at 127.0.0.1:11434``). ``asks``: getting its key may
    run a program or open a keyring, which may ask the reader. ``context_window`` is what the
    profile says of its model, in tokens. ``prices`` are per model.
    """

    name: str
    protocol: str
    model: str = ""
    detail: str = ""
    embedded: bool = False
    configured: bool = True
    found: str = ""
    asks: bool = False
    context_window: int | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    problem: Problem | None = None


class Catalog(Protocol):
    """What can be talked to and called."""

    async def profiles(self) -> Sequence[ProfileInfo]:
        """The sandbox and all configured profiles, the default first."""
        ...

    async def discover(self) -> Sequence[ProfileInfo]:
        """Presets that can be used right now and are not configured: see ``ProfileInfo.found``.

        Looks for keys in the environment and for local servers; takes at most 300 ms.
        """
        ...

    async def models(self, profile: str) -> Sequence[ModelInfo]:
        """What the profile's server offers. Raises ConfigError or ProviderError."""
        ...

    async def make_default(self, profile: str, model: str = "") -> None:
        """New threads use this profile and model from now on; remembered in ``local.toml``.

        Raises ConfigError.
        """
        ...

    async def tools(self) -> Sequence[ToolSpec]:
        """The local tools on offer."""
        ...


class Preferences(Protocol):
    """Small remembered choices of the screen (theme, pane visibility): strings by name."""

    def get(self, name: str, default: str = "") -> str:
        """The remembered value."""
        ...

    def set(self, name: str, value: str) -> None:
        """Remember it; written in the background, never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The five together, as a front end is given them."""

    conversations: Conversations
    library: Library
    run_log: RunLog
    catalog: Catalog
    preferences: Preferences
