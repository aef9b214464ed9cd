"""Call ids of our own, where a server gives none, or one that was there before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tui.core.models import CallId, HistoryMessage, MessageId


def unique_id(said: CallId, seed: str, used: set[CallId]) -> CallId:
    """The server's id if it is new, else one that depends on ``seed`` and ``used`` alone."""
    call_id = said or short_id(seed)
    while call_id in used:
        call_id = short_id(seed)
        seed += "+"
    used.add(call_id)
    return call_id


def short_id(seed: str) -> CallId:
    """Nine characters that depend on ``seed`` alone: the one form that every server takes."""
    return hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=5).hexdigest()[:9]


def used_ids(history: Iterable[HistoryMessage], newest: MessageId = "") -> set[CallId]:
    """The ids of a conversation, but for those of ``newest``, which is to come once more."""
    return {call.call_id for each in history if each.id != newest for call in each.calls}
