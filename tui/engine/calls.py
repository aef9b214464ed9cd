"""The tool calls of one required action: check, decide, record, run; errors become outputs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tui.core import events as e
from tui.core.errors import TickertapeError
from tui.core.models import (
    CallId,
    Decision,
    Need,
    RunId,
    ToolOrigin,
    ToolOutput,
    ToolSpec,
    ToolState,
)
from tui.core.ports import ApprovalPolicy, Ask, ToolResult, Toolset
from tui.core.text import GrowingText
from tui.core.thread import ToolCall

_log = logging.getLogger(__name__)

_STARTED_BEFORE = (
    "The call had been started when the client ended, and whether it took effect is unknown. "
    "It was not run again."
)


class CallRecorder(Protocol):
    """The part of a run's recorder that calls need."""

    def emit(self, event: e.Event) -> None:
        """Record an event."""
        ...

    async def barrier(self) -> None:
        """Return when everything recorded is durable."""
        ...


@dataclass(slots=True)
class Decisions:
    """Where a person's answers arrive, before or after anyone waits; the first one wins."""

    _made: dict[CallId, Decision] = field(default_factory=dict)
    _waiting: dict[CallId, asyncio.Future[Decision]] = field(default_factory=dict)

    def decide(self, call_id: CallId, decision: Decision) -> bool:
        """Give an answer; false when there was one already."""
        if call_id in self._made:
            return False
        self._made[call_id] = decision
        waiting = self._waiting.pop(call_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision)
        return True

    async def wait(self, call_id: CallId) -> Decision:
        """The answer, as soon as there is one."""
        if call_id in self._made:
            return self._made[call_id]
        future = self._waiting.setdefault(call_id, asyncio.get_running_loop().create_future())
        return await future


@dataclass(slots=True, kw_only=True)
class CallRunner:
    """Runs the calls of a required action side by side. ``timeout`` is in seconds per call.

    ``before`` are calls of this run as an earlier process left them: what is decided stays
    decided, what is done stays done, and what had started is never started again.
    """

    run_id: RunId
    toolset: Toolset
    specs: Mapping[str, ToolSpec]
    policy: ApprovalPolicy
    decisions: Decisions
    recorder: CallRecorder
    timeout: float
    before: Mapping[CallId, ToolCall] = field(default_factory=dict)

    async def run(self, needs: Sequence[Need]) -> tuple[ToolResult, ...]:
        """One result for each need, in their order; never raises because of a call."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._finish(need)) for need in needs]
        return tuple(task.result() for task in tasks)

    async def _finish(self, need: Need) -> ToolResult:
        if need.approval:
            return await self._approve(need)
        return ToolResult(call_id=need.call_id, output=await self._answer(need))

    async def _approve(self, need: Need) -> ToolResult:
        """A call that the provider runs: only the decision about it is wanted."""
        decision = await self._decision(need)
        self.recorder.emit(e.ApprovalDecided(call_id=need.call_id, decision=decision))
        said = "Approved." if decision.approved else _refusal(decision)
        output = ToolOutput(text=said, is_error=not decision.approved)
        self.recorder.emit(
            e.ToolFinished(call_id=need.call_id, output=output.text, is_error=output.is_error)
        )
        return ToolResult(call_id=need.call_id, output=output, decision=decision)

    async def _answer(self, need: Need) -> ToolOutput:
        before = self.before.get(need.call_id)
        if before is not None and before.state in (ToolState.DONE, ToolState.FAILED):
            return ToolOutput(text=str(before.output), is_error=before.is_error)
        output = await self._output(need)
        self.recorder.emit(
            e.ToolFinished(call_id=need.call_id, output=output.text, is_error=output.is_error)
        )
        return output

    async def _output(self, need: Need) -> ToolOutput:
        try:
            before = self.before.get(need.call_id)
            if before is not None and before.started_mono is not None:
                return _failed(_STARTED_BEFORE)
            if problem := self.toolset.validate(need.name, need.arguments):
                return _failed(problem.message)
            decision = await self._decision(need)
            self.recorder.emit(e.ApprovalDecided(call_id=need.call_id, decision=decision))
            if not decision.approved:
                return _failed(_refusal(decision))
            self.recorder.emit(e.ToolStarted(call_id=need.call_id))
            await self.recorder.barrier()
            return await self._call(need)
        except TickertapeError as error:
            return _failed(str(error))
        except Exception as error:  # noqa: BLE001
            # A broken tool or toolset must not end the run: the model gets to know.
            _log.exception("tool call %s failed", need.name)
            return _failed(f"The tool failed: {type(error).__name__}: {error}")

    async def _decision(self, need: Need) -> Decision:
        before = self.before.get(need.call_id)
        if before is not None and before.decision is not None:
            return before.decision
        call = ToolCall(
            call_id=need.call_id,
            run_id=self.run_id,
            part_id="",
            name=need.name,
            origin=ToolOrigin.REMOTE_MCP if need.approval else ToolOrigin.CLIENT,
            arguments=GrowingText(need.arguments),
        )
        # A tool of somebody else may be called like one of ours, and is not what that one is.
        spec = None if need.approval else self.specs.get(need.name)
        decision = self.policy.decide(call, spec)
        if isinstance(decision, Ask):
            self.recorder.emit(e.ApprovalRequested(call_id=need.call_id))
            return await self.decisions.wait(need.call_id)
        return decision

    async def _call(self, need: Need) -> ToolOutput:
        def emit(text: str) -> None:
            self.recorder.emit(e.ToolOutputDelta(call_id=need.call_id, text=text))

        deadline = asyncio.timeout(self.timeout)
        try:
            async with deadline:
                return await self.toolset.call(need.call_id, need.name, need.arguments, emit)
        except TimeoutError:
            if not deadline.expired():
                raise
            return _failed(f"The tool did not finish within {self.timeout:g} s and was stopped.")


def _failed(message: str) -> ToolOutput:
    return ToolOutput(text=f"Error: {message}", is_error=True)


def _refusal(decision: Decision) -> str:
    who = "The user" if decision.by == "user" else "The policy of this client"
    reason = f": {decision.reason}" if decision.reason else "."
    return f"{who} did not allow this call{reason}"
