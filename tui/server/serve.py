"""The server as a program of its own: in the foreground until a signal stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from starlette.applications import Starlette

from tui.server.access import require_key
from tui.server.listening import Listener, base_url, bind

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_server(app: Starlette, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then stop within 2 s, streams or not; main thread only.

    ``on_listening`` gets the base URL (it ends in /v1) once requests are answered. Raises
    ConfigError when ``host`` needs a key and the application has none, or cannot be bound;
    TickertapeError when the application does not start.
    """
    require_key(host, key_set=app.state.api_key_set)
    bound = bind(host, port)

    def started() -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, listener.request_stop)
        on_listening(base_url(bound))

    listener = Listener(app, started)
    with bound:
        listener.listen(bound)
