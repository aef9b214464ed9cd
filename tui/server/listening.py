"""uvicorn as this project runs it: quiet, on a bound socket, stopped with streams open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from tui.core.errors import ConfigError, TickertapeError

_LAST_PORT = 65_535
_TICK_SECONDS = 1.0
_GRACE = 1  # seconds for responses to end before they are cancelled


class Listener(uvicorn.Server):
    """Serves one application on one socket and leaves signals alone.

    ``on_started`` is called on the server's event loop once requests are answered.
    """

    def __init__(self, app: Starlette, on_started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._app = app
        self._on_started = on_started
        self._asked_to_stop = asyncio.Event()
        # Without any handler Python prints warnings to the terminal, which may be ours to draw on.
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever starts the server."""
        yield

    async def main_loop(self) -> None:
        """Once a second the date of answers is put right, where uvicorn looks up ten times."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._asked_to_stop.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    def listen(self, bound: socket.socket) -> None:
        """Serve until asked to stop. Raises TickertapeError when it cannot start."""
        try:
            self.run(sockets=[bound])
        except SystemExit as error:
            # How uvicorn says that the application's start failed; it has logged why.
            raise TickertapeError("The server did not start.", hint="See the log.") from error

    def request_stop(self) -> None:
        """Begin to stop: streams end first, since each would hold the server. On its loop only."""
        self._app.state.runs.end_streams()
        self.should_exit = True
        self._asked_to_stop.set()


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ConfigError with the reason."""
    if not 0 <= port <= _LAST_PORT:
        # The resolver would cut the number down to some port.
        raise _cannot_listen(host, port, f"ports go from 0 to {_LAST_PORT}")
    try:
        return _bound(host, port)
    except OSError as error:
        raise _cannot_listen(host, port, error.strerror or str(error)) from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _cannot_listen(host: str, port: int, reason: str) -> ConfigError:
    return ConfigError(
        f"Cannot listen on {host} port {port}: {reason}.",
        hint="Choose another address or port; port 0 takes a free one.",
    )


def base_url(bound: socket.socket) -> str:
    """Where clients find the API: ends in /v1."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
