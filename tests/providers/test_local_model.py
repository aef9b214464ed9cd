"""A real model on this machine, through both protocols: ``pytest -m slow -k local_model``.

llama.cpp's Responses heeds neither a schema (``text.format``) nor says that an answer was cut
short; what needs either is asked through Chat Completions alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.peers import llamacpp as peer
from tests.providers.conversation import Conversation
from tui.core.errors import ProviderError
from tui.core.events import ArgumentsDelta, TextDelta, UsageReported
from tui.core.models import Outcome, ToolSpec
from tui.core.ports import NewMessages
from tui.core.settings import Profile, WireProtocol
from tui.providers.registry import create

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not peer.installed(), reason=peer.MISSING),
]
BOTH = pytest.mark.parametrize("protocol", ["chat", "responses"])
WEATHER = ToolSpec(
    name="get_weather",
    description="The weather in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with peer.llamacpp() as base_url:
        yield base_url


@asynccontextmanager
async def talking(
    url: str, protocol: WireProtocol, *tools: ToolSpec, **options: Any
) -> AsyncIterator[Conversation]:
    """A conversation with the model, which always takes the likeliest word."""
    chosen = {"temperature": 0, "max_completion_tokens": 60, **options}
    profile = Profile(name="local", protocol=protocol, base_url=url, api_key_env="", options=chosen)
    provider = create(profile, api_key=None)
    try:
        yield Conversation(provider, tools)
    finally:
        await provider.close()


@BOTH
async def test_text_streams_word_by_word(url: str, protocol: WireProtocol) -> None:
    async with talking(url, protocol) as conversation:
        end = await conversation.answer("Say hello in five words.")
    assert end.outcome is Outcome.COMPLETED
    deltas = [each.text for each in conversation.signals if isinstance(each, TextDelta)]
    assert len(deltas) > 3
    assert conversation.text == "".join(deltas)
    usage = [each.usage for each in conversation.signals if isinstance(each, UsageReported)][-1]
    assert usage.output_tokens >= len(deltas)


@BOTH
async def test_a_call_streams_its_arguments_and_is_answered_in_words(
    url: str, protocol: WireProtocol
) -> None:
    async with talking(url, protocol, WEATHER) as conversation:
        asked = conversation.say("What is the weather in Oslo?")
        async with conversation.provider.open(asked) as session:
            end = await conversation.turn(session, NewMessages())
            fragments = [e.fragment for e in conversation.signals if isinstance(e, ArgumentsDelta)]
            [need] = end.needs
            results = conversation.results(end, "It is sunny in Oslo, 21 degrees.")
            end = await conversation.turn(session, results)
    assert need.name == "get_weather"
    assert json.loads(need.arguments).keys() == {"city"}
    assert len(fragments) > 3
    assert "".join(fragments) == need.arguments
    assert end.outcome is Outcome.COMPLETED
    assert "sunny" in conversation.text


async def test_an_answer_has_the_shape_of_a_schema(url: str) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    async with talking(url, "chat", response_format=schema) as conversation:
        end = await conversation.answer("Where is the Eiffel Tower?")
    assert end.outcome is Outcome.COMPLETED
    assert json.loads(conversation.text).keys() == {"city", "country"}


async def test_an_answer_that_is_cut_short_says_so(url: str) -> None:
    async with talking(url, "chat", max_completion_tokens=4) as conversation:
        end = await conversation.answer("Tell me a long story.")
    assert end.outcome is Outcome.INCOMPLETE
    assert conversation.text


@BOTH
async def test_a_conversation_that_does_not_fit_is_named_so(
    url: str, protocol: WireProtocol
) -> None:
    async with talking(url, protocol) as conversation:
        asked = conversation.say("word " * (peer.WINDOW + 100))
        async with conversation.provider.open(asked) as session:
            with pytest.raises(ProviderError) as caught:
                await conversation.turn(session, NewMessages())
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.context_window == peer.WINDOW


async def test_the_model_list_tells_the_window(url: str) -> None:
    async with talking(url, "chat") as conversation:
        [model] = await conversation.provider.models()
    assert (model.id, model.context_window) == (peer.MODEL, peer.WINDOW)
