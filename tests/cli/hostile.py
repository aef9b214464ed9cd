"""Every control character and sequence there is, and a model that says them in every field."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.providers.assistants_peer import AssistantsPeer, Calls, End, Item, Raw, Say, frame
from tests.providers.http_peer import Reply, Request

_C0 = "".join(chr(code) for code in range(0x20) if chr(code) not in "\n\t\r")
_C1 = "".join(map(chr, range(0x80, 0xA0)))
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2064\u2066\u2067\u2068\u2069\u206a\u206f\u3164"
    "\ufe00\ufe0f\ufeff\uffa0\ufff9\ufffb\U0001bca0\U0001d173\U000e0001\U000e0041\U000e007f"
    "\U000e0100"
)
# Each steers a terminal in a way of its own, spelled with ESC and with C1.
_SEQUENCES = (
    "]0;owned\x07",
    "]2;owned\x1b\\",
    "]8;;http://evil.example\x1b\\",
    "]52;c;b3duZWQ=\x07",
    "[2J",
    "[998;997H",
    "[5;31m",
    "[?1049l",
    "[?1000l",
    "[6n",
    "[c",
    "[8;1;1t",
    "Pq#0;2;0;0;0\x1b\\",
    "_application\x1b\\",
    "^private\x1b\\",
    "Xstring\x1b\\",
    "c",
    "(0",
    "#8",
    "N",
    "7",
)
_C1_OF = {letter: chr(ord(letter) + 0x40) for letter in "][P_^XN"}
CHUNKS: tuple[str, ...] = (
    *("\x1b" + each for each in _SEQUENCES),
    *(_C1_OF[each[0]] + each[1:] for each in _SEQUENCES if each[0] in _C1_OF),
    _C0[:12],
    _C0[12:] + "\x7f",
    _C1,
    _INVISIBLE,
    "\ud800\udfff\udc9b a\rb",
)
EVIL = "".join(CHUNKS)
_NAME = 50
# Bytes that are no UTF-8, or C1 for a terminal that reads no UTF-8: overlong, half, surrogate.
_BAD_BYTES = b"\x9b2J\x90q\x9c\xc0\x9b2J\xe0\x80\x9b2J\xf0\x80\x80\x9b\xed\xa0\x80\xff\xfe\xc2"


def tagged(tag: str) -> str:
    """Everything evil behind a word to look for."""
    return f"{tag}\x1b[2J{EVIL}"


def seen(tag: str) -> str:
    """What a person reads where ``tagged(tag)`` was sent."""
    return f"{tag}␛"


def calls() -> list[Item]:
    """Names and arguments, in JSON and not; one of the calls is of a tool that asks."""
    named = [(f"Zname{at}{evil}", (tagged("Zraw"),)) for at, evil in enumerate(_short())]
    arguments = '{"text": "Zescaped' + _json_safe(EVIL) + '"}'
    return [Calls((*named, ("say_evil", (arguments,)), ("ask_evil", (arguments,))))]


def answer() -> list[Item]:
    """Text of every kind, links, a hosted call with its logs, and raw events nobody knows."""
    evil = tagged("Zanswer")
    markdown = (
        f"{evil}\n\n[Zlink\x1b[2J](javascript:evil) [b](<https://evil.example/\x1b]8;;{EVIL}>) "
        f"<https://evil.example/\x9b2J> &#x202e; &#x9b;31m\n\n# {tagged('Zheading')}\n\n"
        f"```{tagged('Zfence')}\n{tagged('Zcode')}\n```\n\n| {tagged('Zcell')} |\n|-|\n| a |\n"
    )
    return [_hosted(), Raw(_unknown()), Say((markdown[:9], markdown[9:40], markdown[40:]))]


def ends() -> dict[str, list[Item]]:
    """Runs that end badly, by the word to look for."""
    error = {"message": tagged("Zerror"), "code": tagged("code")}
    failed = {"last_error": {"code": tagged("code"), "message": tagged("Zfailed")}}
    incomplete = {"incomplete_details": {"reason": tagged("Zreason")}}
    return {
        "Zfailed": [End("failed", failed)],
        "Zreason": [Say(("half",)), End("incomplete", incomplete)],
        "Zerror": [Raw(frame("error", {"error": error}))],
    }


def _short() -> list[str]:
    """The same in pieces that are shown whole where a name is."""
    pieces = [""]
    for chunk in CHUNKS:
        if len(pieces[-1] + chunk) > _NAME:
            pieces.append("")
        pieces[-1] += chunk
    return pieces


def _json_safe(text: str) -> str:
    return "".join(c if ord(c) > 0x7E else f"\\u{ord(c):04x}" for c in text)


def _hosted() -> Raw:
    call: dict[str, Any] = {
        "index": 0,
        "id": tagged("call"),
        "type": "code_interpreter",
        "code_interpreter": {
            "input": tagged("Zinput"),
            "outputs": [{"type": "logs", "logs": tagged("Zlogs")}],
        },
    }
    step = {"id": "step_hosted", "type": "tool_calls", "status": "completed"}
    details = {"step_details": {"type": "tool_calls", "tool_calls": [call]}}
    return Raw(
        frame("thread.run.step.delta", {"id": "step_hosted", "delta": details})
        + frame("thread.run.step.completed", {**step, **details})
    )


def _unknown() -> bytes:
    """Events that show in the inspector only, their bytes not even text."""
    name = tagged("Zevent").encode("utf-8", "replace").replace(b"\r", b"")
    data = tagged("Zdata").encode("utf-8", "replace").replace(b"\r", b"")
    return (
        b": " + _BAD_BYTES + b"\n"
        b"event: " + name + _BAD_BYTES + b"\ndata: {}\n\n"
        b'event: Zraw\ndata: {"a": "\x7f\xc2\x9b2J' + _BAD_BYTES + b'"}\n\n'
        b"event: Zmalformed" + _BAD_BYTES + b'\ndata: {"' + data + _BAD_BYTES + b"\n\n"
    )


class _Peer(AssistantsPeer):
    """Its models have names of that kind too."""

    async def _handle(self, request: Request) -> Reply:
        if request.path.endswith("/models"):
            return Reply.json({"data": [{"id": tagged("Zmodel")}]})
        return await super()._handle(request)


@contextmanager
def hostile_peer() -> Iterator[tuple[AssistantsPeer, str]]:
    """A server on a loop of its own, and its base URL."""
    peer = _Peer()
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with peer.http:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10)
        yield peer, f"{peer.http.url}/v1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
