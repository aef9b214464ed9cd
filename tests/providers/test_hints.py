"""What a newcomer is told to do: nothing that cannot be the cause, and first what mostly is."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.providers.http_peer import HttpPeer, Reply, Request
from tui.config.discovery import is_local
from tui.config.presets import PRESETS
from tui.core.errors import ConfigError, ProviderError
from tui.core.settings import Profile, WireProtocol
from tui.providers.models import list_models
from tui.providers.transport import Transport
from tui.providers.unreachable import Route, cannot_connect, too_slow

SECRET = "value-of-my-login-0123456789"


@asynccontextmanager
async def reaching(url: str, key: str | None = None, **more: Any) -> AsyncIterator[Transport]:
    transport = Transport(Profile(name="mine", base_url=f"{url}/v1", **more), key)
    try:
        yield transport
    finally:
        await transport.close()


async def refused(transport: Transport) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await list_models(transport)
    return caught.value


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"dialect": "azure", "api_version": "2024-10-21"}])
async def test_a_header_of_the_environment_is_sent_and_blotted_out_of_what_is_said(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    async def repeat(request: Request) -> Reply:
        return Reply.error(400, f"I do not like {request.headers['x-team']}")

    monkeypatch.setenv("MY_TEAM", SECRET)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "never-asked-for-0123")
    headers = {"X-Team": "env:MY_TEAM", "X-Plain": "blue"}
    async with HttpPeer(repeat) as peer, reaching(peer.url, headers=headers, **more) as transport:
        error = await refused(transport)
        (request,) = peer.requests
    assert (request.headers["x-team"], request.headers["x-plain"]) == (SECRET, "blue")
    assert not {"authorization", "api-key"} & set(request.headers)
    assert SECRET[:12] not in f"{error.message} {error.hint}"


async def test_a_login_of_ones_own_takes_the_place_of_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(request: Request) -> Reply:
        return Reply.json({"data": []})

    monkeypatch.setenv("MY_LOGIN", f"Bearer {SECRET}")
    headers = {"Authorization": "env:MY_LOGIN"}
    async with HttpPeer(answer) as peer, reaching(peer.url, headers=headers) as transport:
        await list_models(transport)
        (request,) = peer.requests
    assert request.headers["authorization"] == f"Bearer {SECRET}"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_LOGIN", raising=False)
    with pytest.raises(ConfigError, match="'mine' takes its header X-Key from MY_LOGIN") as caught:
        Transport(Profile(name="mine", headers={"X-Key": "env:MY_LOGIN"}), None)
    assert "export MY_LOGIN" in caught.value.hint


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "headers", "said"),
    [
        (None, {}, "The server wants a key, and the profile has none"),
        ("sk-wrong-0123456789", {}, "The server does not accept the key"),
        (None, {"X-Api-Key": "wrong"}, "The server does not accept the key"),
    ],
)
async def test_without_a_key_it_is_one_that_is_wanted(
    key: str | None, headers: dict[str, str], said: str
) -> None:
    async def refuse(request: Request) -> Reply:
        return Reply.error(401, "Invalid API key", code="invalid_api_key")

    async with HttpPeer(refuse) as peer, reaching(peer.url, key, headers=headers) as transport:
        error = await refused(transport)
    assert (error.code, error.status) == ("unauthorized", 401)
    assert said in error.message
    wanted = "wants a key" in said
    assert ("api_key_env" in error.hint) is wanted
    assert ("config set-key mine" in error.hint) is wanted


@pytest.mark.parametrize(
    ("protocol", "hint"),
    [("chat", "were changed since"), ("responses", 'protocol = "chat"')],
)
async def test_a_server_that_had_answered_is_not_a_login_page(
    protocol: WireProtocol, hint: str
) -> None:
    replies = [Reply.json({"data": []}), Reply(404), Reply.error(404)]

    async def answer(request: Request) -> Reply:
        return replies.pop(0)

    async with HttpPeer(answer) as peer, reaching(peer.url, protocol=protocol) as transport:
        await list_models(transport)
        for _ in range(2):
            error = await refused(transport)
            assert (error.code, error.status) == ("not_found", 404)
            assert hint in error.hint
            assert "proxy" not in error.hint


async def test_a_server_that_never_answered_may_be_another() -> None:
    async def answer(request: Request) -> Reply:
        return Reply.error(404)

    async with HttpPeer(answer) as peer, reaching(peer.url, protocol="chat") as transport:
        assert "Check base_url" in (await refused(transport)).hint


# --- no network -----------------------------------------------------------------------------------


HOSTED = [each for each in PRESETS.values() if each.base_url and not is_local(each)]


@pytest.mark.parametrize("preset", HOSTED, ids=lambda each: each.name)
def test_where_nobody_wrote_an_address_the_network_comes_first(preset: Profile) -> None:
    host = urlsplit(preset.base_url or "").netloc
    route = Route(host=host, connect_timeout=5, read_timeout=5)
    for error in (
        cannot_connect(socket.gaierror(), route),
        cannot_connect(ConnectionRefusedError(), route),
        too_slow(route),
    ):
        assert host in error.message
        assert error.hint.startswith("Check this machine's network")
        assert "base_url" not in error.hint
    assert "There is no host" not in cannot_connect(socket.gaierror(), route).message


def test_an_address_of_ones_own_may_be_misspelt() -> None:
    route = Route(host="modles.test", connect_timeout=5, read_timeout=5)
    assert "base_url" in cannot_connect(socket.gaierror(), route).hint
    assert "base_url" in too_slow(route).hint
