"""How the app was left: what becomes of runs that were going on, and of text that was not sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.core.models import Role, ThreadId
from tui.core.services import Services


class Leaving(StrEnum):
    """What the app's ``run()`` returns; None (it was ended from outside) means LET_GO."""

    CANCEL = "cancel"
    """Nothing goes on: what still runs is cancelled, also on the server."""

    LET_GO = "let_go"
    """What runs goes on where it can; the next start asks what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """What was written and not sent when the app ended.

    ``key`` names the draft. ``is_whole``: the draft that was stored before is part of ``text``.
    ``sending`` is a message that was on its way into ``thread_id``; nobody knows if it arrived.
    """

    key: str
    text: str
    is_whole: bool
    thread_id: ThreadId
    sending: str = ""

    async def save(self, services: Services) -> None:
        """Keep it as the draft. Raises StoreError."""
        stored = await services.library.draft(self.key)
        pieces = [self.text] if self.is_whole else [stored, self.text]
        if self.sending and not await self._arrived(services):
            pieces.insert(0, self.sending)
        text = "\n".join(filter(None, pieces))
        if text != stored:  # a store that refuses is no reason to complain about nothing
            await services.library.save_draft(self.key, text)

    async def _arrived(self, services: Services) -> bool:
        subscription = await services.run_log.subscribe(self.thread_id)
        subscription.feed.close()
        transcript = subscription.transcript
        asked = [each.text for each in transcript.messages.values() if each.role is Role.USER]
        waiting = [each.text for each in transcript.queue.values()]
        return self.sending in (asked + waiting)[-1:]
