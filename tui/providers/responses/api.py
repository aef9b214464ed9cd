"""The endpoints of the Responses API that we use."""

from __future__ import annotations

import re

from tui.core.errors import ProviderError
from tui.core.models import JsonObject
from tui.core.ports import RunRequest
from tui.core.settings import Profile
from tui.providers.models import chosen_model, with_near_names
from tui.providers.transport import OpenedResponse, Transport

_REFUSED = (400, 403, 422)
_STORE = r"(?<![Vv]ector )\bstore\b"
# How servers speak of a wish that they do not grant.
_COMPLAINTS = {
    "store": re.compile(_STORE),
    "include": re.compile(rf"\binclude\b|encrypted|{_STORE}", re.IGNORECASE),
    "reasoning": re.compile(r"reasoning|summar|encrypted", re.IGNORECASE),
    "truncation": re.compile(r"\btruncation\b"),
}


class ResponsesApi:
    """Each method is one request; all raise ProviderError.

    Bodies go in whole as ``extra_body``, so that options the SDK has no name for pass as well.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        self.transport = transport
        self._profile = profile
        self._chosen = ""
        self._refused: dict[str, frozenset[str]] = {}

    async def model(self, request: RunRequest) -> str:
        """The model to ask; one that nobody named is looked up once."""
        if request.model or self._profile.model or not self._chosen:
            self._chosen = await chosen_model(self.transport, self._profile, request)
        return self._chosen

    async def create(self, body: JsonObject, wishes: JsonObject) -> OpenedResponse:
        """Ask for a response as a stream; without the wishes that the server refuses.

        What it refused is remembered, model by model.
        """
        model = body["model"]
        refused = self._refused.get(model, frozenset())
        while True:
            granted = {name: wish for name, wish in wishes.items() if name not in refused}
            try:
                opened = await self._stream({**body, **granted})
            except ProviderError as error:
                if not (unwanted := _unwanted(error) & granted.keys()):
                    raise await with_near_names(error, self.transport, model) from None
                refused |= unwanted
            else:
                self._refused[model] = refused
                return opened

    async def _stream(self, body: JsonObject) -> OpenedResponse:
        return await self.transport.stream(
            lambda client: client.responses.with_streaming_response.create(
                model=body["model"], input=body["input"], stream=True, extra_body=body
            )
        )

    async def retrieve(self, response_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.responses.with_streaming_response.retrieve(response_id)
        )

    async def follow(self, response_id: str, after: int) -> OpenedResponse:
        """The stream of a background response, from behind the event with this number on."""
        return await self.transport.stream(
            lambda client: client.responses.with_streaming_response.retrieve(
                response_id, stream=True, starting_after=after
            )
        )

    async def cancel(self, response_id: str) -> JsonObject:
        return await self.transport.json(
            lambda client: client.responses.with_streaming_response.cancel(response_id)
        )


def _unwanted(error: ProviderError) -> frozenset[str]:
    """Which of our wishes a server complains about."""
    if error.status not in _REFUSED:
        return frozenset()
    return frozenset(name for name, said in _COMPLAINTS.items() if said.search(error.message))
