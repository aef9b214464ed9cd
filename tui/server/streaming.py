"""The response that sends a run's frames as server-sent events."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui.server.broadcast import Broadcast, Ending, Subscriber

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)


class OpenStreams:
    """Every response that is being sent, so that a stopping server can end them all."""

    def __init__(self) -> None:
        self._open: set[Subscriber] = set()
        self.closed = False

    def add(self, subscriber: Subscriber) -> None:
        """Note a response; one that opens while the server stops ends at once."""
        self._open.add(subscriber)
        if self.closed:
            subscriber.leave(Ending.BROKEN)

    def remove(self, subscriber: Subscriber) -> None:
        """The response is over."""
        self._open.discard(subscriber)

    def close(self) -> None:
        """Break them all off, now and later: an orderly end would look like an answer's.

        Call it on the server's loop.
        """
        self.closed = True
        for subscriber in self._open:
            subscriber.leave(Ending.BROKEN)


class EventStream(Response):
    """Sends what a subscriber gets; the run does not notice when the client leaves."""

    def __init__(self, broadcast: Broadcast, subscriber: Subscriber, streams: OpenStreams) -> None:
        self.status_code = 200
        self.background = None
        self._broadcast = broadcast
        self._subscriber = subscriber
        self._streams = streams

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._streams.add(self._subscriber)
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            ending = await self._send_frames(send)
        finally:
            watcher.cancel()
            self._streams.remove(self._subscriber)
            self._broadcast.drop(self._subscriber)
        if ending is Ending.CLEAN:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        # Otherwise the body stays unfinished, at which uvicorn closes the connection.

    async def _send_frames(self, send: Send) -> Ending:
        while True:
            item = await self._subscriber.next()
            if isinstance(item, Ending):
                return item
            await send({"type": "http.response.body", "body": item, "more_body": True})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscriber.leave()
