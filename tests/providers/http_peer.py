"""A loopback HTTP server that answers as a test says, down to broken streams."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

Ending = Literal["close", "abort", "hang", "reset"]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw)) if self.raw else {}

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Reply:
    """``stream`` is sent chunked, one chunk an item; ``ending`` says how the stream ends.

    Status 0: not a byte of an answer, only the ending.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None
    ending: Ending = "close"

    @classmethod
    def json(cls, data: Any, status: int = 200, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps(data).encode(), {"content-type": "application/json"} | named)

    @classmethod
    def error(cls, status: int, message: str = "no", code: str | None = None) -> Reply:
        return cls.json({"error": {"message": message, "code": code}}, status)

    @classmethod
    def none(cls, ending: Ending) -> Reply:
        return cls(0, ending=ending)

    @classmethod
    def sse(cls, *chunks: bytes, ending: Ending = "close") -> Reply:
        async def stream() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        headers = {"content-type": "text/event-stream"}
        return cls(headers=headers, stream=stream(), ending=ending)


Handler = Callable[[Request], Awaitable[Reply]]


class HttpPeer:
    """Use as an async context manager; ``requests`` is everything that was asked, in order.

    ``statuses`` is each request with how it was answered, ``listen`` a socket that is bound.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        listen: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.statuses: list[tuple[str, int]] = []
        self._listen = listen
        self._tls = tls
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http{'s' if self._tls else ''}://{host}:{port}"

    @property
    def lines(self) -> list[str]:
        return [request.line for request in self.requests]

    async def __aenter__(self) -> Self:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": 0}
        if self._listen is not None:
            where = {"sock": self._listen}
        self._server = await asyncio.start_server(self._connected, ssl=self._tls, **where)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._closing.set()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                reply = await self._handler(request)
                self.statuses.append((request.line, reply.status))
                if not await self._write(writer, reply):
                    return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        """Send the reply; false when the connection is of no more use."""
        if reply.status == 0:
            return await self._end(writer, reply.ending)
        headers = dict(reply.headers)
        if reply.stream is None:
            headers["content-length"] = str(len(reply.body))
        else:
            headers["transfer-encoding"] = "chunked"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} OK\r\n{head}\r\n".encode() + reply.body)
        await writer.drain()
        if reply.stream is None:
            return True
        async for chunk in reply.stream:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
        if reply.ending == "close":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return True
        return await self._end(writer, reply.ending)

    async def _end(self, writer: asyncio.StreamWriter, ending: Ending) -> bool:
        if ending == "hang":
            await self._closing.wait()
        if ending == "reset":
            linger = struct.pack("ii", 1, 0)
            found = writer.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if ending != "close":
            writer.transport.abort()
        return False


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, raw)
