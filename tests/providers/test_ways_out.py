"""Proxies and certificates as the environment names them, with a real proxy and real TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.providers.http_peer import HttpPeer, Reply, Request
from tui.core.errors import ProviderError
from tui.core.settings import Profile
from tui.providers.models import list_models
from tui.providers.transport import Transport

HERE = Path(__file__).parent
KEY = "sk-secret-0123456789"
NAMED = "https://models.example/v1"
VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class Proxy:
    """A proxy that tunnels every CONNECT to one port, or refuses it with ``status``."""

    def __init__(self, to: str = "http://127.0.0.1:1", status: str = "200 OK") -> None:
        self.heads: list[str] = []
        self._to = int(to.rpartition(":")[2])
        self._status = status
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
            if self._status.startswith("200"):
                await self._tunnel(reader, writer)
        writer.close()
        self._tasks.discard(task)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()


async def answer(request: Request) -> Reply:
    return Reply.json({"data": [{"id": "m"}]})


@asynccontextmanager
async def secured(certificate: str) -> AsyncIterator[HttpPeer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(HERE / certificate)
    async with HttpPeer(answer, tls=tls) as peer:
        yield peer


async def models(base_url: str) -> list[str]:
    settings = Profile(name="p", protocol="chat", base_url=base_url, connect_timeout=5)
    transport = Transport(settings, KEY)
    try:
        return [model.id for model in await list_models(transport)]
    finally:
        await transport.close()


async def fails(base_url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await models(base_url)
    assert caught.value.hint
    return caught.value


# --- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(HERE / "models_example.pem"))
    async with secured("models_example.pem") as peer:
        assert await models(f"{peer.url}/v1") == ["m"]


async def test_a_directory_of_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pem = (HERE / "models_example.pem").read_text(encoding="utf-8")
    # OpenSSL finds it by a hash of its subject.
    (tmp_path / "16f9df98.0").write_text(pem[pem.index("-----BEGIN CERT") :], encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    async with secured("models_example.pem") as peer:
        assert await models(f"{peer.url}/v1") == ["m"]


@pytest.mark.parametrize(
    ("certificate", "trusted", "words", "hint"),
    [
        ("self_signed.pem", None, "signed by nobody that this machine trusts", "SSL_CERT_FILE"),
        ("self_signed.pem", "self_signed.pem", "is for another host", "name that the certificate"),
        ("expired.pem", "expired.pem", "has expired", "this machine's date"),
    ],
)
async def test_each_trouble_with_a_certificate_has_its_sentence(
    certificate: str,
    trusted: str | None,
    words: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(HERE / trusted))
    async with secured(certificate) as peer:
        error = await fails(f"{peer.url}/v1")
        assert peer.requests == []
    assert (error.code, error.retryable, error.sent) == ("certificate", False, False)
    assert words in error.message
    assert hint in error.hint


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_without_certificates_is_named(
    content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    error = await fails("http://127.0.0.1:1/v1")
    assert str(path) in error.message
    assert "SSL_CERT_FILE" in error.hint


# --- proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_a_proxy_tunnels_to_a_host_that_only_it_knows(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(HERE / "models_example.pem"))
    async with secured("models_example.pem") as peer, Proxy(peer.url) as proxy:
        monkeypatch.setenv(variable, f"http://name:word@127.0.0.1:{proxy.port}")
        assert await models(NAMED) == ["m"]
    (head,) = proxy.heads
    assert head.startswith("CONNECT models.example:443")
    assert base64.b64encode(b"name:word").decode() in head
    assert KEY not in head
    assert peer.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_plain_address_goes_through_a_plain_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpPeer(answer) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
        assert await models("http://models.example/v1") == ["m"]
        assert proxy.requests[0].headers["host"] == "models.example"


async def test_no_proxy_names_hosts_that_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpPeer(answer) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "tickertape.invalid")
        error = await fails("http://tickertape.invalid/v1")
        assert proxy.requests == []
    assert error.code == "unknown_host"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("407 Proxy Authentication Required", "proxy_auth", "wants a name and a password"),
        ("403 Forbidden", "proxy_refused", "did not connect to models.example: 403 Forbidden."),
        ("502 Bad Gateway", "proxy_refused", "did not connect to models.example: 502"),
    ],
)
async def test_a_proxy_that_refuses(
    status: str, code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Proxy(status=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://name:word77@127.0.0.1:{proxy.port}")
        error = await fails(NAMED)
        assert f"The proxy 127.0.0.1:{proxy.port} {words}" in error.message
    assert error.code == code
    assert error.retryable is status.startswith("502")
    assert "PROXY" in error.hint
    assert "word77" not in error.message + error.hint


async def test_a_plain_proxy_that_wants_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: Request) -> Reply:
        return Reply(407, b"<html>who?</html>")

    async with HttpPeer(refuse) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        error = await fails("http://models.example/v1")
    assert error.code == "proxy_auth"


@pytest.mark.parametrize(
    ("proxy", "code", "words"),
    [
        ("http://127.0.0.1:1", "proxy_unreachable", "Nothing answers at the proxy 127.0.0.1:1."),
        ("http://proxy.invalid:3128", "proxy_unreachable", "There is no proxy proxy.invalid:3128."),
        ("socks5://127.0.0.1:1", "profile", "proxy that the environment names cannot be used"),
        ("http://", "profile", "proxy that the environment names cannot be used"),
    ],
)
async def test_a_proxy_that_cannot_be_had(
    proxy: str, code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = await fails(NAMED)
    assert error.code == code
    assert words in error.message
    assert "NO_PROXY" in error.hint
