"""A run whose every request carries the whole conversation: what Responses and Chat share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from tui.core.events import TurnFinished
from tui.core.models import JsonObject, Outcome
from tui.core.ports import Resume, Signal, ToolResults, TurnInput
from tui.providers import failures
from tui.providers.stream import Decoder, StreamReader, hang_up
from tui.providers.transport import OpenedResponse, Transport


class Exchange(Protocol):
    """What a protocol says and understands in one run."""

    @property
    def decoder(self) -> Decoder:
        """Decodes all streams of the run."""
        ...

    @property
    def continuation(self) -> JsonObject:
        """What a later session needs that history does not hold; a new object when it changed."""
        ...

    def take(self, given: ToolResults) -> None:
        """The answers to the last turn's needs. Given again when a request is repeated."""
        ...

    async def open(self) -> OpenedResponse:
        """Send everything so far and open the stream that answers. Raises ProviderError."""
        ...


class ExchangeSession:
    """A ``RunSession`` for a server that keeps nothing: to stop is to hang up."""

    def __init__(self, transport: Transport, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reader = StreamReader(transport, exchange.decoder)
        self._opened: OpenedResponse | None = None
        self._ended: Outcome | None = None

    @property
    def continuation(self) -> JsonObject:
        return self._exchange.continuation

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        if isinstance(given, Resume):
            raise failures.run_not_found(ever_known=False)
        if isinstance(given, ToolResults):
            self._exchange.take(given)
        self._ended = None
        self._opened = await self._exchange.open()
        async with contextlib.aclosing(self._reader.read(self._opened)) as signals:
            async for signal in signals:
                if isinstance(signal, TurnFinished):
                    # Before it is yielded: a reader that stops there has seen the end.
                    self._ended = signal.outcome
                yield signal

    async def cancel(self) -> Outcome:
        if self._ended is not None and self._ended is not Outcome.REQUIRES_ACTION:
            return self._ended
        await self.close()
        return Outcome.CANCELLED

    async def close(self) -> None:
        """Hang up; idempotent."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await hang_up(opened)
