"""Bounds what an error response may bring, because the SDK reads such a body whole.

It imports the HTTP library, so it is itself imported only when a client is made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

MAX_ERROR_BYTES = 64 * 1024


class _Beginning(httpx2.AsyncByteStream):
    """The first bytes of a body; a sentence is taken out of them, the rest says nothing more."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_ERROR_BYTES
        async for chunk in self._stream:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()


async def bound_errors(response: httpx2.Response) -> None:
    """An event hook of the client: error bodies end after ``MAX_ERROR_BYTES``."""
    if response.is_error and isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Beginning(response.stream)
