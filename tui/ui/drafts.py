"""Unsent text, kept: on disk moments after it was typed, and until what was sent is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import Protocol

from tui.core.errors import TickertapeError
from tui.ui.leaving import Unsaved
from tui.ui.session import OpenThread

# Seconds. Written once the keys pause, and while they do not, this often: with the time that a
# write takes, a crash costs at most a quarter of a second of typing.
_PAUSE = 0.1
_OFTEN = 0.15
# A store that hangs does not keep a reader who wants to leave.
_PATIENCE = 2.0


class Box(Protocol):
    """Where the reader writes."""

    @property
    def text(self) -> str:
        """What is in it."""
        ...

    def put_back(self, text: str) -> None:
        """Put text in front of what is there."""
        ...


class Shelf(Protocol):
    """Where drafts are kept, and the thread whose draft the box shows."""

    thread: OpenThread

    async def draft(self, key: str) -> str:
        """What is kept under ``key``."""
        ...

    async def save_draft(self, key: str, text: str) -> None:
        """Keep it."""
        ...


class Drafts:
    """What is in the box, and what else is unsent, by draft key.

    A draft on disk is: what is on its way under its key, then what the reader wrote since. The
    methods that wait raise TickertapeError and may be repeated. ``spawn`` runs what nobody waits
    for, ``complain`` tells why it failed.
    """

    def __init__(
        self,
        desk: Shelf,
        composer: Box,
        *,
        spawn: Callable[[Callable[[], Coroutine[None, None, None]]], object],
        complain: Callable[[TickertapeError], None],
    ) -> None:
        self._desk = desk
        self._composer = composer
        self._spawn = spawn
        self._complain = complain
        self._shown: OpenThread | None = None
        self._sending: defaultdict[str, list[str]] = defaultdict(list)
        # What belongs to a key whose thread is not on screen, as long as the disk says otherwise.
        self._left: dict[str, str] = {}
        # What could not be sent, for keys of which only the disk knows the rest.
        self._bounced: dict[str, str] = {}
        self._writing = asyncio.Lock()
        self._waiting: Counter[str] = Counter()  # to write, by key
        self._due: asyncio.TimerHandle | None = None
        self._latest = 0.0
        self._refused = False

    # --- while one types -------------------------------------------------------------------

    def typed(self) -> None:
        """The box changed."""
        now = time.monotonic()
        if self._due is None:
            self._latest = now + _OFTEN
        else:
            self._due.cancel()
        self._wake_in(min(_PAUSE, max(0.0, self._latest - now)))

    def _wake_in(self, seconds: float) -> None:
        self._due = asyncio.get_running_loop().call_later(seconds, self._save_now)

    def _save_now(self) -> None:
        self._due = None
        if self._writing.locked():
            self._latest = time.monotonic() + _PAUSE
            self._wake_in(_PAUSE)
        else:
            self._spawn(self._save_or_say_once)

    async def _save_or_say_once(self) -> None:
        told, self._refused = self._refused, False
        try:
            await self.save()
        except TickertapeError as error:
            self._refused = True
            if not told:
                self._complain(error)

    # --- coming and going ------------------------------------------------------------------

    @property
    def _is_back(self) -> bool:
        return self._shown is self._desk.thread

    async def restore(self) -> None:
        """Bring the draft of the thread on the desk back, before what was typed meanwhile."""
        thread, key = self._desk.thread, self._desk.thread.draft_key
        async with self._writing:
            text = "" if key in self._left else await self._desk.draft(key)
        if self._desk.thread is not thread or self._is_back:
            return
        self._shown = thread
        text = _joined(self._bounced.pop(key, ""), self._left.pop(key, text))
        if text and text != self._composer.text:
            self._composer.put_back(text)
        if self._composer.text:
            self.typed()

    async def save(self) -> None:
        """Put the unsent text of the thread on the desk on disk.

        What is typed before the thread's draft has come back must not take its place.
        """
        if self._is_back:
            await self._write(self._desk.thread.draft_key)
        else:
            await self.restore()

    async def leave(self) -> None:
        """Put everything in the box on disk; when this returns another thread can have the box."""
        if not self._is_back:
            if not self._composer.text:
                return
            await self.restore()
        written = None
        # Both can change while it is written: by a key, and by a first message that arrives.
        while written != (now := (self._desk.thread.draft_key, self._composer.text)):
            written = now
            await self._write(now[0])
        key, text = now
        if self._sending[key] or self._waiting[key]:
            self._left[key] = text

    async def before_quitting(self) -> None:
        """The same, and whatever could not be written earlier, as far as it is possible now."""
        with contextlib.suppress(TickertapeError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self.leave()
                for key in [*self._left, *self._bounced]:
                    await self._give_back(key)

    def unsaved(self) -> Unsaved | None:
        """What is written and not sent, for whoever saves it when the screen is gone."""
        thread = self._desk.thread
        sending = _joined(*self._sending[thread.draft_key])
        if not (self._is_back or self._composer.text or sending):
            return None
        return Unsaved(
            key=thread.draft_key,
            text=self._composer.text,
            is_whole=self._is_back,
            thread_id=thread.id,
            sending=sending,
        )

    # --- sending ---------------------------------------------------------------------------

    def hold(self, key: str, text: str) -> None:
        """This text has left the box and is being sent: it stays in the draft on disk."""
        self._sending[key].append(text)

    async def sent(self, thread: OpenThread, key: str, text: str) -> None:
        """It is in the thread now; what was written since stays."""
        self._sending[key].remove(text)
        if self._is_back and self._desk.thread is thread and key != thread.draft_key:
            # The first message gave the thread a draft of its own.
            self._left[key] = ""
            await self.save()
        await self._write(key)

    async def not_sent(self, key: str, text: str) -> None:
        """It was refused: back it goes, before whatever was written since."""
        self._sending[key].remove(text)
        if self._desk.thread.draft_key == key:
            self._composer.put_back(text)
            return
        self._bounced[key] = _joined(self._bounced.get(key, ""), text)
        await self._give_back(key)

    # --- writing ---------------------------------------------------------------------------

    async def _write(self, key: str) -> None:
        self._waiting[key] += 1
        try:
            async with self._writing:
                await self._write_now(key)
        finally:
            self._waiting[key] -= 1

    async def _write_now(self, key: str) -> None:
        own = self._own(key)
        if own is None:
            return  # its thread was left meanwhile, and that wrote it
        text = _joined(*self._sending[key], own)
        await self._desk.save_draft(key, text)
        if not self._sending[key] and self._left.get(key) == text:
            del self._left[key]

    async def _give_back(self, key: str) -> None:
        async with self._writing:
            if key in self._bounced:
                kept = "" if key in self._left else await self._desk.draft(key)
                kept = self._left.get(key, kept)
                self._left[key] = _joined(self._bounced.pop(key, ""), kept)
        await self._write(key)

    def _own(self, key: str) -> str | None:
        """What the reader wrote under a key, or None when only the disk knows."""
        if self._is_back and self._desk.thread.draft_key == key:
            return self._composer.text
        return self._left.get(key)


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
