"""One run against a server that keeps nothing: each request carries the whole conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tui.core.models import JsonObject
from tui.core.ports import RunRequest, ToolResult
from tui.core.settings import Profile
from tui.providers.fields import obj, objects, text
from tui.providers.responses.api import ResponsesApi
from tui.providers.responses.decode import ResponsesDecoder
from tui.providers.responses.request import (
    Items,
    encode_history,
    encode_request,
    encode_results,
    encode_wishes,
    sent_back,
)
from tui.providers.transport import OpenedResponse

MAX_KEPT = 1 << 20
"""How many characters of output items are kept for a run that is interrupted."""


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
        self._decoder = ResponsesDecoder(request.run_id, first_round(request))
        self._continuation: JsonObject = {}
        self._items = _kept(request)
        self._input = encode_history(request.history, profile, self._items)
        self._noted = ""

    @property
    def decoder(self) -> ResponsesDecoder:
        return self._decoder

    @property
    def continuation(self) -> JsonObject:
        self._note()
        return self._continuation

    def take(self, results: Sequence[ToolResult]) -> None:
        wires = self._decoder.output
        if not wires:  # given again: nothing came since
            return
        self._input = [*self._input, *sent_back(wires), *encode_results(results, wires)]

    async def open(self) -> OpenedResponse:
        self._decoder.begin()
        model = await self._api.model(self._request)
        body = encode_request(self._request, self._profile)
        body |= {"model": model, "input": self._input}
        return await self._api.create(body, encode_wishes(body, self._profile))

    def _note(self) -> None:
        """Keep what came while the run waits for calls; forget it once nothing can go on."""
        decoder = self._decoder
        if decoder.waits:
            if decoder.message_id == self._noted:
                return
            self._noted = decoder.message_id
            self._items = _bounded({**self._items, decoder.message_id: decoder.output})
            self._continuation = {"run": self._request.run_id, "items": dict(self._items)}
        elif decoder.status == "completed" and self._continuation:
            self._items, self._continuation = {}, {}


def _kept(request: RunRequest) -> Items:
    """The items of this run's messages, if it was interrupted."""
    continuation = request.continuation or {}
    if text(continuation, "run") != request.run_id:
        return {}
    items = obj(continuation, "items")
    return {message_id: objects(items, message_id) for message_id in items}


def _bounded(items: Items) -> Items:
    """The newest messages' items that fit; a message without them goes back in our own words."""
    room = MAX_KEPT
    fitting: dict[str, Sequence[JsonObject]] = {}
    for message_id, wires in reversed(list(items.items())):
        room -= len(json.dumps(wires))
        if room < 0:
            break
        fitting[message_id] = wires
    return dict(reversed(list(fitting.items())))
