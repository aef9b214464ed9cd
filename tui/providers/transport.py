"""The way to a server: the SDK builds and sends requests, we read the raw bytes that come back.

The SDK and its HTTP library are imported on first use, in a thread, because that takes longer than
a frame. No request is ever sent twice here; only connecting is tried once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from tui.core.errors import ProviderError
from tui.core.models import JsonObject, Problem
from tui.core.settings import Profile, WireProtocol
from tui.providers import failures, unreachable
from tui.providers.addresses import address_hint, changed_hint
from tui.providers.fields import obj, objects, parse_object, text
from tui.providers.headers import (
    headers_of,
    secret_headers,
    sends_credential,
    without_made_up_key,
)
from tui.providers.redaction import Secrets
from tui.providers.unreachable import Route
from tui.providers.way_out import proxy_for, trusted

if TYPE_CHECKING:
    import httpx2
    import openai

MAX_BODY_BYTES = 32 * 1024 * 1024
_NO_KEY = "none"  # said, as well
_OPENAI = "https://api.openai.com/v1"  # said, or the SDK would look for one in the environment

Call: TypeAlias = Callable[["openai.AsyncOpenAI"], AbstractAsyncContextManager[Any]]
"""Calls a ``with_streaming_response`` method of the client; sends nothing by itself."""


class BodyTooLargeError(Exception):
    """A body that should be one JSON object is larger than any sane server sends."""


class OpenedResponse:
    """A response whose body is still to come. Close it when done."""

    def __init__(self, response: Any, manager: AbstractAsyncContextManager[Any]) -> None:
        http: httpx2.Response = response.http_response
        self._http = http
        self._manager = manager
        self.url = str(http.url.copy_with(username="", password="", query=None))
        self.status: int = http.status_code
        self.request_id: str = http.headers.get("x-request-id", "")
        self.content_type: str = http.headers.get("content-type", "").lower()
        self._answer = ""

    def stand_for(self, answer: str) -> OpenedResponse:
        """The same response as if it had been a stream, with this body as its one event."""
        self._answer = answer
        return self

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives; raises what ``Transport.broken`` puts in words."""
        return _one_event(self._answer) if self._answer else self._http.aiter_bytes()

    async def body(self) -> str:
        """The whole body. Raises BodyTooLargeError beyond ``MAX_BODY_BYTES``."""
        found = bytearray()
        async with contextlib.aclosing(self._http.aiter_bytes()) as chunks:
            async for chunk in chunks:
                found += chunk
                if len(found) > MAX_BODY_BYTES:
                    raise BodyTooLargeError
        return found.decode("utf-8", "replace")

    async def close(self) -> None:
        """Give the connection back; idempotent."""
        await self._manager.__aexit__(None, None, None)


class Transport:
    """One client for one profile, made on first use and shared by all its runs.

    Raises ConfigError when a header names a variable that is not set.
    """

    def __init__(self, profile: Profile, api_key: str | None) -> None:
        self._headers = headers_of(profile)
        taken = secret_headers(profile).values()
        self.secrets = Secrets.of(api_key, self._headers, profile.hosted_tools, taken)
        self.host = urlsplit(profile.base_url or "").netloc.rpartition("@")[2] or "the server"
        self.who = failures.Answerer(
            host=self.host,
            secrets=self.secrets,
            address_hint=address_hint(profile),
            keyless="" if api_key or sends_credential(self._headers) else profile.name,
        )
        self._profile = profile
        self._api_key = api_key
        self._client: openai.AsyncOpenAI | None = None
        self._building = asyncio.Lock()

    async def json(self, call: Call) -> JsonObject:
        """The JSON object that a request gives. Raises ProviderError."""
        opened = await self._open(call)
        try:
            body = await opened.body()
        except Exception as error:  # noqa: BLE001 - whatever a socket can do, told in words
            raise self._explain(error) from None
        finally:
            await opened.close()
        data = parse_object(self.secrets.redact(body))
        if data is None:
            raise failures.not_json(self.who)
        self._note_answer()
        return data

    async def stream(self, call: Call) -> OpenedResponse:
        """Send a request whose answer is an event stream. Raises ProviderError."""
        opened = await self._open(call)
        if not any(kind in opened.content_type for kind in ("html", "json")):
            self._note_answer()
            return opened
        try:
            body = await opened.body()
        except Exception as error:  # noqa: BLE001 - whatever a socket can do, told in words
            raise self._explain(error) from None
        finally:
            await opened.close()
        if _is_answer(parse_object(body) or {}):  # from a proxy that does not stream
            return opened.stand_for(body)
        raise failures.not_a_stream(body, self.who)

    def _note_answer(self) -> None:
        """There is an API at this address, so that what is missing later has other causes."""
        self.who = replace(self.who, absent_hint=changed_hint(self._profile))

    def broken(self, error: Exception) -> Problem:
        """Why reading a body stopped, in words."""
        import httpx2

        return unreachable.broken(error, httpx2, self._route())

    async def close(self) -> None:
        """Give back all connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self, call: Call) -> OpenedResponse:
        client = await self._ready()
        try:
            manager = _call_quietly(call, client)
            return OpenedResponse(await manager.__aenter__(), manager)
        except Exception as error:  # noqa: BLE001 - SDK, HTTP and socket errors, told in words
            raise self._explain(error) from None

    async def _ready(self) -> openai.AsyncOpenAI:
        async with self._building:
            if self._client is None:
                try:
                    self._client = await asyncio.to_thread(
                        _build, self._profile, self._api_key, self._headers
                    )
                except ProviderError as error:
                    # A fresh error: the frames of the failed one hold the key.
                    raise failures.unusable(str(error), error.hint) from None
                except Exception as error:  # noqa: BLE001 - the SDK raises many kinds
                    raise failures.unusable(self.secrets.redact(str(error))) from None
            return self._client

    def _explain(self, error: Exception) -> ProviderError:
        import httpx2
        import openai

        if isinstance(error, BodyTooLargeError):
            return failures.too_large(self.host, MAX_BODY_BYTES)
        if isinstance(error, openai.APIStatusError):
            response = error.response
            body = response.content.decode("utf-8", "replace")
            if response.status_code == 407:
                return unreachable.proxy_wants_a_name(self._route())
            return failures.status_error(response.status_code, response.headers, body, self.who)
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
        if isinstance(cause, httpx2.HTTPError | httpx2.InvalidURL | httpx2.StreamError):
            return unreachable.connection_error(cause, httpx2, self._route())
        return failures.unusable(self.secrets.redact(str(error)))

    def _route(self) -> Route:
        proxy = proxy_for(self._profile.base_url)
        return Route(
            host=self.host,
            proxy=urlsplit(proxy).netloc.rpartition("@")[2] if proxy else None,
            connect_timeout=self._profile.connect_timeout,
            read_timeout=self._profile.read_timeout,
        )


def _call_quietly(call: Call, client: openai.AsyncOpenAI) -> AbstractAsyncContextManager[Any]:
    """Make the call without the SDK's warning that this API is deprecated; we know."""
    warnings.filterwarnings(
        "ignore",
        message=r"(The Assistants API is )?deprecated",
        category=DeprecationWarning,
        module=r"openai\.",
    )
    return call(client)


def _build(profile: Profile, api_key: str | None, headers: Mapping[str, str]) -> openai.AsyncOpenAI:
    """Make the client; slow the first time, so never on an event loop."""
    import httpx2
    import openai

    from tui.providers.bounded import bound_errors

    _check(profile)
    timeout = httpx2.Timeout(profile.read_timeout, connect=profile.connect_timeout)
    # trust_env stays off for the client: the proxy is chosen here, and a .netrc must not add
    # credentials. Redirects are not followed: they would carry the key elsewhere.
    http_client = httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(
            verify=trusted(), retries=1, proxy=proxy_for(profile.base_url)
        ),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )
    http_client.event_hooks["response"].append(bound_errors)
    shared: dict[str, Any] = {
        "max_retries": 0,
        "timeout": timeout,
        "http_client": http_client,
        "default_headers": dict(headers),
    }
    if not api_key:
        http_client.event_hooks["request"].append(without_made_up_key(headers))
    client: openai.AsyncOpenAI
    if profile.dialect == "azure":
        client = openai.AsyncAzureOpenAI(
            azure_endpoint=_resource(profile.base_url or ""),
            api_version=profile.api_version,
            api_key=api_key or _NO_KEY,
            **shared,
        )
    else:
        if profile.dialect == "foundry":
            shared["default_query"] = {"api-version": profile.api_version or "v1"}
        client = openai.AsyncOpenAI(
            base_url=profile.base_url or _OPENAI, api_key=api_key or _NO_KEY, **shared
        )
    _import_types(client, profile.protocol)
    return client


def _is_answer(body: JsonObject) -> bool:
    """Whether this is a whole chat completion or response."""
    if text(body, "object") == "response":
        return bool(text(body, "status"))
    return any(obj(choice, "message") for choice in objects(body, "choices"))


async def _one_event(data: str) -> AsyncIterator[bytes]:
    lines = "\n".join(f"data: {line}" for line in data.replace("\r", " ").split("\n"))
    yield f"{lines}\n\n".encode()


def _resource(address: str) -> str:
    """The SDK adds what is below a resource of Azure; people copy some of that along."""
    return address.rstrip("/").removesuffix("/v1").removesuffix("/openai")


def _import_types(client: openai.AsyncOpenAI, protocol: WireProtocol) -> None:
    """Importing these resources builds hundreds of types; better now than on the event loop."""
    _ = client.models
    if protocol == "assistants":
        _ = client.beta.assistants, client.beta.threads.messages, client.beta.threads.runs.steps
    elif protocol == "responses":
        _ = client.responses
    else:
        _ = client.chat.completions


def _check(profile: Profile) -> None:
    parts = urlsplit(profile.base_url or "")
    if profile.base_url and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise failures.unusable(
            f"The base_url of profile {profile.name!r} is no address.",
            "It has to start with http:// or https:// and name a host.",
        )
    if parts.query or parts.fragment:
        raise failures.unusable(
            f"The base_url of profile {profile.name!r} may not have a query.",
            "Put the API version in api_version and leave out everything from the '?' on.",
        )
    if profile.dialect in ("azure", "foundry") and not profile.base_url:
        raise failures.unusable(
            f"The profile {profile.name!r} needs a base_url.",
            "For Azure it is the endpoint, such as https://NAME.openai.azure.com.",
        )
    if profile.dialect == "azure" and not profile.api_version:
        raise failures.unusable(
            f"The profile {profile.name!r} needs an api_version.",
            "Azure OpenAI wants one, such as 2024-05-01-preview.",
        )
