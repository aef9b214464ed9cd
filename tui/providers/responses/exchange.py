"""One run against a server that keeps nothing: each request carries the whole conversation."""

from __future__ import annotations

from dataclasses import replace

from tui.core.models import JsonObject
from tui.core.ports import RunRequest, ToolResults
from tui.core.settings import Profile
from tui.providers.kept import Kept
from tui.providers.options import has_begun
from tui.providers.responses.api import ResponsesApi
from tui.providers.responses.decode import ResponsesDecoder
from tui.providers.responses.request import (
    encode_history,
    encode_request,
    encode_results,
    encode_wishes,
    sent_back,
)
from tui.providers.transport import OpenedResponse


def first_round(request: RunRequest) -> int:
    """The number of this session's first round: a run that starts over has had some before."""
    prefix = f"{request.run_id}:"
    return 1 + sum(message.id.startswith(prefix) for message in request.history)


class StatelessExchange:
    """An ``Exchange``.

    The output items of each round are sent back as they came, with the answers to their calls:
    that is how encrypted reasoning is kept. They are in the continuation while the run waits for
    calls, so that it can go on in another session.
    """

    def __init__(self, api: ResponsesApi, profile: Profile, request: RunRequest) -> None:
        self._api = api
        self._request = request
        self._profile = profile
        self._decoder = ResponsesDecoder(
            request.run_id, first_round(request), history=request.history
        )
        self._begun = has_begun(request)
        self._kept = Kept(request, "responses")
        self._input = encode_history(request.history, profile, self._kept.items)

    @property
    def decoder(self) -> ResponsesDecoder:
        return self._decoder

    @property
    def continuation(self) -> JsonObject:
        self._note()
        return self._kept.continuation

    def take(self, given: ToolResults) -> None:
        self._begun = True
        if given.options is not None:
            self._request = replace(self._request, options=given.options)
        wires = self._decoder.output
        if not wires:  # given again: nothing came since
            return
        self._input = [*self._input, *sent_back(wires), *encode_results(given.results, wires)]

    async def open(self) -> OpenedResponse:
        self._decoder.begin()
        model = await self._api.model(self._request)
        body = encode_request(self._request, self._profile, begun=self._begun)
        body |= {"model": model, "input": self._input}
        return await self._api.create(body, encode_wishes(body, self._profile))

    def _note(self) -> None:
        """Keep what came while the run waits for calls; forget it once nothing can go on."""
        decoder = self._decoder
        if decoder.waits:
            self._kept.keep(decoder.message_id, decoder.output)
        elif decoder.status == "completed":
            self._kept.forget()
