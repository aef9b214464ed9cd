"""A run while it lasts: what the engine reports becomes the API's objects and events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from tui.core import events as e
from tui.core.models import JsonObject, Need, Outcome
from tui.core.ports import (
    AssistantStore,
    Provider,
    ResponseOpened,
    RunRequest,
    WireFault,
    WireReceived,
)
from tui.core.settings import Limits, Profile
from tui.engine.context import window_for
from tui.engine.run import RunLoop
from tui.engine.windows import Windows
from tui.server import faults
from tui.server.answer import AnswerWriter
from tui.server.blame import last_error
from tui.server.errors import ApiError, bad_request
from tui.server.objects import encode_usage, now
from tui.server.parked import ClientDecides, ParkedToolset
from tui.server.ration import RationedProvider
from tui.server.record import RunRecord
from tui.server.settings import ServerSettings
from tui.server.writers import End

_log = logging.getLogger(__name__)

# The client bounds the rounds and waits for its own tools; what happens to a request that fails
# is for it to decide, too: a retry in here would be one that nobody sees.
_LIMITS = Limits(max_rounds=10_000, tool_timeout=10.0**9, max_retries=0)

_CANCELLABLE = ("queued", "in_progress", "requires_action")


class LiveRun:
    """Drives one run to its end. It is the engine's Recorder; commands come from requests.

    Everything happens on the server's event loop.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        store: AssistantStore,
        run: JsonObject,
        request: Callable[[], RunRequest],
        settings: ServerSettings,
        windows: Windows,
    ) -> None:
        self.record = RunRecord(run, store)
        self._answer = AnswerWriter(self.record)
        self._rebuild = request
        self._request = request()
        self._settings = settings
        self._windows = windows
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._expired = False
        self._needed: list[str] = []
        self._policy = ClientDecides()
        self._toolset = ParkedToolset(self._request.tools)
        self._loop = RunLoop(
            provider=RationedProvider(provider, max_prompt_tokens=run["max_prompt_tokens"]),
            toolset=self._toolset,
            policy=self._policy,
            recorder=self,
            limits=_LIMITS,
        )

    # --- commands ------------------------------------------------------------------------------

    def announce(self) -> None:
        """The first two events of the run."""
        self.record.publish("thread.run.created", self.record.run)
        self.record.publish("thread.run.queued", self.record.run)

    async def drive(self) -> None:
        """Run to the end. Only cancelling its task ends it before; then nothing more is said."""
        try:
            self._loop.fit.window = await self._window()
            await self._loop.run(self._request, rebuild=self._rebuild)
        except Exception:  # noqa: BLE001 - a full disk, our own mistake: the client has to know
            _log.exception("run %s broke", self._request.run_id)
            self._finish(e.RunFinished(outcome=Outcome.FAILED))
        finally:
            self._stop_timer()
            # Nobody may wait for a run that has stopped, however it did.
            self.record.broadcast.end()

    async def _window(self) -> int | None:
        """How many tokens the model takes, or may be given."""
        profile = Profile(name="", context_window=self._settings.context_window)
        known = await self._windows.of(self._loop.provider, profile, self._request)
        most = self.record.run["max_prompt_tokens"]
        if most is None:
            return known
        allowed = window_for(most)
        return allowed if known is None else min(known, allowed)

    def cancel(self) -> None:
        """Ask it to stop. Raises ApiError 400 when it is over or stopping already."""
        if self.record.status not in _CANCELLABLE:
            raise bad_request(f"Cannot cancel run with status '{self.record.status}'.")
        self._stop_timer()
        self.record.change_run("cancelling", required_action=None)
        self._loop.cancel(Outcome.CANCELLED)

    def abandon(self) -> None:
        """The thread is deleted: stop, and store nothing more."""
        self.record.forget()
        self._stop_timer()
        self._loop.cancel(Outcome.CANCELLED)

    def check_outputs(self, outputs: list[tuple[str, str]]) -> None:
        """Raise ApiError 400 unless these are the outputs the run waits for, each once."""
        if self._expired:
            raise outputs_refused("expired")
        if self.record.status != "requires_action":
            raise outputs_refused(self.record.status)
        given = [call_id for call_id, _ in outputs]
        if sorted(given) != sorted(self._needed):
            message = f"Expected tool outputs for call_ids {self._needed}, got {given}"
            raise bad_request(message, param="tool_outputs")

    def submit(self, outputs: list[tuple[str, str]]) -> None:
        """Go on with the outputs that ``check_outputs`` accepted."""
        self._stop_timer()
        self._answer.take_outputs(dict(outputs))
        self.record.change_run("queued", required_action=None)
        for call_id, text in outputs:
            self._toolset.resolve(call_id, text)

    # --- what the engine reports -----------------------------------------------------------------

    def emit(
        self,
        event: e.Event,
        *,
        turn: int | None = None,
        wire: int | None = None,
    ) -> None:
        if isinstance(event, e.TurnStarted):
            self.record.change_run("in_progress", started_at=now())
        elif isinstance(event, e.TurnFinished):
            self._policy.refuse(need.call_id for need in event.needs if need.approval)
            if needs := tuple(need for need in event.needs if not need.approval):
                self._wait_for(needs)
        elif isinstance(event, e.RunFinished):
            self._finish(event)
        else:
            self._answer.apply(event)

    def wire(self, received: WireReceived | ResponseOpened) -> None:
        """How the model behind the server is reached does not concern the client."""

    async def fault(self, fault: WireFault) -> Outcome | None:
        _log.info("run %s: playing the fault %s", self._request.run_id, fault.kind)
        return faults.play(fault, self.record.broadcast)

    async def barrier(self) -> None:
        """The store is synchronous: everything is in it already."""

    def _wait_for(self, needs: tuple[Need, ...]) -> None:
        calls = self._answer.wait_for(needs)
        self._needed = [need.call_id for need in needs]
        self.record.change_run(
            "requires_action",
            required_action={
                "type": "submit_tool_outputs",
                "submit_tool_outputs": {"tool_calls": calls},
            },
            expires_at=now() + int(self._settings.run_expiry),
        )
        self.record.end_streams()
        loop = asyncio.get_running_loop()
        self._expiry_timer = loop.call_later(self._settings.run_expiry, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._loop.cancel(Outcome.EXPIRED)

    def _stop_timer(self) -> None:
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()

    def _finish(self, event: e.RunFinished) -> None:
        self._stop_timer()
        if event.outcome is Outcome.FAILED:
            _log.warning("run %s failed: %s", self.record.run["id"], event.error)
        status, fields, end = _ending(event, self._settings.upstream)
        self._answer.close(end)
        usage = self._answer.usage
        self.record.change_run(
            status,
            required_action=None,
            expires_at=None,
            usage=None if usage is None else encode_usage(usage),
            **fields,
        )
        self.record.end_streams()


def outputs_refused(status: str) -> ApiError:
    """The error for outputs that no one waits for."""
    return bad_request(f'Runs in status "{status}" do not accept tool outputs.')


def _ending(event: e.RunFinished, upstream: str) -> tuple[str, dict[str, Any], End]:
    """The run's final status, the fields that go with it, and how open objects end."""
    if event.outcome is Outcome.COMPLETED:
        return "completed", {"completed_at": now()}, End(step="completed")
    if event.outcome is Outcome.INCOMPLETE:
        filtered = event.reason == "content_filter"
        details = {"reason": _incomplete_reason(event.reason)}
        end = End(step="completed", incomplete="content_filter" if filtered else "max_tokens")
        return "incomplete", {"incomplete_details": details}, end
    if event.outcome is Outcome.CANCELLED:
        return (
            "cancelled",
            {"cancelled_at": now()},
            End(step="cancelled", incomplete="run_cancelled"),
        )
    if event.outcome is Outcome.EXPIRED:
        return "expired", {}, End(step="expired", incomplete="run_expired")
    error = last_error(event.error, upstream=upstream)
    end = End(step="failed", incomplete="run_failed", error=error)
    return "failed", {"failed_at": now(), "last_error": error}, end


def _incomplete_reason(reason: str) -> str:
    """The API knows few reasons; any limit that is not the prompt's is the answer's."""
    known = ("max_prompt_tokens", "content_filter")
    return reason if reason in known else "max_completion_tokens"
