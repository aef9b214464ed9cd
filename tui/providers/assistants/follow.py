"""A run without its stream: wait for it, stop it, and fetch what it did meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

from tui.core.errors import ProviderError
from tui.core.events import ProviderEvent, RunStatusChanged, TurnFinished
from tui.core.models import JsonObject, Outcome, Problem
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.assistants.outcome import TERMINAL
from tui.providers.fields import obj, text

_POLL = 0.3
_STOP_POLL = 0.15
_SETTLED = TERMINAL | {"requires_action"}


async def follow_run(
    api: AssistantsApi,
    decoder: AssistantsDecoder,
    thread_id: str,
    run: JsonObject,
    *,
    patience: float,
) -> AsyncGenerator[ProviderEvent, None]:
    """Wait until the run settles, then yield all it did, TurnFinished last.

    ``patience`` is how many seconds it may stay in one status. Events for what is known already
    are harmless: the transcript ignores them. Raises ProviderError when the server cannot be asked.
    """
    run_id = text(run, "id")
    decoder.finish()
    since = time.monotonic()
    while (status := text(run, "status")) not in _SETTLED:
        if status != decoder.status:
            decoder.status = status
            since = time.monotonic()
            yield RunStatusChanged(status=status, raw=status)
        if time.monotonic() - since > patience:
            yield _stuck(status, patience)
            return
        await asyncio.sleep(min(_POLL, patience))
        run = await api.retrieve_run(thread_id, run_id)
    async for event in _fetch(api, decoder, thread_id, run):
        yield event
    for event in decoder.decode_object(f"thread.run.{status}", run):
        yield event
    yield decoder.finish()


async def stop_run(api: AssistantsApi, thread_id: str, run_id: str) -> str:
    """Cancel a run and return its terminal status: another one if it had finished first.

    Asks until the run is over, so give it a time limit. Raises ProviderError.
    """
    try:
        run = await api.cancel_run(thread_id, run_id)
    except ProviderError as error:
        if error.status == 404:
            return "cancelled"
        if error.status not in (400, 409):
            raise
        # It may be over already, or just ending; only the run itself can tell.
        run = await api.retrieve_run(thread_id, run_id)
    while (status := text(run, "status")) not in TERMINAL:
        await asyncio.sleep(_STOP_POLL)
        run = await api.retrieve_run(thread_id, run_id)
    return status


async def _fetch(
    api: AssistantsApi, decoder: AssistantsDecoder, thread_id: str, run: JsonObject
) -> AsyncGenerator[ProviderEvent, None]:
    run_id = text(run, "id")
    over = text(run, "status") in TERMINAL
    messages = {text(m, "id"): m async for m in api.messages_of_run(thread_id, run_id)}
    async for step in _steps(api, thread_id, run_id):
        message_id = text(obj(step, "step_details", "message_creation"), "message_id")
        message = messages.pop(message_id, None)
        found = _message(decoder, message, over) if message else _step(decoder, step, over)
        for event in found:
            yield event
    for message in messages.values():
        for event in _message(decoder, message, over):
            yield event


async def _steps(api: AssistantsApi, thread_id: str, run_id: str) -> AsyncIterator[JsonObject]:
    try:
        async for step in api.steps(thread_id, run_id):
            yield step
    except ProviderError as error:
        # Not every server keeps steps; the messages are what matters.
        if error.status != 404:
            raise


def _message(decoder: AssistantsDecoder, message: JsonObject, over: bool) -> list[ProviderEvent]:
    events = decoder.decode_object("thread.message.created", message)
    status = text(message, "status") or "completed"
    if status == "completed" or over:
        ending = "completed" if status == "completed" else "incomplete"
        events += decoder.decode_object(f"thread.message.{ending}", message)
    return events


def _step(decoder: AssistantsDecoder, step: JsonObject, over: bool) -> list[ProviderEvent]:
    events = decoder.decode_object("thread.run.step.created", step)
    status = text(step, "status")
    if status in TERMINAL or over:
        ending = status if status in TERMINAL else "cancelled"
        events += decoder.decode_object(f"thread.run.step.{ending}", step)
    return events


def _stuck(status: str, seconds: float) -> TurnFinished:
    problem = Problem(
        code="read_timeout",
        message=f"The run has been {status} on the server for {seconds:g} s without a change.",
        hint="Retry, or raise the profile's read_timeout if the model is slow.",
    )
    return TurnFinished(outcome=Outcome.DISCONNECTED, error=problem)
