"""All active runs: starts them, finds them, and stops them with the server."""

from __future__ import annotations

import asyncio

from tui.core.models import JsonObject
from tui.core.ports import AssistantStore, Provider
from tui.engine.windows import Windows
from tui.server.errors import ApiError, bad_request
from tui.server.history import decode_request
from tui.server.live import LiveRun
from tui.server.settings import ServerSettings
from tui.server.streaming import EventStream, OpenStreams

_STOP_TIMEOUT = 0.5


class ActiveRuns:
    """Runs in the background, at most one in a thread; responses only watch them."""

    def __init__(self, provider: Provider, store: AssistantStore, settings: ServerSettings) -> None:
        self._provider = provider
        self._store = store
        self._settings = settings
        self._by_id: dict[str, LiveRun] = {}
        self._by_thread: dict[str, LiveRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams = OpenStreams()
        self._windows = Windows()

    @property
    def expiry(self) -> float:
        """Seconds that a run waits for tool outputs."""
        return self._settings.run_expiry

    def get(self, run_id: str) -> LiveRun | None:
        """The run, while it is active."""
        return self._by_id.get(run_id)

    def check_tools(self, run: JsonObject) -> None:
        """Raise ApiError 400 when a run brings tools and the model cannot call any."""
        if run["tools"] and not self._provider.capabilities.tools:
            raise bad_request("The model behind this server cannot call tools.", param="tools")

    def check_idle(self, thread_id: str) -> None:
        """Raise ApiError 400 when a run is active in the thread."""
        live = self._by_thread.get(thread_id)
        if live is not None:
            run_id = live.record.run["id"]
            raise bad_request(f"Thread {thread_id} already has an active run {run_id}.")

    def check_writable(self, thread_id: str) -> None:
        """Raise ApiError 400 when a run is active, so that no message may be added."""
        live = self._by_thread.get(thread_id)
        if live is not None:
            run_id = live.record.run["id"]
            raise bad_request(f"Can't add messages to {thread_id} while a run {run_id} is active.")

    def start(self, run: JsonObject, additional_instructions: str | None) -> LiveRun:
        """Store the run and start it with the server's next breath; nothing is announced yet."""
        if self._streams.closed:
            raise ApiError(503, "The server is shutting down.", kind="server_error")
        live = LiveRun(
            provider=self._provider,
            store=self._store,
            run=run,
            request=lambda: decode_request(
                self._store, run, additional_instructions, self._settings.default_models
            ),
            settings=self._settings,
            windows=self._windows,
        )
        self._by_id[run["id"]] = self._by_thread[run["thread_id"]] = live
        task = asyncio.create_task(self._drive(live))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return live

    def watch(self, live: LiveRun) -> EventStream:
        """A response that sends what the run says from now on."""
        broadcast = live.record.broadcast
        return EventStream(broadcast, broadcast.subscribe(), self._streams)

    def abandon(self, thread_id: str) -> None:
        """The thread is deleted: its run ends unseen."""
        live = self._by_thread.pop(thread_id, None)
        if live is not None:
            self._by_id.pop(live.record.run["id"], None)
            live.abandon()

    def end_streams(self) -> None:
        """End all responses, now and later; runs go on. Call it on the server's loop."""
        self._streams.close()

    async def stop(self) -> None:
        """Stop all runs as they are; the next start of a persistent server marks them failed."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_TIMEOUT)

    async def _drive(self, live: LiveRun) -> None:
        try:
            await live.drive()
        finally:
            self._by_id.pop(live.record.run["id"], None)
            if self._by_thread.get(live.record.run["thread_id"]) is live:
                del self._by_thread[live.record.run["thread_id"]]
