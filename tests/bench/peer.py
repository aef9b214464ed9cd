"""A server that streams numbered words at a rate, in a process of its own: what clients read.

``python -m tests.bench.peer text|calls RATE COUNT`` prints its port, and for every answer the
moment (``time.monotonic``, one clock for all processes) at which its first word was due. Word n
is due n / RATE seconds later; RATE 0: all at once.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CALLS = 8
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_LEAD = 0.3  # seconds from the request to the first word
_PARAGRAPH = 60


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    data = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "bench",
        "choices": [choice],
    }
    return f"data: {json.dumps(data)}\n\n".encode()


def _call(index: int, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **more}]}


def opening(kind: str) -> list[bytes]:
    """What comes before the first word."""
    begin = [_chunk({"role": "assistant", "content": ""})]
    if kind == "calls":
        for index in range(CALLS):
            function = {"name": f"tool_{index}", "arguments": '{"text": "'}
            call = _call(index, id=f"call_{index}", type="function", function=function)
            begin.append(_chunk(call))
    return begin


def word(kind: str, number: int) -> bytes:
    """The event that brings a word."""
    if kind == "calls":
        return _chunk(_call(number % CALLS, function={"arguments": f"w{number:06} "}))
    end = "\n\n" if number % _PARAGRAPH == _PARAGRAPH - 1 else " "
    return _chunk({"content": f"w{number:06}{end}"})


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str, rate: float, count: int
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line),
        b"0",
    )
    await reader.readexactly(int(length))
    words = [word(kind, number) for number in range(count)]
    writer.write(_HEAD + b"".join(opening(kind)))
    due = time.monotonic() + _LEAD
    sent = 0
    while sent < count:
        # The timer is coarser than a millisecond now and then; nothing is ever sent early.
        await asyncio.sleep(max(0.0, due + (sent / rate if rate else 0) - time.monotonic()))
        ready = int((time.monotonic() - due) * rate) + 1 if rate else count
        while sent < min(count, ready):
            writer.write(words[sent])
            sent += 1
    await writer.drain()
    print(due, flush=True)
    await reader.read()  # the client goes away


async def _serve(kind: str, rate: float, count: int) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _answer(reader, writer, kind, rate, count), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Peer:
    """A running peer, as its client sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{self._line()}/v1"

    def first_due(self) -> float:
        """When the first word of the answer was due; waits until all of it is sent."""
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def running_peer(kind: str, rate: float, count: int) -> Iterator[Peer]:
    """A peer that gives every client the same answer."""
    command = [sys.executable, "-m", "tests.bench.peer", kind, str(rate), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Peer(process)
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
