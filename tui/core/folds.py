"""The reducer's steps: what each event changes in a transcript, one function an event.

They never fail on a log that is odd (a delta for a part that is not there, an event twice): such
an event changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.core import events as e
from tui.core.models import PartFinal, Role
from tui.core.run_folds import RUN_FOLDS, Fold, finish_tool_part, run_of
from tui.core.text import GrowingText
from tui.core.thread import Message, Part, QueuedMessage, ToolCall

if TYPE_CHECKING:
    from tui.core.transcript import Transcript


def _thread_created(t: Transcript, env: e.Envelope, event: e.ThreadCreated) -> None:
    t.title, t.profile, t.model = event.title, event.profile, event.model
    t.created_at = env.at


def _thread_changed(t: Transcript, env: e.Envelope, event: e.ThreadChanged) -> None:
    t.title = t.title if event.title is None else event.title
    t.profile = t.profile if event.profile is None else event.profile
    t.model = t.model if event.model is None else event.model


def _message_added(t: Transcript, env: e.Envelope, event: e.MessageAdded) -> None:
    if event.message_id in t.messages:
        return
    message = Message(
        id=event.message_id,
        parent_id=event.parent_id,
        role=event.role,
        author=event.author,
        run_id=env.run,
        at=env.at,
    )
    for index, given in enumerate(event.parts):
        part = Part(
            id=f"{event.message_id}:{index}",
            message_id=event.message_id,
            index=index,
            kind=given.kind,
            text=GrowingText(given.text),
            finished=True,
        )
        message.parts.append(part)
    t.add_message(message)
    t.leaf_id = event.message_id
    t.queue.pop(event.message_id, None)


def _message_queued(t: Transcript, env: e.Envelope, event: e.MessageQueued) -> None:
    if event.message_id in t.messages or event.message_id in t.queue:
        return
    t.queue[event.message_id] = QueuedMessage(
        id=event.message_id,
        run_id=event.run_id,
        author=event.author,
        parts=event.parts,
        profile=event.profile,
        model=event.model,
        at=env.at,
    )


def _message_unqueued(t: Transcript, env: e.Envelope, event: e.MessageUnqueued) -> None:
    t.queue.pop(event.message_id, None)


def _leaf_selected(t: Transcript, env: e.Envelope, event: e.LeafSelected) -> None:
    if event.message_id in t.messages:
        t.leaf_id = event.message_id


def _message_started(t: Transcript, env: e.Envelope, event: e.MessageStarted) -> None:
    run = run_of(t, env)
    if run is None or event.message_id in t.messages:
        return
    t.add_message(
        Message(
            id=event.message_id,
            parent_id=run.tail_id,
            role=Role.ASSISTANT,
            run_id=run.id,
            at=env.at,
            complete=None,
        )
    )
    if t.leaf_id == run.tail_id:
        t.leaf_id = event.message_id
    run.tail_id = event.message_id


def _message_finished(t: Transcript, env: e.Envelope, event: e.MessageFinished) -> None:
    message = t.messages.get(event.message_id)
    if message is not None:
        message.complete = event.complete


def _part_started(t: Transcript, env: e.Envelope, event: e.PartStarted) -> None:
    message = t.messages.get(event.message_id)
    if message is None or event.part_id in t.parts:
        return
    part = Part(id=event.part_id, message_id=event.message_id, index=event.index, kind=event.kind)
    if event.tool is not None and env.run is not None:
        part.tool = ToolCall(
            call_id=event.tool.call_id,
            run_id=env.run,
            part_id=event.part_id,
            name=event.tool.name,
            origin=event.tool.origin,
            server=event.tool.server,
        )
    # Parts can start out of order; a reader sees them by index.
    place = len(message.parts)
    while place > 0 and message.parts[place - 1].index > event.index:
        place -= 1
    message.parts.insert(place, part)
    t.add_part(part)


def _first_delta(t: Transcript, env: e.Envelope) -> None:
    run = run_of(t, env)
    if run is not None and run.first_delta_mono is None:
        run.first_delta_mono = env.mono


def _text_delta(t: Transcript, env: e.Envelope, event: e.TextDelta) -> None:
    part = t.parts.get(event.part_id)
    if part is None or part.finished:
        return
    part.text.append(event.text)
    _first_delta(t, env)


def _arguments_delta(t: Transcript, env: e.Envelope, event: e.ArgumentsDelta) -> None:
    part = t.parts.get(event.part_id)
    if part is None or part.tool is None or part.finished:
        return
    part.tool.arguments.append(event.fragment)
    if part.tool.first_delta_mono is None:
        part.tool.first_delta_mono = env.mono
    _first_delta(t, env)


def _tool_status(t: Transcript, env: e.Envelope, event: e.ToolStatusChanged) -> None:
    part = t.parts.get(event.part_id)
    if part is not None and part.tool is not None:
        part.tool.status = event.status


def _annotation(t: Transcript, env: e.Envelope, event: e.AnnotationAdded) -> None:
    part = t.parts.get(event.part_id)
    # A run that is asked about again tells its annotations again.
    if part is not None and event.annotation not in part.annotations:
        part.annotations.append(event.annotation)


def _part_finished(t: Transcript, env: e.Envelope, event: e.PartFinished) -> None:
    part = t.parts.get(event.part_id)
    if part is None:
        return
    final = event.final or PartFinal()
    if final.text is not None and final.text != str(part.text):
        part.text.replace(final.text)
    part.finished = True
    if part.tool is not None:
        finish_tool_part(part.tool, env, final)


def _nothing(t: Transcript, env: e.Envelope, event: e.Event) -> None:
    """For facts that matter to the inspector only."""


FOLDS: dict[type[Any], Fold] = {
    **RUN_FOLDS,
    e.ThreadCreated: _thread_created,
    e.ThreadChanged: _thread_changed,
    e.MessageAdded: _message_added,
    e.MessageQueued: _message_queued,
    e.MessageUnqueued: _message_unqueued,
    e.LeafSelected: _leaf_selected,
    e.MessageStarted: _message_started,
    e.MessageFinished: _message_finished,
    e.PartStarted: _part_started,
    e.TextDelta: _text_delta,
    e.ArgumentsDelta: _arguments_delta,
    e.ToolStatusChanged: _tool_status,
    e.AnnotationAdded: _annotation,
    e.PartFinished: _part_finished,
    e.UnknownEvent: _nothing,
    e.OutputsSubmitted: _nothing,
}
