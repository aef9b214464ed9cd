"""Call ids of our own, where a server gives none, or one that the run has had before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tui.core.models import CallId, HistoryMessage, MessageId, RunId


def unique_id(said: CallId, seed: str, used: set[CallId]) -> CallId:
    """The server's id if it is new to the run, else one that depends on ``seed`` alone."""
    call_id = said if said and said not in used else short_id(seed)
    used.add(call_id)
    return call_id


def short_id(seed: str) -> CallId:
    """Nine characters that depend on ``seed`` alone: the one form that every server takes."""
    return hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=5).hexdigest()[:9]


def used_ids(
    history: Iterable[HistoryMessage], run_id: RunId, newest: MessageId = ""
) -> set[CallId]:
    """The ids of a run that goes on, but for those of ``newest``, which is to come once more."""
    earlier = (message for message in history if message.id.startswith(f"{run_id}:"))
    return {call.call_id for each in earlier if each.id != newest for call in each.calls}
