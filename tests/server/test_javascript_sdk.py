"""The official JavaScript SDK against the server; without Node there is nothing to run it with."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.providers.chat_peer import DONE, chunk, frame
from tests.providers.http_peer import Reply, Request
from tests.server import node
from tests.server.conftest import KEY, Peer
from tests.server.over import KEY as OVER_KEY
from tests.server.over import over
from tests.server.scripted import Hold, say
from tests.server.test_python_sdk import ADD, ANSWER, adding

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
STYLES = [
    "events",
    "iterator",
    "breakingOff",
    "polling",
    "createAndRun",
    "cancel",
    "paging",
    "errors",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.install(tmp_path_factory.mktemp("node"))


async def test_every_style_of_the_javascript_sdk(peer: Peer, folder: Path) -> None:
    adder = peer.assistant(adding, tools=[ADD])
    endless = peer.assistant(lambda *_: [*say("never ", "ends")[:4], Hold("for ever")])
    environment = {
        "BASE_URL": peer.url,
        "API_KEY": KEY,
        "ADDING": adder,
        "ENDLESS": endless,
    }
    assert (await node.run(folder, "node", "styles.mjs", **environment)).split() == STYLES


async def test_every_style_over_chat_completions(folder: Path) -> None:
    async with over("chat") as server:
        server.peer.intercept = adds_or_never_ends
        environment = {
            "BASE_URL": server.url,
            "API_KEY": OVER_KEY,
            "ADDING": await server.assistant(model="adding", tools=[ADD]),
            "ENDLESS": await server.assistant(model="endless"),
        }
        assert (await node.run(folder, "node", "styles.mjs", **environment)).split() == STYLES


async def adds_or_never_ends(request: Request) -> Reply | None:
    """A chat model that has nothing to go by but the conversation it is sent."""
    if request.line != "POST /v1/chat/completions":
        return None
    if request.body["model"] == "endless":
        return Reply.sse(chunk(content="never "), chunk(content="ends"), ending="hang")
    since = itertools.takewhile(lambda m: m["role"] != "user", request.body["messages"][::-1])
    outputs = [message["content"] for message in since if message["role"] == "tool"][::-1]
    usage = {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40}
    counted = frame({"choices": [], "usage": usage})
    return Reply.sse(*answer(outputs), counted, DONE)


def answer(outputs: list[str]) -> list[bytes]:
    if len(outputs) == 4:
        return [chunk(content=ANSWER[:9]), chunk(content=ANSWER[9:]), chunk("stop")]
    pairs: list[tuple[str, Any]] = [("a1", (1, 2)), ("a2", (3, 4))]
    if outputs:
        pairs = [("b1", tuple(map(int, outputs))), ("b2", (10, 10))]
    chunks = []
    for index, (call_id, (x, y)) in enumerate(pairs):
        arguments = json.dumps({"x": x, "y": y})
        function = {"name": "add", "arguments": arguments[:5]}
        call = {"index": index, "id": call_id, "type": "function", "function": function}
        rest = {"index": index, "function": {"arguments": arguments[5:]}}
        chunks += [chunk(tool_calls=[call]), chunk(tool_calls=[rest])]
    return [*chunks, chunk("tool_calls")]
