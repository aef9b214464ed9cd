"""A key stays in memory: whatever a server repeats and whatever goes wrong, no file holds it.

Real processes, every logger at its most talkative, crash reports that may quote messages, and
servers that repeat the key in headers, bodies, errors and answers, whole, starred and in base64.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.providers.assistants_peer import AssistantsPeer, End, Say
from tests.providers.chat_peer import ChatPeer
from tests.providers.http_peer import HttpPeer, Reply, Request
from tests.providers.responses_peer import ResponsesPeer

KEY = "sk-Tk7Qz9-of-no-use-4d1c2b3a4f5e6d7c"
STARRED = f"{KEY[:8]}****************{KEY[-4:]}"
ENCODED = base64.b64encode(KEY.encode()).decode()
ECHO = f"You sent {KEY}, that is {STARRED} or {ENCODED}."
TRACES = [KEY.encode(), KEY[:8].encode(), ENCODED.rstrip("=")[:-1].encode()]

# Several commands in one process, with all that can be logged; the last one crashes.
DRIVER = """
import logging, os, sys
import tui.cli.context
from tui.cli.main import main
from tui.cli.printing import TextPrinter
from tui.config.logs import log_to

def log_everything(directory, redactor, *, level):
    log_to(directory, redactor, level=level)
    for name in ("openai", "httpx2", "httpcore2", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)

def crash(self, run):
    key = os.environ["FAKE_KEY"]
    raise RuntimeError(f"cannot print {key}")

tui.cli.context.log_to = log_everything
for arguments in (["ask", "hello"], ["ask", "please fail"], ["ask", "--json", "hello"], ["doctor"],
                  ["models"], ["config", "show"], ["ask", "hello again"]):
    if arguments[-1] == "hello again":
        TextPrinter.finish = crash
    try:
        main(arguments)
    except SystemExit as end:
        print("left with", end.code)
"""


class Parrot:
    """A server that repeats the key wherever it can; a message to fail is answered with 401."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.http = HttpPeer(self._answer)
        self.keys: set[str] = set()

    async def _answer(self, request: Request) -> Reply:
        self.keys.add(request.headers.get("authorization", ""))
        if b"please fail" in request.raw:
            reply = Reply.error(401, ECHO, KEY)
        else:
            self.peer.script = [Say((ECHO,)), End()]
            reply = await self.peer._handle(request)
        reply.headers |= {"x-request-id": KEY, "x-echo": ECHO}
        return reply


PEERS = {"assistants": AssistantsPeer, "chat": ChatPeer, "responses": ResponsesPeer}


@pytest.mark.parametrize("protocol", PEERS)
async def test_no_file_and_no_line_holds_the_key(protocol: str, tmp_path: Path) -> None:
    home = Path(os.environ["TICKERTAPE_HOME"])
    parrot = Parrot(PEERS[protocol]())
    async with parrot.http:
        write_config(home, protocol, f"{parrot.http.url}/v1")
        printed = await run_driver(tmp_path)
    assert re.findall(rb"left with (\d)", printed) == [b"0", b"1", b"0", b"0", b"0", b"0"]
    assert parrot.keys == {f"Bearer {KEY}"}, "the key was used"
    assert b"[key removed]" in printed
    assert b"ends in " + KEY[-4:].encode() in printed
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {"tickertape.db", "tickertape.log", "config.toml"} <= {path.name for path in files}
    assert any(path.name.startswith("crash-") for path in files)
    log = next(path for path in files if path.name == "tickertape.log").read_bytes()
    assert b"httpcore2" in log, "debug logging was on"
    for trace in TRACES:
        assert trace not in printed
        assert [path for path in files if trace in path.read_bytes()] == []


def write_config(home: Path, protocol: str, url: str) -> None:
    path = home / "config" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        'default_profile = "parrot"\n'
        "[reports]\nmessage_text = true\n"
        f'[profiles.parrot]\nprotocol = "{protocol}"\nbase_url = "{url}"\nmodel = "first-model"\n'
        'api_key_env = "FAKE_KEY"\ntools = false\n',
        encoding="utf-8",
    )


async def run_driver(directory: Path) -> bytes:
    """Everything that the driver's commands print, on both streams."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DRIVER,
        env={**os.environ, "FAKE_KEY": KEY, "TICKERTAPE_DEBUG": "1"},
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    return printed
