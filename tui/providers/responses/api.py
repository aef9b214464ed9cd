"""The endpoints of the Responses API that we use."""

from __future__ import annotations

from tui.core.errors import ProviderError
from tui.core.models import JsonObject
from tui.core.ports import RunRequest
from tui.core.settings import Profile
from tui.providers.models import chosen_model, with_near_names
from tui.providers.transport import OpenedResponse, Transport


class ResponsesApi:
    """Each method is one request; all raise ProviderError.

    Bodies go in whole as ``extra_body``, so that options the SDK has no name for pass as well.
    """

    def __init__(self, transport: Transport, profile: Profile) -> None:
        self.transport = transport
        self._profile = profile
        self._chosen = ""

    async def model(self, request: RunRequest) -> str:
        """The model to ask; one that nobody named is looked up once."""
        if request.model or self._profile.model or not self._chosen:
            self._chosen = await chosen_model(self.transport, self._profile, request)
        return self._chosen

    async def create(self, body: JsonObject) -> OpenedResponse:
        """Ask for a response as a stream."""
        try:
            return await self.transport.stream(
                lambda client: client.responses.with_streaming_response.create(
                    model=body["model"], input=body["input"], stream=True, extra_body=body
                )
            )
        except ProviderError as error:
            raise await with_near_names(error, self.transport, body["model"]) from None

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
