"""One run over Chat Completions: the conversation grows by each round's calls and outputs."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, Outcome
from tui.core.ports import RunRequest, ToolResults
from tui.core.settings import Profile
from tui.providers.chat.amendments import Amendments
from tui.providers.chat.decode import ChatDecoder
from tui.providers.chat.request import encode_outputs, encode_request, is_told_by_history
from tui.providers.kept import Kept
from tui.providers.models import chosen_model, with_near_names
from tui.providers.options import has_begun
from tui.providers.transport import OpenedResponse, Transport

if TYPE_CHECKING:
    import openai


_LIMITS = ("max_completion_tokens", "max_tokens")


class ChatExchange:
    """An ``Exchange``.

    Some servers want more of their messages back than the history holds. That is in the
    continuation while the run waits for calls, so that it can go on in another session.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        profile: Profile,
        request: RunRequest,
        amendments: Amendments,
    ) -> None:
        self._transport = transport
        self._profile = profile
        self._request = request
        self._amendments = amendments
        self._kept = Kept(request, "chat")
        self._rounds: list[JsonObject] = []
        self._begun = has_begun(request)
        self._model = ""
        options = {**profile.options, **request.options}
        limit = next(filter(None, map(options.get, _LIMITS)), None)
        self.decoder = ChatDecoder(request.run_id, request.history, limit=limit)

    @property
    def continuation(self) -> JsonObject:
        answer = self.decoder.answer
        if answer is not None and not is_told_by_history(answer):
            self._kept.keep(self.decoder.message_id, [answer])
        elif self.decoder.outcome in (Outcome.COMPLETED, Outcome.INCOMPLETE):
            self._kept.forget()
        return self._kept.continuation

    def take(self, given: ToolResults) -> None:
        self._begun = True
        if given.options is not None:
            self._request = replace(self._request, options=given.options)
        answer = self.decoder.take_answer()
        if answer is not None:  # else the request is repeated, and they are known
            outputs = {each.call_id: each.output.text for each in given.results}
            self._rounds += [answer, *encode_outputs(answer, outputs)]

    async def open(self) -> OpenedResponse:
        self._model = self._model or await chosen_model(
            self._transport, self._profile, self._request
        )
        body = encode_request(
            self._request,
            self._profile,
            model=self._model,
            kept=self._kept.items,
            begun=self._begun,
        )
        body["messages"] += self._rounds
        try:
            return await self._send(body)
        except ProviderError as error:
            raise await with_near_names(error, self._transport, self._model) from None

    async def _send(self, body: JsonObject) -> OpenedResponse:
        while True:
            amended = self._amendments.applied(body)
            try:
                return await self._transport.stream(partial(_create, body=amended))
            except ProviderError as error:
                if not self._amendments.learn(error, amended):
                    raise


def _create(client: openai.AsyncOpenAI, body: JsonObject) -> AbstractAsyncContextManager[Any]:
    """The body goes in whole; Azure wants to see the model, which is part of its addresses."""
    return client.chat.completions.with_streaming_response.create(
        model=body["model"], messages=[], stream=True, extra_body=body
    )
