"""Gets a run started: brings the remote thread up to date with our history, then asks for a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, MessageId
from tui.core.ports import Checkpoint, RunRequest
from tui.core.settings import Profile
from tui.providers.assistants import held
from tui.providers.assistants.api import AssistantsApi
from tui.providers.assistants.decode import AssistantsDecoder
from tui.providers.assistants.directory import AssistantDirectory
from tui.providers.assistants.follow import stop_quietly
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
Step: TypeAlias = Checkpoint | JsonObject | OpenedResponse
"""What ``Launch.start`` gives: checkpoints, then the run's stream or the run that was there."""

# Refusals that looking at the thread may mend, and codes that say it cannot.
_MENDABLE = (400, 404, 409)
_FINAL = frozenset({"assistant_not_found", "model_not_found", "context_length_exceeded"})
_LOST = "The server no longer has this conversation; it was sent again from the local copy."
_MOVED = "This conversation was sent to the server as a new thread."
_DIVERGED = (
    "The server's copy of this conversation is not the branch shown here; "
    "it was sent again as a new thread."
)
_NO_ASSISTANT = "The assistant that answered here is gone from the server; another one was taken."
_STOPPED = "An earlier run was still active on the server; it was stopped."


class Launch:
    """What a remote thread holds of our history, and how the rest and the run get there.

    ``through`` is the id of our last message that the thread holds, ``notices`` what the reader
    should be told about it, ``run_asked`` whether a run was asked for here. The remote ids live in
    the decoder, which learns them from streams.
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
        self.run_asked = False
        self._api = api
        self._directory = directory
        self._profile = profile
        self._request = request
        self._decoder = decoder

    async def look(self) -> JsonObject | None:
        """Find out what the remote thread holds, and stop what still runs there.

        Returns this very run if it was started already. Raises ProviderError.
        """
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

    async def start(self, open_stream: Open) -> AsyncGenerator[Step, None]:
        """Send what the server lacks and ask for the run; the last item is its stream.

        It is the run itself when that turns out to be there already. A Checkpoint comes as soon as
        the thread is known, before anything that must not be doubled is sent. Raises ProviderError;
        starting again is safe after a ``look``.
        """
        try:
            async for step in self._send(open_stream):
                yield step
        except ProviderError as error:
            thread_id = self._decoder.thread_id
            if thread_id is None or error.status not in _MENDABLE or error.code in _FINAL:
                raise
            missing = error.status == 404
        else:
            return
        # The thread or the assistant is gone, or a run is active there (it may be ours).
        if missing:
            self._directory.forget()
        if (run := await self.look()) is not None:
            yield run
            return
        if missing and self._decoder.thread_id is not None:
            self._tell(_NO_ASSISTANT)
        async for step in self._send(open_stream):
            yield step

    async def _send(self, open_stream: Open) -> AsyncGenerator[Step, None]:
        assistant = await self._directory.assistant(self._request.model)
        self.assistant_id = assistant.id
        tools = assistant.run_tools(self._request.tools if self._profile.tools else ())
        body = encode_run(self._request, self._profile, assistant_id=assistant.id, tools=tools)
        thread_id, pending = await self._thread()
        yield Checkpoint()
        for message in pending:
            # If one fails, asking again looks at the thread first and goes on from there.
            await self._api.create_message(thread_id, message)
        self.through = self._request.history[-1].id
        self.run_asked = True
        yield await open_stream(self._api.create_run(thread_id, body))

    async def _thread(self) -> tuple[str, list[JsonObject]]:
        """The thread to run in, made if need be, and the messages that it still lacks."""
        history, thread_id = self._request.history, self._decoder.thread_id
        pending = held.after(history, self.through)
        if thread_id is not None and pending is not None:
            return thread_id, encode_messages(pending)
        if thread_id is not None:
            self._leave_thread(_DIVERGED)
        if len(history) > 1 and not self.notices:
            self._tell(_MOVED)
        messages = encode_messages(history)
        first, rest = messages[:MAX_INITIAL_MESSAGES], messages[MAX_INITIAL_MESSAGES:]
        # Should this answer be lost, a thread is left behind that no run will ever answer.
        thread_id = await self._api.create_thread({"messages": first})
        self._decoder.thread_id = thread_id
        self.through = first[-1]["metadata"][MESSAGE_KEY] if rest else history[-1].id
        return thread_id, rest

    async def _stop_others(self, thread_id: str, runs: list[JsonObject]) -> None:
        for run in runs:
            if text(run, "status") not in ACTIVE:
                continue
            # One that will not stop makes the server refuse our request, in its own words.
            await stop_quietly(self._api, thread_id, text(run, "id"))
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
