"""Reads a thread's rows back into a transcript: the whole thread, or what some events touch."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from tui.core.events import Envelope, MessageAdded, RetryScheduled
from tui.core.models import (
    Decision,
    JsonObject,
    Outcome,
    PartKind,
    Problem,
    Role,
    RunState,
    ThreadId,
    ToolOrigin,
    ToolState,
    Usage,
)
from tui.core.text import GrowingText
from tui.core.thread import Message, Part, QueuedMessage, Run, ToolCall
from tui.core.transcript import Transcript
from tui.store.values import decode_json, decode_text, encode_text

_THREAD = """
SELECT title, profile, model, created_at, updated_at, leaf_id, queue_json, folded_seq
FROM thread WHERE id = ?
"""
RUN_COLUMNS = """
SELECT id, parent_id, tail_id, profile, model, owner, state, status, rounds, started_at,
  finished_at, started_mono, first_delta_mono, finished_mono, settle, outcome, reason,
  usage_json, error_json, continuation_json, notices_json, retry_json, seen_from, seq
FROM run
WHERE thread_id = ?1 AND seq <= (SELECT folded_seq FROM thread WHERE id = ?1)
"""
_RUNS = RUN_COLUMNS + "ORDER BY seq"
_RUN = RUN_COLUMNS + "AND id = ?2"
MESSAGE_COLUMNS = """
SELECT id, parent_id, role, author, run_id, at, complete, position FROM message
"""
_MESSAGES = MESSAGE_COLUMNS + "WHERE thread_id = ? ORDER BY position"
_MESSAGE = MESSAGE_COLUMNS + "WHERE thread_id = ? AND id = ?"
PART_COLUMNS = """
SELECT p.id, p.message_id, p.idx, p.kind, p.finished, p.text, p.annotations_json,
  c.call_id, c.run_id, c.name, c.origin, c.server, c.state, c.status, c.arguments,
  c.printed, c.output, c.is_error, c.decision_json, c.first_delta_mono, c.arguments_done_mono,
  c.started_mono, c.finished_mono, p.position
FROM part p LEFT JOIN tool_call c ON c.thread_id = p.thread_id AND c.part_id = p.id
"""
_PARTS = PART_COLUMNS + "WHERE p.thread_id = ? ORDER BY p.position"
_PARTS_OF = PART_COLUMNS + "WHERE p.thread_id = ? AND p.message_id = ?"
# CROSS JOIN keeps SQLite from going through all parts of the thread.
_MESSAGES_OF_RUN = """
SELECT id FROM message WHERE thread_id = ?1 AND run_id = ?2
UNION
SELECT p.message_id FROM tool_call c CROSS JOIN part p ON p.thread_id = ?1 AND p.id = c.part_id
WHERE c.thread_id = ?1 AND c.run_id = ?2
"""
_MESSAGE_OF_PART = "SELECT message_id FROM part WHERE thread_id = ? AND id = ?"

# A dictionary, since an Enum is slow to look values up and a long thread has thousands of each.
_RUN_STATES = {each.value: each for each in RunState}
_OUTCOMES = {each.value: each for each in Outcome}
_ROLES = {each.value: each for each in Role}
_KINDS = {each.value: each for each in PartKind}


def read_rows(connection: apsw.Connection, thread_id: ThreadId) -> Transcript | None:
    """The thread as far as it is folded, or None. Its journal is still to be applied."""
    transcript = read_head(connection, thread_id)
    if transcript is None:
        return None
    with _nothing_collected():
        for row in connection.execute(_RUNS, (thread_id,)):
            put_run(transcript, row)
        for row in connection.execute(_MESSAGES, (thread_id,)):
            put_message(transcript, row)
        for row in connection.execute(_PARTS, (thread_id,)):
            put_part(transcript, row)
    return transcript


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Thousands of objects that all stay: to look for garbage among them takes as long again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_touched(
    connection: apsw.Connection, thread_id: ThreadId, envelopes: Iterable[Envelope]
) -> Transcript:
    """The part of a folded thread that applying ``envelopes`` can look at or change.

    The reducer finds things by the ids in an event and by its run: the run itself, the messages
    it wrote and the messages that hold its tool calls. Nothing else is read, so the cost of
    writing an answer down does not grow with the thread. Raises ValueError for no such thread.
    """
    transcript = read_head(connection, thread_id)
    if transcript is None:
        raise ValueError(f"no thread {thread_id}")
    touched = _touched(connection, thread_id, envelopes)
    runs: list[Any] = []
    for run_id in touched.runs:
        runs += connection.execute(_RUN, (thread_id, run_id))
    for row in sorted(runs, key=_position):
        put_run(transcript, row)
    messages: list[Any] = []
    parts: list[Any] = []
    for message_id in touched.messages:
        messages += connection.execute(_MESSAGE, (thread_id, message_id))
        parts += connection.execute(_PARTS_OF, (thread_id, message_id))
    for row in sorted(messages, key=_position):
        put_message(transcript, row)
    for row in sorted(parts, key=_position):
        put_part(transcript, row)
    return transcript


@dataclass(slots=True, kw_only=True)
class _Touched:
    """Ids as they sit in columns."""

    runs: set[str]
    messages: set[str | bytes]


def _touched(
    connection: apsw.Connection, thread_id: ThreadId, envelopes: Iterable[Envelope]
) -> _Touched:
    touched = _Touched(runs=set(), messages=set())
    parts: set[str | bytes] = set()
    for envelope in envelopes:
        if envelope.run is not None:
            touched.runs.add(envelope.run)
        if (message_id := getattr(envelope.event, "message_id", None)) is not None:
            touched.messages.add(encode_text(message_id))
        if (part_id := getattr(envelope.event, "part_id", None)) is not None:
            parts.add(encode_text(part_id))
        if isinstance(envelope.event, MessageAdded):
            # The reducer names them so; another message may have a part of that id.
            names = (f"{message_id}:{index}" for index in range(len(envelope.event.parts)))
            parts.update(map(encode_text, names))
    for run_id in touched.runs:
        touched.messages.update(_first(connection, _MESSAGES_OF_RUN, (thread_id, run_id)))
    for part in parts:
        touched.messages.update(_first(connection, _MESSAGE_OF_PART, (thread_id, part)))
    return touched


def _first(connection: apsw.Connection, sql: str, bindings: tuple[str | bytes, ...]) -> list[Any]:
    return [row[0] for row in connection.execute(sql, bindings)]


def _position(row: Any) -> int:
    return int(row[-1])


def read_head(connection: apsw.Connection, thread_id: ThreadId) -> Transcript | None:
    """The thread without its messages and runs, as far as it is folded, or None."""
    row: Any = connection.execute(_THREAD, (thread_id,)).fetchone()
    if row is None:
        return None
    title, profile, model, created_at, updated_at, leaf_id, queue, seq = row
    transcript = Transcript(thread_id)
    transcript.title, transcript.profile = decode_text(title), decode_text(profile)
    transcript.model = decode_text(model)
    transcript.created_at, transcript.updated_at = created_at, updated_at
    transcript.leaf_id = None if leaf_id is None else decode_text(leaf_id)
    waiting = decode_json(list[QueuedMessage], queue) or []
    transcript.queue = {message.id: message for message in waiting}
    transcript.seq = seq
    return transcript


def put_run(transcript: Transcript, row: Any) -> None:
    """Add a run; ``row`` has the RUN_COLUMNS. Runs come in the order in which they began."""
    (run_id, parent_id, tail_id, profile, model, owner, state, status, rounds) = row[:9]
    (started_at, finished_at, started_mono, first_delta_mono, finished_mono) = row[9:14]
    (settle, outcome, reason, usage, error, continuation, notices, retry) = row[14:22]
    seen_from = row[22]
    transcript.runs[run_id] = Run(
        id=run_id,
        parent_id=decode_text(parent_id),
        tail_id=decode_text(tail_id),
        profile=decode_text(profile),
        model=decode_text(model),
        owner=owner,
        state=_RUN_STATES[state],
        status=decode_text(status),
        rounds=rounds,
        started_at=started_at,
        finished_at=finished_at,
        started_mono=started_mono,
        first_delta_mono=first_delta_mono,
        finished_mono=finished_mono,
        settle=bool(settle),
        outcome=None if outcome is None else _OUTCOMES[outcome],
        reason=decode_text(reason),
        usage=decode_json(Usage, usage),
        error=decode_json(Problem, error),
        continuation=decode_json(JsonObject, continuation),
        notices=decode_json(list[str], notices) or [],
        retry=decode_json(RetryScheduled, retry),
        seen_from=decode_text(seen_from),
    )


def put_message(transcript: Transcript, row: Any) -> None:
    """Add a message; ``row`` has the MESSAGE_COLUMNS. Messages come in order of arrival."""
    message_id, parent_id, role, author, run_id, at, complete = row[:7]
    message = Message(
        id=decode_text(message_id),
        parent_id=None if parent_id is None else decode_text(parent_id),
        role=_ROLES[role],
        author=decode_text(author),
        run_id=run_id,
        at=at,
        complete=None if complete is None else bool(complete),
    )
    transcript.messages[message.id] = message


def put_part(transcript: Transcript, row: Any) -> None:
    """Add a part to its message; ``row`` has the PART_COLUMNS.

    Parts come in the order in which they began, as the reducer met them.
    """
    part_id, message_id, index, kind, finished, text, annotations = row[:7]
    part = Part(
        id=decode_text(part_id),
        message_id=decode_text(message_id),
        index=index,
        kind=_KINDS[kind],
        text=GrowingText(decode_text(text)),
        annotations=decode_json(list[JsonObject], annotations) or [],
        finished=bool(finished),
    )
    if row[7] is not None:
        part.tool = _tool_call(part.id, row[7:23])
    parts = transcript.messages[part.message_id].parts
    comes_last = not parts or parts[-1].index <= index
    parts.append(part)
    if not comes_last:
        parts.sort(key=lambda each: each.index)  # stable: equal ones stay in the order they began
    transcript.add_part(part)


def _tool_call(part_id: str, row: Any) -> ToolCall:
    call_id, run_id, name, origin, server, state, status, arguments, printed, output = row[:10]
    is_error, decision, first_delta, arguments_done, started, finished = row[10:]
    return ToolCall(
        call_id=decode_text(call_id),
        run_id=run_id,
        part_id=part_id,
        name=decode_text(name),
        origin=ToolOrigin(origin),
        server=None if server is None else decode_text(server),
        state=ToolState(state),
        status=decode_text(status),
        arguments=GrowingText(decode_text(arguments)),
        printed=GrowingText(decode_text(printed)),
        output=GrowingText(decode_text(output)),
        is_error=bool(is_error),
        decision=decode_json(Decision, decision),
        first_delta_mono=first_delta,
        arguments_done_mono=arguments_done,
        started_mono=started,
        finished_mono=finished,
    )
