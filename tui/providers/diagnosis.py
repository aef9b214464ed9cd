"""Asks everything between here and an answer, one thing after the other: what works, how fast."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from tui.core import events as e
from tui.core.errors import ProviderError
from tui.core.models import HistoryMessage, JsonObject, Outcome, PartKind, Role, ToolSpec
from tui.core.ports import NewMessages, Provider, RunRequest, Signal
from tui.core.settings import Profile
from tui.providers.models import nearest
from tui.providers.unreachable import Route, cannot_connect, no_handshake, too_slow
from tui.providers.way_out import proxy_for, trusted
from tui.providers.words import plain

CheckState: TypeAlias = Literal["ok", "failed", "not checked"]

# The fewest that every server takes; the Assistants API wants more, so it is not told.
_FEW_TOKENS = 16
# What no model knows by itself, so that it has a reason to call.
_TOOL = ToolSpec(
    name="get_time",
    description="Tells what time it is in a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
_QUESTION = "What time is it in Paris?"
# A small model on a slow machine may think about a call for minutes.
_TOOL_SECONDS = 15.0
_LISTED = 3
_GOOD_ENDS = (Outcome.COMPLETED, Outcome.INCOMPLETE, Outcome.REQUIRES_ACTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. ``said`` is a sentence or a fact; ``seconds`` it took."""

    name: str
    state: CheckState
    said: str
    hint: str = ""
    seconds: float = 0.0


class _NotChecked(Exception):  # noqa: N818 - not an error: there was nothing to look at
    """Why a thing was not looked at."""


class Diagnosis:
    """Looks at one profile; nothing is sent before ``checks`` is iterated."""

    def __init__(self, profile: Profile, provider: Provider) -> None:
        self._profile = profile
        self._provider = provider
        self._stopped = ""

    async def checks(self) -> AsyncIterator[Check]:
        """Every check in its order; what cannot work after a failure is not tried."""
        looks: list[tuple[str, bool, Callable[[], Awaitable[str]]]] = [
            ("DNS", True, self._dns),
            ("TCP", True, self._tcp),
            ("TLS", True, self._tls),
            ("models", False, self._models),
            ("stream", True, self._stream),
            ("tools", False, self._tools),
        ]
        for name, vital, look in looks:
            check = await self._looked_at(name, look)
            if vital and check.state == "failed":
                self._stopped = f"{name} comes first"
            yield check

    async def _looked_at(self, name: str, look: Callable[[], Awaitable[str]]) -> Check:
        begin = time.perf_counter()
        state: CheckState = "ok"
        hint = ""
        if self._stopped:
            return Check(name=name, state="not checked", said=self._stopped)
        try:
            said = await look()
        except _NotChecked as why:
            state, said = "not checked", str(why)
        except ProviderError as error:
            state, said, hint = "failed", error.message, error.hint
        seconds = time.perf_counter() - begin
        return Check(name=name, state=state, said=said, hint=hint, seconds=seconds)

    # --- the way there ------------------------------------------------------------------------

    async def _dns(self) -> str:
        host, port, route = self._first_stop()
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port)
        except OSError as error:
            raise cannot_connect(error, route) from None
        if not route.proxy and _is_address(host):
            return f"{host} needs no lookup"
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        return f"{'the proxy ' if route.proxy else ''}{host} is {addresses[0]}{more}"

    async def _tcp(self) -> str:
        host, port, route = self._first_stop()
        await _connected(host, port, route)
        return f"port {port} answers"

    async def _tls(self) -> str:
        host, port, route = self._first_stop()
        if not (self._profile.base_url or "https:").startswith("https:"):
            raise _NotChecked("the address is http://: nothing is encrypted")
        if route.proxy:
            raise _NotChecked("it goes through the proxy")
        return await _connected(host, port, route, tls=True)

    def _first_stop(self) -> tuple[str, int, Route]:
        """Host and port that are connected to: the server's, or its proxy's."""
        if self._profile.embedded:
            raise _NotChecked("it runs inside this process")
        server = self._profile.base_url or "https://api.openai.com"
        proxy = proxy_for(self._profile.base_url)
        parts = urlsplit(proxy or server)
        route = Route(
            host=urlsplit(server).netloc.rpartition("@")[2],
            proxy=parts.netloc.rpartition("@")[2] if proxy else None,
            connect_timeout=self._profile.connect_timeout,
            read_timeout=self._profile.read_timeout,
        )
        usual = 443 if parts.scheme == "https" else 80
        return parts.hostname or "", parts.port or usual, route

    # --- the server ---------------------------------------------------------------------------

    async def _models(self) -> str:
        names = [model.id for model in await self._provider.models()]
        listed = f"{len(names):,} model{'' if len(names) == 1 else 's'}"
        wanted = self._profile.model
        if wanted in names:
            return f"{listed}, {wanted} among them"
        if wanted is None or not names:
            return f"{listed}: {plain(', '.join(names))}" if 0 < len(names) <= _LISTED else listed
        if self._profile.dialect == "azure":
            return f"{listed}; deployments such as {wanted} are not among them"
        raise ProviderError(
            f"The server's list has no {wanted} ({listed}).",
            hint=f"Set model in the profile, to {nearest(wanted, names)} for example.",
        )

    async def _stream(self) -> str:
        options = {"max_completion_tokens": _FEW_TOKENS}
        if self._profile.protocol == "assistants":
            options = {}
        begin = time.perf_counter()
        found = await self._asked("Say OK.", (), options, lambda one: isinstance(one, e.TextDelta))
        took = time.perf_counter() - begin
        if isinstance(found, e.TurnFinished):
            return f"an answer without a word came after {took:.2f} s"
        return f"an answer began after {took:.2f} s"

    async def _tools(self) -> str:
        if not self._profile.tools:
            raise _NotChecked("the profile says tools = false")
        options = {"tool_choice": "required"}
        try:
            async with asyncio.timeout(_TOOL_SECONDS):
                found = await self._asked(_QUESTION, (_TOOL,), options, _is_call)
        except TimeoutError:
            raise _NotChecked(
                f"a tool was offered, and the model did not call it within {_TOOL_SECONDS:g} s"
            ) from None
        if isinstance(found, e.TurnFinished):
            raise _NotChecked("a tool was offered, and the model answered without it")
        return "the model called the tool that it was offered"

    async def _asked(
        self,
        text: str,
        tools: tuple[ToolSpec, ...],
        options: JsonObject,
        sought: Callable[[Signal], bool],
    ) -> Signal:
        """The first signal that is sought, or the end before it. Raises ProviderError."""
        request = RunRequest(
            thread_id="doctor",
            run_id=uuid.uuid4().hex,
            history=(HistoryMessage(id="question", role=Role.USER, text=text),),
            tools=tools,
            options=options,
        )
        async with self._provider.open(request) as session:
            try:
                async for signal in session.turn(NewMessages()):
                    if isinstance(signal, e.TurnFinished):
                        return _good(signal)
                    if sought(signal):
                        return signal
            finally:
                await session.cancel()  # what nobody waits for must not go on there
        raise ProviderError("The stream ended without saying how.", hint="Try again.")


def _is_call(signal: Signal) -> bool:
    return isinstance(signal, e.PartStarted) and signal.kind is PartKind.TOOL_CALL


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _good(end: e.TurnFinished) -> e.TurnFinished:
    if end.outcome in _GOOD_ENDS:
        return end
    if end.error is not None:
        raise ProviderError(end.error.message, hint=end.error.hint, code=end.error.code)
    raise ProviderError(f"The answer ended as {end.outcome}.", hint="Try again.")


async def _connected(host: str, port: int, route: Route, *, tls: bool = False) -> str:
    """Connect and leave; what TLS agreed upon, if it was asked for. Raises ProviderError."""
    context = None
    if tls:
        import httpx2

        context = httpx2.create_ssl_context(verify=trusted())
    try:
        async with asyncio.timeout(route.connect_timeout):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError:
        raise (no_handshake(route) if tls else too_slow(route)) from None
    except OSError as error:
        raise cannot_connect(error, route) from None
    secured = writer.get_extra_info("ssl_object")
    said = ""
    if secured is not None:
        until = (secured.getpeercert() or {}).get("notAfter", "an unknown date")
        said = f"{secured.version()}, certificate valid until {until}"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return said
