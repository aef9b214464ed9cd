"""uvicorn as this project runs it: quiet, on a bound socket, stopped with streams open."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from tui.core.errors import ConfigError

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
        # Without any handler Python prints warnings to the terminal, which may be ours to draw on.
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever starts the server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    def request_stop(self) -> None:
        """Begin to stop: streams end first, since each would hold the server. On its loop only."""
        self._app.state.runs.end_streams()
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """A listening-ready socket; port 0 takes a free one. Raises ConfigError with the reason."""
    try:
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
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Cannot listen on {host} port {port}: {reason}.",
            hint="Choose another address or port; port 0 takes a free one.",
        ) from error
    return bound


def base_url(bound: socket.socket) -> str:
    """Where clients find the API: ends in /v1."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
