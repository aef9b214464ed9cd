"""One loopback server for all tests of a process; each test brings the model that it needs.

A run finds its test's script by the name of its model, so tests do not see each other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import openai
import pytest

from tests.server.scripted import Script, ScriptedProvider, ScriptedSession
from tui.core.models import ModelInfo
from tui.core.ports import Capabilities, RunRequest
from tui.server.app import create_app
from tui.server.embedded import EmbeddedServer
from tui.server.memory import MemoryAssistantStore
from tui.server.settings import ServerSettings

KEY = "sk-test-of-the-server"
BODY_LIMIT = 200_000
_DEPRECATED = (
    "The Assistants API is deprecated in favor of the Responses API",
    "deprecated",
)


class ProviderByModel:
    """Sends each run to the provider that a test registered under the run's model."""

    capabilities = Capabilities()

    def __init__(self) -> None:
        self.providers: dict[str, ScriptedProvider] = {}

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[ScriptedSession]:
        assert request.model is not None
        async with self.providers[request.model].open(request) as session:
            yield session

    async def models(self) -> Sequence[ModelInfo]:
        return ()

    async def close(self) -> None:
        """Nothing to give back."""


@dataclass(repr=False)
class Peer:
    """A client's view of the server, and the model behind it."""

    url: str
    by_model: ProviderByModel
    client: openai.OpenAI
    http: httpx2.Client
    providers: list[ScriptedProvider] = field(default_factory=list)

    def assistant(self, script: Script, **fields: Any) -> str:
        """A new assistant whose model follows the script."""
        model = f"scripted-{uuid4().hex}"
        provider = ScriptedProvider(script)
        self.providers.append(provider)
        self.by_model.providers[model] = provider
        return str(self.post("/assistants", {"model": model, **fields}).json()["id"])

    @property
    def provider(self) -> ScriptedProvider:
        """The model of the assistant made last."""
        return self.providers[-1]

    def thread(self, *texts: str) -> str:
        """A new thread with messages of a user."""
        messages = [{"role": "user", "content": text} for text in texts]
        return str(self.post("/threads", {"messages": messages}).json()["id"])

    def post(self, path: str, body: Any = None, **arguments: Any) -> httpx2.Response:
        return self.http.post(path, json=body, **arguments)

    def stream(self, path: str, body: Any) -> list[tuple[str, Any]]:
        """All events of a streamed response, as (name, data)."""
        response = self.post(path, {**body, "stream": True})
        assert response.status_code == 200, response.text
        return decode_events(response.content)


def decode_events(raw: bytes) -> list[tuple[str, Any]]:
    """Server-sent events as (name, data); data that is not JSON stays text."""
    events: list[tuple[str, Any]] = []
    for block in raw.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        text = data.removeprefix("data: ")
        value = text if text == "[DONE]" else json.loads(text)
        events.append((name.removeprefix("event: "), value))
    return events


@pytest.fixture(scope="session")
def by_model() -> ProviderByModel:
    return ProviderByModel()


@pytest.fixture(scope="session")
def url(by_model: ProviderByModel) -> Iterator[str]:
    server = EmbeddedServer(
        create_app(
            provider=by_model,
            store=MemoryAssistantStore(),
            api_key=KEY,
            models=["sandbox", "org/other"],
            settings=ServerSettings(max_body_bytes=BODY_LIMIT),
        )
    )
    yield server.start()
    server.stop()


@pytest.fixture
def peer(url: str, by_model: ProviderByModel) -> Iterator[Peer]:
    headers = {"authorization": f"Bearer {KEY}"}
    with (
        openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=20) as client,
        httpx2.Client(base_url=url, headers=headers, timeout=20) as http,
    ):
        yield Peer(url, by_model, client, http)


@pytest.fixture
async def async_client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK calls the API deprecated at every use; serving it is what is tested here."""
    for item in items:
        if "tests/server/" in item.nodeid:
            for message in _DEPRECATED:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{message}$:DeprecationWarning"))


async def until(condition: Any) -> None:
    """Wait for something another thread does; the test's own time-out bounds it."""
    while not condition():
        await asyncio.sleep(0.005)
