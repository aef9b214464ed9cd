"""Writes a transcript, or the touched part of one, into a thread's rows."""

from __future__ import annotations

import apsw

from tui.core.thread import Message, Part, Run, ToolCall
from tui.core.transcript import Transcript
from tui.store.values import encode_json, encode_text

_THREAD = """
UPDATE thread SET title = ?, profile = ?, model = ?, created_at = ?,
  updated_at = max(updated_at, ?), leaf_id = ?, queue_json = ?, folded_seq = last_seq
WHERE id = ?
"""
_RUN = """
UPDATE run SET tail_id = ?, owner = ?, settle = ?, state = ?, status = ?, rounds = ?,
  finished_at = ?, started_mono = ?, first_delta_mono = ?, finished_mono = ?, outcome = ?,
  reason = ?, usage_json = ?,
  error_json = ?, continuation_json = ?, notices_json = ?, retry_json = ?,
  seen_from = ?
WHERE thread_id = ? AND id = ?
"""
# A row that exists keeps its position: things are written again in the order they began.
_MESSAGE = """
INSERT INTO message (thread_id, id, position, parent_id, role, author, run_id, at, complete)
VALUES (?1, ?2, (SELECT coalesce(max(position), 0) + 1 FROM message WHERE thread_id = ?1),
  ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (thread_id, id) DO UPDATE SET complete = excluded.complete
"""
_PART = """
INSERT INTO part (thread_id, id, message_id, position, idx, kind, finished, text, annotations_json)
VALUES (?1, ?2, ?3, (SELECT coalesce(max(position), 0) + 1 FROM part WHERE thread_id = ?1),
  ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (thread_id, id) DO UPDATE SET
  finished = excluded.finished, text = excluded.text, annotations_json = excluded.annotations_json
"""
_TOOL_CALL = """
INSERT INTO tool_call (thread_id, part_id, run_id, call_id, name, origin, server, state, status,
  arguments, printed, output, is_error, decision_json, first_delta_mono, arguments_done_mono,
  started_mono, finished_mono)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (thread_id, part_id) DO UPDATE SET
  state = excluded.state, status = excluded.status, arguments = excluded.arguments,
  printed = excluded.printed, output = excluded.output, is_error = excluded.is_error,
  decision_json = excluded.decision_json,
  first_delta_mono = excluded.first_delta_mono,
  arguments_done_mono = excluded.arguments_done_mono,
  started_mono = excluded.started_mono, finished_mono = excluded.finished_mono
"""


def write_rows(connection: apsw.Connection, transcript: Transcript) -> None:
    """Make the rows show what the transcript holds; rows of what it does not hold stay.

    Afterwards the thread counts as folded up to the last envelope written. Raises ValueError when
    two messages have a part of the same id, which rows cannot hold.
    """
    thread_id = transcript.thread_id
    _check_parts(transcript)
    for run in transcript.runs.values():
        _write_run(connection, thread_id, run)
    for message in transcript.messages.values():
        _write_message(connection, thread_id, message)
    for part in transcript.parts.values():
        _write_part(connection, thread_id, part)
        if part.tool is not None:
            _write_tool_call(connection, thread_id, part.tool)
    connection.execute(
        _THREAD,
        (
            encode_text(transcript.title),
            encode_text(transcript.profile),
            encode_text(transcript.model),
            transcript.created_at,
            transcript.updated_at,
            _optional(transcript.leaf_id),
            encode_json(list(transcript.queue.values())),
            thread_id,
        ),
    )


def _check_parts(transcript: Transcript) -> None:
    for message in transcript.messages.values():
        for part in message.parts:
            if transcript.parts[part.id] is not part:
                raise ValueError(f"two parts are called {part.id!r}")


def _write_run(connection: apsw.Connection, thread_id: str, run: Run) -> None:
    connection.execute(
        _RUN,
        (
            encode_text(run.tail_id),
            run.owner,
            run.settle,
            run.state.value,
            encode_text(run.status),
            run.rounds,
            run.finished_at,
            run.started_mono,
            run.first_delta_mono,
            run.finished_mono,
            None if run.outcome is None else run.outcome.value,
            encode_text(run.reason),
            encode_json(run.usage),
            encode_json(run.error),
            encode_json(run.continuation),
            encode_json(run.notices),
            encode_json(run.retry),
            encode_text(run.seen_from),
            thread_id,
            run.id,
        ),
    )


def _write_message(connection: apsw.Connection, thread_id: str, message: Message) -> None:
    connection.execute(
        _MESSAGE,
        (
            thread_id,
            encode_text(message.id),
            _optional(message.parent_id),
            message.role.value,
            encode_text(message.author),
            message.run_id,
            message.at,
            message.complete,
        ),
    )


def _write_part(connection: apsw.Connection, thread_id: str, part: Part) -> None:
    connection.execute(
        _PART,
        (
            thread_id,
            encode_text(part.id),
            encode_text(part.message_id),
            part.index,
            part.kind.value,
            part.finished,
            encode_text(part.text),
            encode_json(part.annotations),
        ),
    )


def _write_tool_call(connection: apsw.Connection, thread_id: str, call: ToolCall) -> None:
    connection.execute(
        _TOOL_CALL,
        (
            thread_id,
            encode_text(call.part_id),
            call.run_id,
            encode_text(call.call_id),
            encode_text(call.name),
            call.origin.value,
            _optional(call.server),
            call.state.value,
            encode_text(call.status),
            encode_text(call.arguments),
            encode_text(call.printed),
            encode_text(call.output),
            call.is_error,
            encode_json(call.decision),
            call.first_delta_mono,
            call.arguments_done_mono,
            call.started_mono,
            call.finished_mono,
        ),
    )


def _optional(text: str | None) -> str | bytes | None:
    return None if text is None else encode_text(text)
