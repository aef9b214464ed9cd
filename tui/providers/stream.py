"""Reads one event stream: bytes to raw events to ours, and how it ended, whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Protocol

from tui.core.events import ProviderEvent, TurnFinished
from tui.core.models import Outcome, Problem
from tui.core.ports import ResponseOpened, Signal, WireReceived
from tui.providers import failures
from tui.providers.sse import EventTooLargeError, ServerSentEvent, SseDecoder
from tui.providers.transport import OpenedResponse, Transport

# After its last word a stream should end. Waiting a moment lets the connection be used again;
# waiting longer would only hold up the answer.
_AFTER_END = 2.0
_AFTER_DONE = 0.2
_CLOSE_SECONDS = 1.0


class Closing(Protocol):
    """What has a connection to give back."""

    async def close(self) -> None:
        """Give it back; idempotent."""
        ...


async def hang_up(opened: Closing) -> None:
    """Close a response that may still be read; one that does not close is left to itself."""
    # RuntimeError: its turn is closing it at this moment.
    with contextlib.suppress(RuntimeError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await opened.close()


class Decoder(Protocol):
    """A protocol's wire events, decoded; one decoder for all streams of a run."""

    @property
    def ended(self) -> bool:
        """Whether this stream's last word has come; nothing but ``[DONE]`` should follow."""
        ...

    def decode(self, name: str, data: str, *, terminated: bool = True) -> Sequence[ProviderEvent]:
        """The events that one wire event means. Never raises, whatever it is given.

        An event that the end of the stream cut off (not ``terminated``) counts if it is whole.
        """
        ...

    def finish(self) -> TurnFinished:
        """How this stream ended, now that nothing more comes; ready for the next stream."""
        ...


class StreamReader:
    """Reads the streams of one run in turn; raw events are counted over all of them."""

    def __init__(self, transport: Transport, decoder: Decoder) -> None:
        self._transport = transport
        self._decoder = decoder
        self._index = 0
        self._patience: float | None = None
        self._problem: Problem | None = None

    async def read(self, opened: OpenedResponse) -> AsyncGenerator[Signal, None]:
        """Everything the stream brings, TurnFinished last; the response is closed on leaving.

        Raises ProviderError only for a response that is no event stream at all.
        """
        self._decoder.finish()
        self._patience = self._problem = None
        sse = SseDecoder()
        chunks, first = opened.chunks(), True
        request_id = self._transport.secrets.redact(opened.request_id)
        yield ResponseOpened(url=opened.url, status=opened.status, request_id=request_id)
        try:
            while (chunk := await self._next(chunks)) is not None:
                if first and chunk.lstrip().startswith(b"<"):
                    body = chunk.decode("utf-8", "replace")
                    raise failures.not_a_stream(body, self._transport.who)
                first = False
                for event in self._feed(sse, chunk):
                    for signal in self._signals(event):
                        yield signal
            for event in sse.flush():
                for signal in self._signals(event):
                    yield signal
            yield self._end()
        finally:
            await opened.close()

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes, or None when there are none, for whatever reason."""
        if self._problem is not None:
            return None
        try:
            async with asyncio.timeout(self._patience):
                return await anext(chunks)
        except (StopAsyncIteration, TimeoutError):
            return None
        except Exception as error:  # noqa: BLE001 - whatever a socket can do, told in words
            self._problem = self._transport.broken(error)
            return None

    def _feed(self, sse: SseDecoder, chunk: bytes) -> list[ServerSentEvent]:
        try:
            return sse.feed(chunk)
        except EventTooLargeError as error:
            self._problem = error.problem
            return []

    def _signals(self, event: ServerSentEvent) -> Iterator[Signal]:
        # Some servers repeat the key in what they say; it must not reach log or disk.
        data = self._transport.secrets.redact(event.data)
        decoded = self._decoder.decode(event.name, data, terminated=event.terminated)
        yield WireReceived(
            index=self._index,
            at=time.time(),
            mono=time.monotonic(),
            name=event.name,
            data=data,
        )
        self._index += 1
        yield from decoded
        if event.name == "done" or data == "[DONE]":
            self._patience = _AFTER_DONE
        elif self._decoder.ended:
            self._patience = _AFTER_END

    def _end(self) -> TurnFinished:
        ended = self._decoder.ended
        end = self._decoder.finish()
        if ended or self._problem is None:
            return end
        return TurnFinished(outcome=Outcome.DISCONNECTED, error=self._problem)
