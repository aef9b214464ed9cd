"""Which rows the conversation shows, in order: messages, lines about runs, and rules between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tui.core.models import MessageId, RunId
from tui.core.thread import Run
from tui.core.transcript import Transcript
from tui.ui import wording

UNSEEN_ABOVE = "The model no longer sees what is above"


# Tuples, since a long thread has thousands of rows, which are made and looked up all at once.


class MessageRow(NamedTuple):
    """A message; ``headed`` when its author has to be named again.

    ``branch``: which of how many answers to the same message it begins, if there are several.
    """

    message_id: MessageId
    headed: bool
    branch: tuple[int, int] | None = None


class RunRow(NamedTuple):
    """What is said about a run: what it waits for, and how it ended.

    ``headed`` when the run left no message that could name its author.
    """

    run_id: RunId
    headed: bool = False


class RuleRow(NamedTuple):
    """A line across the conversation, before a message or a run; ``text`` is safe."""

    before: MessageId | RunId
    text: str


Row = MessageRow | RunRow | RuleRow


def same(one: Row, other: Row) -> bool:
    """Whether both are about the same message or run."""
    if isinstance(one, MessageRow) and isinstance(other, MessageRow):
        return one.message_id == other.message_id
    if isinstance(one, RunRow) and isinstance(other, RunRow):
        return one.run_id == other.run_id
    return one == other


def rows(transcript: Transcript) -> list[Row]:
    """The rows of the selected path. A run's line follows its last message.

    Of several runs that left no message below the same one, only the newest is told, and only
    while no other run has answered that message.
    """
    return list(_Rows(transcript).rows())


def latest_answers(transcript: Transcript) -> tuple[list[MessageId], int]:
    """The answers among which the reader can choose, and which of them is shown.

    They are those of the last message on the path that has several; the place is their number when
    a run that left no message came after them.
    """
    answers = _answers(transcript)
    path = transcript.path()
    shown = {message.id for message in path}
    for message in reversed(path):
        found = answers.get(message.id, [])
        places = [place for place, each in enumerate(found) if each in shown]
        if len(found) > 1 or (found and not places):
            return found, places[0] if places else len(found)
    return [], 0


def _answers(transcript: Transcript) -> dict[MessageId, list[MessageId]]:
    """The first message of each answer, in order of arrival, by the message that is answered."""
    answers: dict[MessageId, list[MessageId]] = {}
    for message in transcript.messages.values():
        if message.parent_id is not None and message.run_id is not None:
            answers.setdefault(message.parent_id, []).append(message.id)
    return answers


class _Rows:
    """One walk down the selected path."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._path = transcript.path()
        self._after = _runs_below(transcript, {message.run_id for message in self._path})
        latest = transcript.latest_run()
        self._seen_from = "" if latest is None else latest.seen_from
        self._run: Run | None = None

    def rows(self) -> Iterator[Row]:
        author: tuple[str, str | None] | None = None
        branches, runs = self._branches(), self._transcript.runs
        for message in self._path:
            if message.id == self._seen_from and message is not self._path[0]:
                yield RuleRow(message.id, UNSEEN_ABOVE)
            if rule := self._changed_model(runs.get(message.run_id or ""), message.id):
                yield rule
            before, author = author, (message.role, message.run_id)
            yield MessageRow(message.id, headed=author != before, branch=branches.get(message.id))
            if (run := self._after.get(message.id)) is not None:
                is_silent = run.tail_id == run.parent_id
                if rule := self._changed_model(run, run.id):
                    yield rule
                yield RunRow(run.id, headed=is_silent)
                author = None if is_silent else author

    def _changed_model(self, run: Run | None, before: str) -> RuleRow | None:
        last = self._run
        if run is None or run is last:
            return None
        self._run = run
        if last is None or (last.model == run.model and last.profile == run.profile):
            return None
        return RuleRow(before, f"{wording.model_name(run.profile, run.model)} answers below")

    def _branches(self) -> dict[MessageId, tuple[int, int]]:
        """Which of several answers those on the path are, counted from 1."""
        return {
            each: (place, len(found))
            for found in _answers(self._transcript).values()
            for place, each in enumerate(found, 1)
            if len(found) > 1
        }


def _runs_below(transcript: Transcript, shown: set[RunId | None]) -> dict[MessageId, Run]:
    """The run that is told below each message."""
    runs = transcript.runs.values()
    answered = {run.parent_id for run in runs if run.id in shown}
    below: dict[MessageId, Run] = {}
    for run in runs:
        if run.tail_id != run.parent_id or run.parent_id not in answered:
            below[run.tail_id] = run
    return below
