"""The server over a real provider, whose model is a scripted peer that speaks its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import openai

from tests.providers.chat_peer import ChatPeer
from tests.providers.responses_peer import ResponsesPeer
from tui.core.settings import Profile
from tui.providers.registry import create
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore
from tui.server.settings import ServerSettings

Protocol = Literal["chat", "responses"]
UPSTREAM_KEY = "sk-upstream-1234567890abcdef"
KEY = "a-key-for-clients"


@dataclass(repr=False)
class Over:
    """``peer`` is the model's server, ``client`` a client of ours at ``url``."""

    peer: ChatPeer | ResponsesPeer
    client: openai.AsyncOpenAI
    url: str

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return self.peer.bodies

    async def assistant(self, **fields: Any) -> str:
        return (await self.client.beta.assistants.create(**{"model": "default", **fields})).id

    async def thread(self, *texts: str) -> str:
        messages: Any = [{"role": "user", "content": text} for text in texts]
        return (await self.client.beta.threads.create(messages=messages)).id

    async def run(self, thread: str | None = None, **fields: Any) -> Any:
        """A run of a new assistant, to its end or to a required action."""
        thread = thread or await self.thread("hello")
        tools = fields.pop("tools", [])
        assistant = await self.assistant(tools=tools)
        return await self.client.beta.threads.runs.create_and_poll(
            thread_id=thread, assistant_id=assistant, poll_interval_ms=5, **fields
        )

    async def submit(self, run: Any, *outputs: str) -> Any:
        """These outputs for the run's calls, in order; the run as it is then."""
        calls = run.required_action.submit_tool_outputs.tool_calls
        given: Any = [
            {"tool_call_id": call.id, "output": output}
            for call, output in zip(calls, outputs, strict=True)
        ]
        return await self.client.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=run.id, thread_id=run.thread_id, tool_outputs=given, poll_interval_ms=5
        )


@asynccontextmanager
async def over(protocol: Protocol, **profile: Any) -> AsyncIterator[Over]:
    """A server over a fresh peer."""
    peer = ChatPeer() if protocol == "chat" else ResponsesPeer()
    async with peer.http:
        chosen = Profile(
            name="mine",
            protocol=protocol,
            **{"base_url": f"{peer.http.url}/v1", "model": "the-model", **profile},
        )
        settings = ServerSettings(
            default_models=("default", "mine"), upstream=urlsplit(peer.http.url).netloc
        )
        app = create_app(
            provider=create(chosen, api_key=UPSTREAM_KEY),
            store=MemoryAssistantStore(),
            api_key=KEY,
            models=["the-model"],
            settings=settings,
        )
        server = EmbeddedServer(app)
        url = server.start()
        try:
            async with openai.AsyncOpenAI(
                base_url=url, api_key=KEY, max_retries=0, timeout=20
            ) as client:
                yield Over(peer, client, url)
        finally:
            server.stop()
