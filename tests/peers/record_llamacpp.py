"""Writes the streams of ``tests/wire`` that begin with ``llamacpp_`` anew, byte for byte as sent.

``python -m tests.peers.record_llamacpp``; the ids and the times in them differ each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.peers.llamacpp import MODEL, llamacpp

_WIRE = Path(__file__).parents[1] / "wire"
_HELLO = "Say hello in five words."
_WEATHER = "What is the weather in Oslo?"
_TOOL: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
_CHAT: dict[str, Any] = {"stream_options": {"include_usage": True}}
_CALLING: dict[str, Any] = {"tool_choice": "required"}
_REQUESTS: dict[str, dict[str, Any]] = {
    "chat/llamacpp_text": {**_CHAT, "messages": [{"role": "user", "content": _HELLO}]},
    "chat/llamacpp_tool_call": {
        **_CHAT,
        **_CALLING,
        "messages": [{"role": "user", "content": _WEATHER}],
        "tools": [{"type": "function", "function": _TOOL}],
    },
    "responses/llamacpp_text": {"input": _HELLO},
    "responses/llamacpp_tool_call": {
        **_CALLING,
        "input": _WEATHER,
        "tools": [{"type": "function", **_TOOL}],
    },
}
_PATHS = {"chat": "/chat/completions", "responses": "/responses"}


def record(url: str, name: str, body: dict[str, Any]) -> None:
    """Send one request and keep what comes back."""
    protocol, _ = name.split("/")
    asked = json.dumps({"model": MODEL, "stream": True, "temperature": 0, **body}).encode()
    request = Request(url + _PATHS[protocol], asked, {"content-type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        (_WIRE / f"{name}.sse").write_bytes(answer.read())


if __name__ == "__main__":
    with llamacpp() as server:
        for stream, request_body in _REQUESTS.items():
            record(server, stream, request_body)
