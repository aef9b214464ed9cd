"""What of our history a remote thread holds already, so that only the rest is sent."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.models import HistoryMessage, JsonObject, MessageId
from tui.providers.assistants.request import MESSAGE_KEY
from tui.providers.fields import obj, text

History = Sequence[HistoryMessage]


def position(history: History, message_id: MessageId | None) -> int | None:
    """Where in the history this message is, or None."""
    found = (at for at, message in enumerate(history) if message.id == message_id)
    return next(found, None)


def after(history: History, through: MessageId | None) -> History | None:
    """What follows ``through``; None when the history does not contain it (another branch)."""
    at = position(history, through)
    return None if at is None else history[at + 1 :]


def held_through(
    history: History, through: MessageId | None, newest: JsonObject | None
) -> MessageId | None:
    """The last message of the history that a thread holds whose newest message is ``newest``.

    None when the thread does not fit the history: it holds another branch, or lacks something.
    ``through`` is what we believed; steps of tool calls are no messages, so they may follow.
    """
    expected = position(history, through)
    if newest is None or expected is None:
        return None
    local_id = text(obj(newest, "metadata"), MESSAGE_KEY) or text(newest, "id")
    at = position(history, local_id)
    if at is None:
        return None
    missing = history[at + 1 : expected + 1]
    if any(message.text.strip() for message in missing):
        return None
    return history[max(at, expected)].id
