"""A run as the server has it: its ids, what finds it again later, following and stopping it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from tui.core.errors import ProviderError
from tui.core.events import ProviderEvent, TurnFinished
from tui.core.models import JsonObject, MessageId, Outcome
from tui.core.ports import RunRequest
from tui.providers import failures
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.assistants.follow import follow_run, stop_quietly
from tui.providers.assistants.launch import own_run
from tui.providers.assistants.outcome import ACTIVE
from tui.providers.fields import text


class RemoteRun:
    """The ids live in the decoder, which learns them from streams; here is what they lead to.

    ``patience`` is how many seconds the run may stay in one status while it is followed.
    """

    def __init__(
        self,
        api: AssistantsApi,
        decoder: AssistantsDecoder,
        request: RunRequest,
        *,
        patience: float,
    ) -> None:
        self._api = api
        self._decoder = decoder
        self._request = request
        self._patience = patience
        self._own = False  # whether the thread is this run's, and not just that of one before it
        self._continuation: JsonObject = dict(request.continuation or {})
        decoder.thread_id = text(self._continuation, "thread_id") or None

    def own(self) -> None:
        """From now on the continuation is this run's: its thread is known."""
        self._own = True

    def continuation(self, through: MessageId | None, assistant_id: str) -> JsonObject:
        """What a later session needs; a new object when that has changed."""
        if not self._own or self._decoder.thread_id is None:
            return self._continuation
        now: JsonObject = {
            "of": self._request.run_id,
            "thread_id": self._decoder.thread_id,
            "run_id": self._decoder.run_id,
            "through": self._decoder.held_id or through,
            "assistant_id": assistant_id,
        }
        if now != self._continuation:
            self._continuation = now
        return self._continuation

    async def find(self) -> JsonObject | None:
        """The run by its id or, if that never came, by our mark; None when it is not there."""
        thread_id = self._decoder.thread_id
        if thread_id is None:
            return None
        try:
            if run_id := self._run_id:
                return await self._api.retrieve_run(thread_id, run_id)
            return own_run(self._request.run_id, await self._api.newest_runs(thread_id))
        except ProviderError as error:
            if error.status != 404:
                raise
            return None

    async def resume(self) -> AsyncGenerator[ProviderEvent, None]:
        """Find it and follow it. Raises ProviderError, ``run_not_found`` when it is not there."""
        known = self._run_id != ""
        run = await self.find()
        if run is None:
            raise failures.run_not_found(ever_known=known)
        async with contextlib.aclosing(self.follow(run)) as events:
            async for event in events:
                yield event

    async def follow(self, run: JsonObject) -> AsyncGenerator[ProviderEvent, None]:
        """Wait for its end and yield all it did. Raises ProviderError as ``resume`` does."""
        thread_id = self._decoder.thread_id or ""
        self._decoder.run_id = text(run, "id")
        self._own = True
        events = follow_run(self._api, self._decoder, thread_id, run, patience=self._patience)
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    yield event
        except ProviderError as error:
            if error.status != 404:
                raise
            raise failures.run_not_found(ever_known=True) from None

    def is_left_running(self, end: TurnFinished) -> bool:
        """Whether the stream failed without the run: an ``error`` event, or a strange action."""
        return end.outcome is Outcome.FAILED and self._decoder.status in ACTIVE

    async def stop_failed(self, end: TurnFinished) -> AsyncGenerator[ProviderEvent, None]:
        """Leave no active run behind; one that completed after all is shown."""
        thread_id, run_id = self._decoder.thread_id or "", self._decoder.run_id or ""
        stopped = await stop_quietly(self._api, thread_id, run_id)
        if stopped is None or text(stopped, "status") not in ("completed", "incomplete"):
            yield end
            return
        async with contextlib.aclosing(self.follow(stopped)) as events:
            async for event in events:
                yield event

    @property
    def _run_id(self) -> str:
        """Its id, seen here or in its own continuation; that of an earlier run does not count."""
        known = text(self._continuation, "run_id")
        own = text(self._continuation, "of") == self._request.run_id
        return self._decoder.run_id or (known if own else "")
