"""Reads the end of a long thread alone, so that it can be shown before all of it is there."""

from __future__ import annotations

from typing import Any

import apsw

from tui.core.events import Envelope, LeafSelected
from tui.core.models import ThreadId
from tui.core.transcript import Transcript
from tui.store.journal import read_tail
from tui.store.rows_read import (
    MESSAGE_COLUMNS,
    PART_COLUMNS,
    RUN_COLUMNS,
    put_message,
    put_part,
    put_run,
    read_head,
)

# More messages than any screen has lines for; a shorter thread is read whole as quickly.
MESSAGES = 80
# With so many on other branches among them, the end of the thread is not near its leaf.
_MOST = 4 * MESSAGES

_UNFOLDED = """
SELECT count(*) FROM (SELECT 1 FROM journal WHERE thread_id = ?1
  AND seq > (SELECT folded_seq FROM thread WHERE id = ?1) LIMIT ?2)
"""
# A damaged log may hold a cycle; the depth ends that too.
_NEWEST_OF_PATH = """
WITH RECURSIVE path (parent_id, position, depth) AS (
  SELECT m.parent_id, m.position, 1
  FROM thread t JOIN message m ON m.thread_id = t.id AND m.id = t.leaf_id WHERE t.id = ?1
  UNION ALL
  SELECT m.parent_id, m.position, depth + 1
  FROM path JOIN message m ON m.thread_id = ?1 AND m.id = path.parent_id WHERE depth < ?2
)
SELECT count(*), min(position) FROM path
"""
_MESSAGES = (
    MESSAGE_COLUMNS + "WHERE thread_id = ?1 AND position >= ?2 ORDER BY position LIMIT ?3 + 1"
)
# The plus keeps SQLite from going through all parts of the thread in their order.
_PARTS_OF_NEWEST = """
WHERE p.thread_id = ?1 AND p.message_id IN
  (SELECT id FROM message WHERE thread_id = ?1 AND position >= ?2)
ORDER BY +p.position
"""
_PARTS = PART_COLUMNS + _PARTS_OF_NEWEST
_NEWEST_RUNS = """
AND seq >= (SELECT min(r.seq)
  FROM message m CROSS JOIN run r ON r.thread_id = m.thread_id AND r.id = m.run_id
  WHERE m.thread_id = ?1 AND m.position >= ?2)
ORDER BY seq DESC LIMIT ?3
"""
_RUNS = RUN_COLUMNS + _NEWEST_RUNS


def read_preview(connection: apsw.Connection, thread_id: ThreadId) -> Transcript | None:
    """The newest messages of the selected path, with all that belongs to them, or None.

    None when the thread is short, or has much that is not folded, or does not exist: ``load`` is
    the way then. Takes a few milliseconds however long the thread is. Inside the caller's
    transaction.
    """
    found: Any = connection.execute(_NEWEST_OF_PATH, (thread_id, MESSAGES)).fetchone()
    count, first = found
    unfolded: Any = connection.execute(_UNFOLDED, (thread_id, _MOST + 1)).fetchone()
    if count < MESSAGES or unfolded[0] > _MOST:
        return None
    transcript = _read_newest(connection, thread_id, first)
    tail = None if transcript is None else read_tail(connection, thread_id, transcript.seq)
    if transcript is None or tail is None:
        return None
    transcript.apply_all(tail)
    # Since the fold the thread may have gone on at a place that was not read.
    is_whole = all(_is_about(transcript, each) for each in tail)
    return transcript if is_whole and len(transcript.path()) >= MESSAGES else None


def _is_about(transcript: Transcript, envelope: Envelope) -> bool:
    """Whether the transcript has what the envelope is about."""
    event = envelope.event
    if isinstance(event, LeafSelected):
        return event.message_id in transcript.messages
    return envelope.run is None or envelope.run in transcript.runs


def _read_newest(connection: apsw.Connection, thread_id: ThreadId, first: int) -> Transcript | None:
    """All from that position on, as far as it is folded; None when that is too much."""
    messages: list[Any] = list(connection.execute(_MESSAGES, (thread_id, first, _MOST)))
    transcript = read_head(connection, thread_id)
    if transcript is None or len(messages) > _MOST:
        return None
    for run in reversed(list(connection.execute(_RUNS, (thread_id, first, _MOST)))):
        put_run(transcript, run)
    for message in messages:
        put_message(transcript, message)
    for part in connection.execute(_PARTS, (thread_id, first)):
        put_part(transcript, part)
    return transcript
