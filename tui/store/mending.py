"""Makes what was saved of a damaged database hang together again: nothing is invented but links."""

from __future__ import annotations

import apsw

_STEPS = (
    # An entry of the index of leases looks like a draft.
    "DELETE FROM draft WHERE text IN (SELECT id FROM thread)",
    # What is left of a thread is a thread, though its own line is lost.
    """
    INSERT OR IGNORE INTO thread (id, title)
    SELECT thread_id, 'Recovered thread' FROM (
      SELECT thread_id FROM run UNION SELECT thread_id FROM message
      UNION SELECT thread_id FROM part UNION SELECT thread_id FROM journal)
    """,
    """
    UPDATE thread SET
      created_at = coalesce((SELECT min(at) FROM message WHERE thread_id = thread.id),
        (SELECT min(at) FROM journal WHERE thread_id = thread.id),
        (SELECT min(started_at) FROM run WHERE thread_id = thread.id AND started_at > 0),
        unixepoch('subsec')),
      updated_at = coalesce((SELECT max(at) FROM message WHERE thread_id = thread.id),
        (SELECT max(at) FROM journal WHERE thread_id = thread.id),
        (SELECT max(coalesce(finished_at, started_at)) FROM run
         WHERE thread_id = thread.id AND started_at > 0),
        unixepoch('subsec')),
      folded_seq = coalesce((SELECT min(seq) - 1 FROM journal WHERE thread_id = thread.id),
        (SELECT max(seq) FROM run WHERE thread_id = thread.id), 0)
    WHERE last_seq = 0
    """,
    """
    UPDATE thread SET last_seq = max(last_seq, folded_seq,
      coalesce((SELECT max(seq) FROM journal WHERE thread_id = thread.id), 0),
      coalesce((SELECT max(seq) FROM run WHERE thread_id = thread.id), 0))
    """,
    # A message whose line is lost still has its parts, and parts know in which order they began.
    # The reducer names the parts of added messages after them. So do some providers, but their
    # messages have ids of the server; only ours are 32 hex digits.
    """
    UPDATE message SET position = position * 1000 WHERE thread_id IN (
      SELECT p.thread_id FROM part p
      LEFT JOIN message m ON m.thread_id = p.thread_id AND m.id = p.message_id
      WHERE m.id IS NULL)
    """,
    """
    INSERT INTO message (thread_id, id, parent_id, position, role, author, run_id, at, complete)
    SELECT thread_id, message_id, 'lost',
      coalesce((SELECT max(m.position) FROM part q
                JOIN message m ON m.thread_id = q.thread_id AND m.id = q.message_id
                WHERE q.thread_id = lost.thread_id AND q.position < lost.first), 0)
        + row_number() OVER (PARTITION BY thread_id ORDER BY first),
      iif(added, 'user', 'assistant'), '',
      coalesce((SELECT r.id FROM run r
                WHERE r.thread_id = lost.thread_id AND r.tail_id = lost.message_id),
               (SELECT c.run_id FROM part q
                JOIN tool_call c ON c.thread_id = q.thread_id AND c.part_id = q.id
                WHERE q.thread_id = lost.thread_id AND q.message_id = lost.message_id)),
      (SELECT created_at FROM thread t WHERE t.id = lost.thread_id), 1
    FROM (
      SELECT p.thread_id, p.message_id, min(p.position) AS first,
        max(p.id = p.message_id || ':' || p.idx
          AND length(p.message_id) = 32 AND p.message_id NOT GLOB '*[^0-9a-f]*') AS added
      FROM part p LEFT JOIN message m ON m.thread_id = p.thread_id AND m.id = p.message_id
      WHERE m.id IS NULL GROUP BY p.thread_id, p.message_id) AS lost
    """,
    """
    DELETE FROM tool_call AS c WHERE NOT EXISTS (
      SELECT 1 FROM part p WHERE p.thread_id = c.thread_id AND p.id = c.part_id)
    """,
    # A branch whose stem is lost hangs on the message before it.
    """
    UPDATE message AS m SET parent_id = (
      SELECT b.id FROM message b WHERE b.thread_id = m.thread_id AND b.position < m.position
      ORDER BY b.position DESC LIMIT 1)
    WHERE m.parent_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM message p WHERE p.thread_id = m.thread_id AND p.id = m.parent_id)
    """,
    """
    UPDATE thread SET leaf_id = (
      SELECT id FROM message m WHERE m.thread_id = thread.id ORDER BY position DESC LIMIT 1)
    WHERE NOT EXISTS (SELECT 1 FROM message m
                      WHERE m.thread_id = thread.id AND m.id = thread.leaf_id)
    """,
    # Runs are known by their messages.
    """
    INSERT OR IGNORE INTO run (thread_id, id, seq, owner, state, parent_id, tail_id, started_at,
      finished_at)
    SELECT m.thread_id, m.run_id, t.folded_seq, '', 'finished',
      coalesce((SELECT f.parent_id FROM message f WHERE f.thread_id = m.thread_id
                AND f.run_id = m.run_id ORDER BY f.position LIMIT 1), m.id),
      (SELECT l.id FROM message l WHERE l.thread_id = m.thread_id
       AND l.run_id = m.run_id ORDER BY l.position DESC LIMIT 1),
      min(m.at), max(m.at)
    FROM message m JOIN thread t ON t.id = m.thread_id
    WHERE m.run_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM run r WHERE r.thread_id = m.thread_id AND r.id = m.run_id)
    GROUP BY m.thread_id, m.run_id
    """,
)


def mend(connection: apsw.Connection) -> None:
    """Close the gaps that lost rows have left, inside the caller's transaction."""
    for step in _STEPS:
        connection.execute(step)
