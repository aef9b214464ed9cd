"""The server inside another program: in a thread, on a free loopback port."""

from __future__ import annotations

import asyncio
import socket
import threading

from starlette.applications import Starlette

from tui.core.errors import TickertapeError
from tui.server.listening import Listener, base_url, bind

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 2.0


class EmbeddedServer:
    """Runs an application in a thread of its own. Start it once; it can be stopped once.

    Both methods block: call them off the event loop of a user interface.
    """

    def __init__(self, app: Starlette) -> None:
        self._listener = Listener(app, self._started)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._problem: TickertapeError | None = None
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    def start(self) -> str:
        """Listen, and return the base URL (it ends in /v1) once requests are answered.

        Raises TickertapeError when it does not come up.
        """
        self._socket = bind("127.0.0.1", 0)
        url = base_url(self._socket)
        self._thread.start()
        self._ready.wait(_START_TIMEOUT)
        if self._loop is None:
            self._thread.join(_STOP_TIMEOUT)
            raise self._problem or TickertapeError("The server took too long to start.")
        return url

    def stop(self) -> None:
        """End streams, runs and the thread; within 2 s. Harmless when it never started."""
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._listener.request_stop)
        except RuntimeError:
            return  # the loop is closed: it has stopped already
        self._thread.join(_STOP_TIMEOUT)

    def _started(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()

    def _serve(self) -> None:
        assert self._socket is not None
        try:
            self._listener.listen(self._socket)
        except TickertapeError as error:
            self._problem = error
        finally:
            self._socket.close()
            self._ready.set()
