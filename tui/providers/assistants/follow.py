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
_STOP_SECONDS = 5.0
_LONGEST_GAP = 10.0
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

    ``patience`` is how many seconds it may stay in one status; then it is stopped. Events for
    what is known already are harmless: the transcript ignores them. Raises ProviderError when the
    server cannot be asked.
    """
    run_id = text(run, "id")
    decoder.finish()
    waiting = _Patience(patience)
    stuck: Problem | None = None
    while (status := text(run, "status")) not in _SETTLED:
        if status != decoder.status:
            decoder.status = status
            waiting = _Patience(patience)
            yield RunStatusChanged(status=status, raw=status)
        if waiting.over():
            stuck = _stuck(status, patience)
            stopped = await stop_quietly(api, thread_id, run_id)
            if stopped is None:
                yield TurnFinished(outcome=Outcome.DISCONNECTED, error=stuck)
                return
            run = stopped
            continue
        await asyncio.sleep(min(_POLL, patience))
        run = await api.retrieve_run(thread_id, run_id)
    async for event in _fetch(api, decoder, thread_id, run):
        yield event
    for event in decoder.decode_object(f"thread.run.{status}", run):
        yield event
    end = decoder.finish()
    ours = stuck is not None and end.outcome is Outcome.CANCELLED
    yield TurnFinished(outcome=Outcome.DISCONNECTED, error=stuck) if ours else end


class _Patience:
    """Whether enough time has passed between looks, on a clock that may jump or stand still.

    A machine that slept, or was stopped, has not been waiting: a long gap counts as a short one.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._before = time.monotonic()

    def over(self) -> bool:
        """Count the time since the last look."""
        now = time.monotonic()
        self._left -= min(now - self._before, _LONGEST_GAP)
        self._before = now
        return self._left < 0


async def stop_run(api: AssistantsApi, thread_id: str, run_id: str) -> JsonObject:
    """Cancel a run and return it as it ended: it may have finished first.

    Asks until the run is over, so give it a time limit. Raises ProviderError.
    """
    try:
        run = await api.cancel_run(thread_id, run_id)
    except ProviderError as error:
        if error.status == 404:
            return {"id": run_id, "thread_id": thread_id, "status": "cancelled"}
        if error.status not in (400, 409):
            raise
        # It may be over already, or just ending; only the run itself can tell.
        run = await api.retrieve_run(thread_id, run_id)
    while text(run, "status") not in TERMINAL:
        await asyncio.sleep(_STOP_POLL)
        run = await api.retrieve_run(thread_id, run_id)
    return run


async def stop_quietly(api: AssistantsApi, thread_id: str, run_id: str) -> JsonObject | None:
    """The same within 5 s; None when the server did not confirm that the run is over."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            return await stop_run(api, thread_id, run_id)
    except (ProviderError, TimeoutError):
        return None


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


def _stuck(status: str, seconds: float) -> Problem:
    return Problem(
        code="read_timeout",
        message=f"The run was {status} on the server for {seconds:g} s without a change, "
        "so it was given up.",
        hint="Retry, or raise the profile's read_timeout if the model is slow.",
    )
