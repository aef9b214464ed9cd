"""Reads the end of a long thread alone, so that it can be shown before all of it is there."""

from __future__ import annotations

from typing import Any

import apsw

from tui.core.models import ThreadId
from tui.core.transcript import Transcript
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

# What is still in the journal, or going on, has to be folded first: that is what ``load`` does.
_AT_REST = """
SELECT folded_seq = last_seq AND coalesce(
  (SELECT now = 'finished' FROM run WHERE thread_id = t.id ORDER BY seq DESC LIMIT 1), 1)
FROM thread t WHERE id = ?
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

    None when the thread is short, something goes on in it, or there is no such thread: ``load``
    is the way then. Takes a few milliseconds however long the thread is. Inside the caller's
    transaction.
    """
    row: Any = connection.execute(_AT_REST, (thread_id,)).fetchone()
    if row is None or not row[0]:
        return None
    found: Any = connection.execute(_NEWEST_OF_PATH, (thread_id, MESSAGES)).fetchone()
    count, first = found
    if count < MESSAGES:
        return None
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
