"""One run on an Assistants server over all its rounds: request, stream, outputs, stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

from tui.core.errors import ProviderError
from tui.core.events import NoticeAdded, TurnFinished
from tui.core.models import JsonObject, MessageId, Outcome
from tui.core.ports import (
    Checkpoint,
    NewMessages,
    ResponseOpened,
    RunRequest,
    Signal,
    ToolResults,
    TurnInput,
)
from tui.core.settings import Profile
from tui.providers import failures
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.assistants.directory import AssistantDirectory
from tui.providers.assistants.follow import stop_run
from tui.providers.assistants.launch import Launch
from tui.providers.assistants.outcome import TERMINAL, decode_end
from tui.providers.assistants.remote import RemoteRun
from tui.providers.assistants.request import encode_outputs
from tui.providers.fields import obj, objects, text
from tui.providers.stream import StreamReader
from tui.providers.transport import OpenedResponse

_CANCEL_SECONDS = 4.5


class AssistantsSession:
    """A ``RunSession``. ``tips`` says, per remote thread, which of our messages is its newest.

    It is shared by the sessions of a provider: while a thread's tip is known, nothing has to be
    asked before the next message is posted.
    """

    def __init__(
        self,
        *,
        api: AssistantsApi,
        directory: AssistantDirectory,
        tips: dict[str, MessageId],
        profile: Profile,
        request: RunRequest,
    ) -> None:
        self._api = api
        self._tips = tips
        self._decoder = AssistantsDecoder()
        self._reader = StreamReader(api.transport, self._decoder)
        self._launch = Launch(api, directory, profile, request, self._decoder)
        patience = profile.read_timeout
        self._remote = RemoteRun(api, self._decoder, request, patience=patience)
        self._asked = False
        self._submitted: frozenset[str] = frozenset()
        self._opening: asyncio.Task[OpenedResponse] | None = None
        self._abandoned = False
        self._seen = asyncio.Event()
        self._cancelling: asyncio.Task[Outcome] | None = None

    @property
    def continuation(self) -> JsonObject:
        return self._remote.continuation(self._launch.through, self._launch.assistant_id)

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        if isinstance(given, ToolResults):
            signals = self._submit(given)
        elif isinstance(given, NewMessages):
            signals = self._answer()
        else:
            signals = self._remote.resume()
        async with contextlib.aclosing(signals):
            async for signal in signals:
                if isinstance(signal, TurnFinished):
                    self._remember_tip(signal.outcome)
                yield signal

    async def cancel(self) -> Outcome:
        if self._cancelling is None or _failed(self._cancelling):
            self._cancelling = asyncio.create_task(self._cancel())
        return await asyncio.shield(self._cancelling)

    async def close(self) -> None:
        """Let go of what an abandoned turn left behind; the remote run goes on."""
        if self._cancelling is not None:
            await asyncio.wait([self._cancelling])
            _failed(self._cancelling)
        opening, self._opening = self._opening, None
        if opening is not None and self._abandoned:
            opening.cancel()
            await asyncio.wait([opening])
            if not _failed(opening):
                await opening.result().close()

    # --- a new message -------------------------------------------------------------------------

    async def _answer(self) -> AsyncGenerator[Signal, None]:
        self._asked = True
        try:
            run = None if self._tip_is_known() else await self._launch.look()
            opened: OpenedResponse | None = None
            if run is None:
                async for step in self._launch.start(self._open):
                    if isinstance(step, Checkpoint):
                        self._remote.own()
                        yield step
                    elif isinstance(step, OpenedResponse):
                        opened = step
                    else:
                        run = step
        except ProviderError as error:
            # Up to the run itself nothing is lost by asking again: that looks first.
            error.sent = error.sent and self._launch.run_asked
            raise
        rest = self._remote.follow(run or {}) if opened is None else self._read(opened)
        async with contextlib.aclosing(rest):
            async for signal in rest:
                yield signal

    def _tip_is_known(self) -> bool:
        """Whether there is nothing to look at; never so when asked again: a reply was lost."""
        thread_id = self._decoder.thread_id
        if thread_id is None:
            return True
        return self._tips.pop(thread_id, None) == self._launch.through

    # --- tool outputs --------------------------------------------------------------------------

    async def _submit(self, given: ToolResults) -> AsyncGenerator[Signal, None]:
        thread_id, run_id = self._decoder.thread_id, self._decoder.run_id
        if thread_id is None or run_id is None:
            raise failures.run_not_found(ever_known=False)
        call_ids = frozenset(result.call_id for result in given.results)
        run: JsonObject | None = None
        opened: OpenedResponse | None = None
        try:
            # Submitted again means that the reply was lost: the outputs may have arrived.
            if call_ids == self._submitted:
                run = await self._api.retrieve_run(thread_id, run_id)
            if run is None or _waits_for(run, call_ids):
                self._submitted = call_ids
                body = encode_outputs(given.results)
                opened = await self._open(self._api.submit_tool_outputs(thread_id, run_id, body))
        except ProviderError as error:
            if error.status == 404:
                raise failures.run_not_found(ever_known=True) from None
            if error.status not in (400, 409):
                raise
            # Refused because they had arrived before, or came too late: the run itself knows.
            run = await self._api.retrieve_run(thread_id, run_id)
            if _waits_for(run, call_ids):
                raise
        rest = self._remote.follow(run or {}) if opened is None else self._read(opened)
        async with contextlib.aclosing(rest):
            async for signal in rest:
                yield signal

    # --- shared --------------------------------------------------------------------------------

    async def _open(self, opening: Coroutine[Any, Any, OpenedResponse]) -> OpenedResponse:
        """Send a request that starts a stream.

        If the turn is abandoned before the answer came, the request goes on, so that ``cancel``
        can learn from it which run to stop.
        """
        self._opening = asyncio.create_task(opening)
        try:
            return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            self._abandoned = True
            raise
        except ProviderError:
            self._seen.set()
            self._opening = None
            raise

    async def _read(self, opened: OpenedResponse) -> AsyncGenerator[Signal, None]:
        try:
            async with contextlib.aclosing(self._reader.read(opened)) as signals:
                async for signal in signals:
                    if self._decoder.run_id is not None:
                        self._seen.set()
                    if isinstance(signal, TurnFinished) and self._remote.is_left_running(signal):
                        async for each in self._remote.stop_failed(signal):
                            yield each
                        continue
                    yield signal
                    if isinstance(signal, ResponseOpened):
                        for notice in self._launch.notices:
                            yield NoticeAdded(text=notice)
                        self._launch.notices.clear()
        finally:
            self._seen.set()
            self._opening = None

    def _remember_tip(self, outcome: Outcome) -> None:
        thread_id, through = self._decoder.thread_id, self._decoder.held_id
        if outcome is Outcome.COMPLETED and thread_id is not None and through is not None:
            self._tips[thread_id] = through

    async def _cancel(self) -> Outcome:
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                return await self._stop()
        except TimeoutError:
            raise ProviderError(
                "The server did not confirm that the run has stopped.",
                hint="It may still be running there; the next message looks first.",
                code="cancel_unconfirmed",
                sent=True,
            ) from None

    async def _stop(self) -> Outcome:
        if self._decoder.status in TERMINAL:
            return _outcome(self._decoder.status)
        if self._decoder.run_id is None:
            await self._learn_run_id()
        thread_id, run_id = self._decoder.thread_id, self._decoder.run_id
        if thread_id is None or run_id is None:
            return Outcome.CANCELLED
        return _outcome(text(await stop_run(self._api, thread_id, run_id), "status"))

    async def _learn_run_id(self) -> None:
        """The id of a run that was asked for, but whose first event has not been seen."""
        opening = self._opening
        if opening is not None and self._abandoned:
            self._opening = None
            with contextlib.suppress(ProviderError):
                await self._read_run_id(await opening)
        elif opening is not None:
            # The turn that holds the stream will come across it, or leave.
            await self._seen.wait()
        if self._decoder.run_id is None and self._asked and self._decoder.thread_id is not None:
            run = await self._remote.find()
            self._decoder.run_id = text(run, "id") if run else None

    async def _read_run_id(self, opened: OpenedResponse) -> None:
        async with contextlib.aclosing(self._reader.read(opened)) as signals:
            async for _ in signals:
                if self._decoder.run_id is not None:
                    return


def _outcome(status: str) -> Outcome:
    end = decode_end(status, {})
    return Outcome.CANCELLED if end is None else end.outcome


def _waits_for(run: JsonObject, call_ids: frozenset[str]) -> bool:
    calls = objects(obj(run, "required_action", "submit_tool_outputs"), "tool_calls")
    waiting = {text(call, "id") for call in calls}
    return text(run, "status") == "requires_action" and waiting == call_ids


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
