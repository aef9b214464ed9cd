"""The sandbox as a provider: sessions that play a plan turn by turn, paced and cancellable."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tui.core import events as e
from tui.core.models import CallId, JsonObject, ModelInfo, Outcome, Problem, ToolOutput
from tui.core.ports import (
    Capabilities,
    Resume,
    RunRequest,
    Signal,
    ToolResults,
    TurnInput,
    WireFault,
)
from tui.core.settings import SandboxSettings
from tui.sandbox.handed_in import rounds_handed_in
from tui.sandbox.pace import Pacer, StoppedError
from tui.sandbox.plan import make_plan
from tui.sandbox.play import Beat, Pause, RunLedger, TurnPlayer
from tui.sandbox.steps import EndTurn, FinishedCall, Plan, PlannedCall
from tui.sandbox.tokens import count_tokens

_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


class SandboxProvider:
    """A model made of rules. It needs no key, reaches no network, and repeats itself exactly.

    The same request gives the same events, ids included. Faults of the wire are yielded as
    WireFault for whoever serves the sandbox.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self._settings = settings or SandboxSettings()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(tools=True, server_state=False)

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[SandboxSession]:
        """A session for one run; it reads the scenario file, if there is one, at its first turn."""
        yield SandboxSession(request, self._settings)

    async def models(self) -> Sequence[ModelInfo]:
        """There is only one."""
        return (ModelInfo(id="sandbox"),)

    async def close(self) -> None:
        """There is nothing to give back."""


class SandboxSession:
    """One run of the sandbox over all its rounds."""

    def __init__(self, request: RunRequest, settings: SandboxSettings) -> None:
        self._request = request
        self._settings = settings
        self._ledger = RunLedger(run_id=request.run_id, budget=_budget(request.options))
        self._stop = asyncio.Event()
        self._plan: Plan | None = None
        self._rounds = rounds_handed_in(request.history)
        self._waiting: dict[CallId, PlannedCall] = {}
        self._ended: e.TurnFinished | None = None
        self._continuation: JsonObject = {}

    @property
    def continuation(self) -> JsonObject:
        """Always empty: the whole history comes with each request."""
        return self._continuation

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        if isinstance(given, Resume):
            yield self._ended or e.TurnFinished(outcome=Outcome.DISCONNECTED, error=_LOST)
            return
        if isinstance(given, ToolResults):
            self._take(given)
        self._ended = None
        self._count_input()
        if self._plan is None:
            self._plan = await asyncio.to_thread(make_plan, self._request, self._settings)
        settings = self._settings
        player = TurnPlayer(ledger=self._ledger, rate=settings.rate, interleave=settings.interleave)
        pacer = Pacer(self._stop)
        played = player.play(self._plan(self._rounds))
        try:
            for item in played:
                if isinstance(item, Beat):
                    await pacer.beat(item.rate)
                elif isinstance(item, Pause):
                    await pacer.pause(item.seconds)
                else:
                    self._note(item)
                    yield item
                    if isinstance(item, WireFault):
                        pacer.restart()
        except StoppedError:
            for signal in player.finish(EndTurn(outcome=Outcome.CANCELLED)):
                self._note(signal)
                yield signal

    async def cancel(self) -> Outcome:
        """Stop at once; what had ended by itself keeps its outcome."""
        self._stop.set()
        if self._ended is None or self._ended.outcome is Outcome.REQUIRES_ACTION:
            return Outcome.CANCELLED
        return self._ended.outcome

    def _note(self, signal: Signal) -> None:
        # Before it is yielded: a reader that stops at the end has nevertheless seen the end.
        if isinstance(signal, e.TurnFinished):
            self._ended = signal
            self._waiting = {
                need.call_id: PlannedCall(name=need.name, arguments=need.arguments)
                for need in signal.needs
            }

    def _take(self, given: ToolResults) -> None:
        outputs = {result.call_id: result.output for result in given.results}
        calls = dict(self._waiting)
        for call_id in outputs:
            # Outputs handed to a fresh session (after a restart) are for calls it never saw.
            calls.setdefault(call_id, PlannedCall(name=call_id, arguments="{}"))
        self._rounds.append(
            tuple(
                FinishedCall(call=call, output=outputs.get(call_id))
                for call_id, call in calls.items()
            )
        )
        self._waiting = {}

    def _count_input(self) -> None:
        request = self._request
        texts = [request.instructions, request.additional_instructions]
        texts += [message.text for message in request.history]
        texts += [f"{t.name} {t.description} {json.dumps(t.parameters)}" for t in request.tools]
        for finished in self._rounds:
            texts += [f"{each.call.arguments} {_text(each.output)}" for each in finished]
        self._ledger.input_tokens += sum(count_tokens(text) for text in texts if text)


_LOST = Problem(
    code="sandbox_resume",
    message="The sandbox does not keep runs, so what this one was doing is lost.",
    hint="Send the message again.",
)


def _text(output: ToolOutput | None) -> str:
    return "" if output is None else output.text


def _budget(options: JsonObject) -> int | None:
    given = next((options[name] for name in _LIMITS if options.get(name) is not None), None)
    return given if isinstance(given, int) and not isinstance(given, bool) else None
