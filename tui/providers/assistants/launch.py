"""Gets a run started: brings the remote thread up to date with our history, then asks for a run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, MessageId
from tui.core.ports import RunRequest
from tui.core.settings import Profile
from tui.providers.assistants import held
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.assistants.directory import AssistantDirectory
from tui.providers.assistants.follow import stop_run
from tui.providers.assistants.outcome import ACTIVE
from tui.providers.assistants.request import (
    MAX_INITIAL_MESSAGES,
    MESSAGE_KEY,
    RUN_KEY,
    encode_messages,
    encode_run,
)
from tui.providers.fields import obj, text
from tui.providers.transport import OpenedResponse

Open: TypeAlias = Callable[[Coroutine[Any, Any, OpenedResponse]], Awaitable[OpenedResponse]]

_STOP_SECONDS = 5.0
_LOST = "The server no longer has this conversation; it was sent again from the local copy."
_MOVED = "This conversation was sent to the server as a new thread."
_DIVERGED = (
    "The server's copy of this conversation is not the branch shown here; "
    "it was sent again as a new thread."
)
_STOPPED = "An earlier run was still active on the server; it was stopped."


class Launch:
    """What a remote thread holds of our history, and how the rest and the run get there.

    ``through`` is the id of our last message that the thread holds, ``notices`` what the reader
    should be told about it. The remote ids live in the decoder, which learns them from streams.
    """

    def __init__(
        self,
        api: AssistantsApi,
        directory: AssistantDirectory,
        profile: Profile,
        request: RunRequest,
        decoder: AssistantsDecoder,
    ) -> None:
        prior = request.continuation or {}
        self.through: MessageId | None = text(prior, "through") or None
        self.assistant_id = text(prior, "assistant_id")
        self.notices: list[str] = []
        self._api = api
        self._directory = directory
        self._profile = profile
        self._request = request
        self._decoder = decoder
        self._looked = False

    async def look(self) -> JsonObject | None:
        """Find out what the remote thread holds, and stop what still runs there.

        Returns this very run if it was started already. Raises ProviderError.
        """
        self._looked = True
        thread_id = self._decoder.thread_id
        if thread_id is None:
            return None
        try:
            runs = await self._api.newest_runs(thread_id)
            if (mine := own_run(self._request.run_id, runs)) is not None:
                return mine
            await self._stop_others(thread_id, runs)
            newest = await self._api.newest_message(thread_id)
        except ProviderError as error:
            if error.status != 404:
                raise
            self._leave_thread(_LOST)
            return None
        through = held.held_through(self._request.history, self.through, newest)
        if through is None:
            self._leave_thread(_DIVERGED)
        self.through = through
        return None

    async def start(self, open_stream: Open) -> OpenedResponse:
        """Send what the server lacks and open the run's stream. Raises ProviderError.

        Sends something a second time only if the server refused it or no longer knows the thread.
        """
        try:
            return await self._send(open_stream)
        except ProviderError as error:
            if error.status == 404 and error.code != "assistant_not_found":
                self._directory.forget()
                if self._decoder.thread_id is not None:
                    self._leave_thread(_LOST)
            elif error.status in (400, 409) and self._decoder.thread_id and not self._looked:
                # Most likely another run is active there.
                await self.look()
            else:
                raise
        return await self._send(open_stream)

    async def _send(self, open_stream: Open) -> OpenedResponse:
        history = self._request.history
        assistant = await self._directory.assistant(self._request.model)
        self.assistant_id = assistant.id
        tools = assistant.run_tools(self._request.tools if self._profile.tools else ())
        body = encode_run(self._request, self._profile, assistant_id=assistant.id, tools=tools)
        pending = held.after(history, self.through)
        if self._decoder.thread_id is not None and pending is None:
            self._leave_thread(_DIVERGED)
        if self._decoder.thread_id is None:
            return await self._send_all(body, open_stream)
        await self._post(self._decoder.thread_id, encode_messages(pending or ()))
        return await self._run(self._decoder.thread_id, body, open_stream)

    async def _send_all(self, body: JsonObject, open_stream: Open) -> OpenedResponse:
        """The whole history into a new thread, in as few requests as possible."""
        history = self._request.history
        if len(history) > 1 and not self.notices:
            self._tell(_MOVED)
        messages = encode_messages(history)
        first, rest = messages[:MAX_INITIAL_MESSAGES], messages[MAX_INITIAL_MESSAGES:]
        if not rest:
            body = {**body, "thread": {"messages": first}}
            opened = await open_stream(self._api.create_thread_and_run(body))
            self.through = history[-1].id
            return opened
        thread = await self._api.create_thread({"messages": first})
        thread_id = text(thread, "id")
        self._decoder.thread_id = thread_id
        self.through = first[-1]["metadata"][MESSAGE_KEY]
        await self._post(thread_id, rest)
        return await self._run(thread_id, body, open_stream)

    async def _post(self, thread_id: str, messages: list[JsonObject]) -> None:
        for message in messages:
            # If one fails, asking again looks at the thread first and goes on from there.
            await self._api.create_message(thread_id, message)

    async def _run(self, thread_id: str, body: JsonObject, open_stream: Open) -> OpenedResponse:
        self.through = self._request.history[-1].id
        return await open_stream(self._api.create_run(thread_id, body))

    async def _stop_others(self, thread_id: str, runs: list[JsonObject]) -> None:
        for run in runs:
            if text(run, "status") not in ACTIVE:
                continue
            # One that will not stop makes the server refuse our request, in its own words.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await stop_run(self._api, thread_id, text(run, "id"))
            self.notices.append(_STOPPED)

    def _leave_thread(self, notice: str) -> None:
        self._decoder.thread_id = None
        self.through = None
        self._tell(notice)

    def _tell(self, notice: str) -> None:
        """Say that a thread was built anew; the embedded server's are, by design, at each start."""
        if not self._profile.embedded:
            self.notices.append(notice)


def own_run(run_id: str, runs: list[JsonObject]) -> JsonObject | None:
    """The run among ``runs`` that carries our run's id in its metadata."""
    return next((run for run in runs if text(obj(run, "metadata"), RUN_KEY) == run_id), None)
