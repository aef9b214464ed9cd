"""Which rows the conversation shows, in order: messages of the path, and lines about runs."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.models import MessageId, RunId
from tui.core.thread import Run
from tui.core.transcript import Transcript


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message; ``headed`` when its author has to be named again."""

    message_id: MessageId
    headed: bool


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is said about a run: what it waits for, and how it ended.

    ``headed`` when the run left no message that could name its author.
    """

    run_id: RunId
    headed: bool = False


Row = MessageRow | RunRow


def same(one: Row, other: Row) -> bool:
    """Whether both are about the same message or run."""
    if isinstance(one, MessageRow) and isinstance(other, MessageRow):
        return one.message_id == other.message_id
    return isinstance(one, RunRow) and isinstance(other, RunRow) and one.run_id == other.run_id


def rows(transcript: Transcript) -> list[Row]:
    """The rows of the selected path. A run's line follows its last message.

    Of several runs that left no message below the same one, only the newest is told, and only
    while no other run has answered that message.
    """
    path = transcript.path()
    after = _runs_below(transcript, {message.run_id for message in path})
    found: list[Row] = []
    before: tuple[str, str | None] | None = None
    for message in path:
        author = (message.role, message.run_id)
        found.append(MessageRow(message.id, headed=author != before))
        before = author
        if (run := after.get(message.id)) is not None:
            is_silent = run.tail_id == run.parent_id
            found.append(RunRow(run.id, headed=is_silent))
            before = None if is_silent else author
    return found


def _runs_below(transcript: Transcript, shown: set[RunId | None]) -> dict[MessageId, Run]:
    """The run that is told below each message."""
    runs = transcript.runs.values()
    answered = {run.parent_id for run in runs if run.id in shown}
    below: dict[MessageId, Run] = {}
    for run in runs:
        if run.tail_id != run.parent_id or run.parent_id not in answered:
            below[run.tail_id] = run
    return below
