"""Which rows the conversation shows, in order: messages of the path, and lines about runs."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.models import MessageId, RunId
from tui.core.transcript import Transcript


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message; ``headed`` when its author has to be named again."""

    message_id: MessageId
    headed: bool


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is said about a run: what it waits for, and how it ended."""

    run_id: RunId


Row = MessageRow | RunRow


def rows(transcript: Transcript) -> list[Row]:
    """The rows of the selected path. A run's line follows its last message.

    Of several runs that left no message below the same one, only the newest is told, and only at
    the end of the path: the others led nowhere that is shown.
    """
    tails = {run.tail_id: run for run in transcript.runs.values()}
    found: list[Row] = []
    before: tuple[str, str | None] | None = None
    for message in transcript.path():
        author = (message.role, message.run_id)
        found.append(MessageRow(message.id, headed=author != before))
        before = author
        run = tails.get(message.id)
        ends_here = run is not None and (
            run.tail_id != run.parent_id or message.id == transcript.leaf_id
        )
        if run is not None and ends_here:
            found.append(RunRow(run.id))
    return found
