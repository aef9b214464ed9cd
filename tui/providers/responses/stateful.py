"""One run against a server that keeps responses: a request holds only what is new to it.

Each response continues another. A run's responses are a chain, and a run that completed leaves the
end of its chain to the next one, if the conversation still goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import asdict, fields, replace

from tui.core.errors import ProviderError
from tui.core.events import NoticeAdded, TurnFinished
from tui.core.models import HistoryMessage, JsonObject, Outcome, Problem, Usage
from tui.core.ports import NewMessages, ResponseOpened, RunRequest, Signal, ToolResults, TurnInput
from tui.core.settings import Profile
from tui.providers import failures
from tui.providers.fields import count, obj, text
from tui.providers.options import has_begun
from tui.providers.responses.api import ResponsesApi
from tui.providers.responses.decode import TERMINAL, ResponsesDecoder
from tui.providers.responses.exchange import first_round
from tui.providers.responses.request import (
    encode_history,
    encode_request,
    encode_results,
    encode_wishes,
)
from tui.providers.stream import StreamReader, hang_up
from tui.providers.transport import OpenedResponse

_POLL = 1.0
_CANCEL_SECONDS = 4.5
# Ends of a turn that say nothing of how the run ends.
_OPEN = (None, Outcome.REQUIRES_ACTION, Outcome.DISCONNECTED, Outcome.TRUNCATED)
_REBUILT = "The server no longer had this conversation; it was sent anew from the local copy."
_STILL_GOING = Problem(
    code="read_timeout",
    message="The server still works on the response.",
    hint="What arrived is kept. Resume the run later, or raise the profile's read_timeout.",
)


class StatefulSession:
    """A ``RunSession``.

    Its continuation is ``{run, round, response_id, spent, tip: {response_id, through}}``: the
    newest response of the run with what those before it used, and the newest one that waits for
    nothing, with the last message it knows.
    """

    def __init__(self, api: ResponsesApi, profile: Profile, request: RunRequest) -> None:
        self._api = api
        self._profile = profile
        self._request = request
        before = request.continuation or {}
        mine = text(before, "run") == request.run_id
        round_ = count(before, "round") if mine else first_round(request)
        spent = _decode_spent(obj(before, "spent")) if mine else None
        self._decoder = ResponsesDecoder(
            request.run_id, round_ or 1, spent=spent, history=request.history
        )
        self._decoder.response_id = text(before, "response_id") if mine else ""
        self._reader = StreamReader(api.transport, self._decoder)
        self._begun = has_begun(request)
        self._tip = obj(before, "tip")
        self._continuation: JsonObject = {}
        self._opened: OpenedResponse | None = None
        self._ended: Outcome | None = None

    @property
    def continuation(self) -> JsonObject:
        decoder = self._decoder
        now = {
            "run": self._request.run_id,
            "round": decoder.round,
            "response_id": decoder.response_id,
            "spent": asdict(decoder.spent),
            "tip": self._tip,
        }
        if decoder.response_id and now != self._continuation:
            self._continuation = now
        return self._continuation

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        self._ended = None
        if isinstance(given, NewMessages):
            signals = self._answer()
        elif isinstance(given, ToolResults):
            signals = self._submit(given)
        else:
            signals = self._resume()
        async with contextlib.aclosing(signals):
            async for signal in signals:
                if isinstance(signal, TurnFinished):
                    self._ended = signal.outcome
                    if signal.outcome is Outcome.COMPLETED:
                        self._settle()
                yield signal

    async def cancel(self) -> Outcome:
        if self._ended in _OPEN:
            self._ended = await self._stop()
        return self._ended or Outcome.CANCELLED

    async def close(self) -> None:
        """Hang up; idempotent. A background response goes on."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await hang_up(opened)

    # --- asking -----------------------------------------------------------------------------

    async def _answer(self) -> AsyncGenerator[Signal, None]:
        history, previous = self._request.history, text(self._tip, "response_id")
        new = _behind(history, text(self._tip, "through")) if previous else None
        if new is None:
            async for signal in self._ask(self._encode(history), ""):
                yield signal
            return
        try:
            async with contextlib.aclosing(self._ask(self._encode(new), previous)) as signals:
                async for signal in signals:
                    yield signal
        except ProviderError as error:
            if not _is_forgotten(error, previous):
                raise
            self._tip = {}
            async for signal in self._ask(self._encode(history), "", notice=_REBUILT):
                yield signal

    async def _submit(self, given: ToolResults) -> AsyncGenerator[Signal, None]:
        self._begun = True
        if given.options is not None:
            self._request = replace(self._request, options=given.options)
        waiting = self._decoder.response_id
        decoder = self._decoder
        results = encode_results(given.results, decoder.output, decoder.said_ids)
        try:
            async with contextlib.aclosing(self._ask(results, waiting)) as signals:
                async for signal in signals:
                    yield signal
        except ProviderError as error:
            if _is_forgotten(error, waiting):
                raise failures.run_not_found(ever_known=True) from None
            raise

    async def _ask(
        self, given: list[JsonObject], previous: str, *, notice: str = ""
    ) -> AsyncGenerator[Signal, None]:
        body = {"store": True, **encode_request(self._request, self._profile, begun=self._begun)}
        body |= {"model": await self._api.model(self._request), "input": given}
        if previous:
            body["previous_response_id"] = previous
        opened = await self._api.create(body, encode_wishes(body, self._profile))
        self._decoder.begin()
        async with contextlib.aclosing(self._read(opened)) as signals:
            async for signal in signals:
                yield signal
                if notice and isinstance(signal, ResponseOpened):
                    yield NoticeAdded(text=notice)

    async def _read(self, opened: OpenedResponse) -> AsyncGenerator[Signal, None]:
        self._opened = opened
        async with contextlib.aclosing(self._reader.read(opened)) as signals:
            async for signal in signals:
                yield signal
        if not self._decoder.response_id:
            self._decoder.back()  # nothing came of it: the response before it is the newest

    def _encode(self, messages: Sequence[HistoryMessage]) -> list[JsonObject]:
        return encode_history(messages, self._profile, {})

    def _settle(self) -> None:
        """This response waits for nothing, so that another can continue it."""
        shown = self._decoder.message_id if self._decoder.shown else self._request.history[-1].id
        self._tip = {"response_id": self._decoder.response_id, "through": shown}

    # --- what became of it ------------------------------------------------------------------

    async def _resume(self) -> AsyncGenerator[Signal, None]:
        response_id = self._decoder.response_id
        if not response_id:
            raise failures.run_not_found(ever_known=False)
        async with contextlib.aclosing(self._rest(response_id)) as signals:
            async for signal in signals:
                yield signal

    async def _rest(self, response_id: str) -> AsyncGenerator[Signal, None]:
        response = await self._retrieve(response_id)
        background, seen = response.get("background") is True, self._decoder.sequence
        # From another process nobody knows what was shown: then the whole comes at its end.
        if text(response, "status") not in TERMINAL and background and seen is not None:
            async for signal in self._read(await self._api.follow(response_id, seen)):
                yield signal
            return
        patience = math.inf if background else self._profile.read_timeout
        while text(response, "status") not in TERMINAL and patience > 0:
            patience -= _POLL
            await asyncio.sleep(_POLL)
            response = await self._retrieve(response_id)
        self._decoder.finish()
        for event in self._decoder.decode_response(response):
            yield event
        end = self._decoder.finish()
        late = end.outcome is Outcome.TRUNCATED
        yield TurnFinished(outcome=Outcome.DISCONNECTED, error=_STILL_GOING) if late else end

    async def _retrieve(self, response_id: str) -> JsonObject:
        try:
            return await self._api.retrieve(response_id)
        except ProviderError as error:
            if error.status == 404:
                raise failures.run_not_found(ever_known=True) from None
            raise

    async def _stop(self) -> Outcome:
        """Only what runs in the background can be told to stop; anything else is hung up on."""
        await self.close()
        response_id = self._decoder.response_id
        if not response_id or self._decoder.waits:
            return Outcome.CANCELLED
        with contextlib.suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(_CANCEL_SECONDS):
                response = await self._api.retrieve(response_id)
                if response.get("background") is True and text(response, "status") not in TERMINAL:
                    response = await self._api.cancel(response_id)
                if text(response, "status") in TERMINAL:
                    return Outcome(text(response, "status"))
        return Outcome.CANCELLED


def _decode_spent(used: JsonObject) -> Usage:
    return Usage(**{each.name: count(used, each.name) for each in fields(Usage)})


def _behind(history: Sequence[HistoryMessage], through: str) -> Sequence[HistoryMessage] | None:
    """What comes after this message, or None when it is not there."""
    ids = [message.id for message in history]
    return history[ids.index(through) + 1 :] if through in ids else None


def _is_forgotten(error: ProviderError, previous: str) -> bool:
    """Whether the server says that it does not have the response that was to be continued."""
    if error.code == "previous_response_not_found":
        return True
    return error.status in (400, 404) and bool(previous) and previous in error.message
