"""Tool calls that wait for a client's outputs: a Toolset whose functions run elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tui.core.models import CallId, Decision, Problem, ToolOutput, ToolSpec
from tui.core.ports import Ask
from tui.core.thread import ToolCall


class ParkedToolset:
    """Calls wait until ``resolve`` brings their outputs, which may be before they are made."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self._specs = tuple(specs)
        self._outputs: dict[CallId, asyncio.Future[ToolOutput]] = {}

    async def specs(self) -> Sequence[ToolSpec]:
        return self._specs

    def problems(self) -> Sequence[Problem]:
        """What the client declared is on offer."""
        return ()

    def validate(self, name: str, arguments: str) -> Problem | None:
        """Whether a call makes sense is for the client to judge: it has the function."""
        return None

    async def call(
        self,
        call_id: CallId,
        name: str,
        arguments: str,
        emit: Callable[[str], None],
    ) -> ToolOutput:
        return await self._output(call_id)

    def resolve(self, call_id: CallId, text: str) -> None:
        """The client's output for a call."""
        output = self._output(call_id)
        if not output.done():
            output.set_result(ToolOutput(text=text))

    async def close(self) -> None:
        """Nothing runs here."""

    def _output(self, call_id: CallId) -> asyncio.Future[ToolOutput]:
        if call_id not in self._outputs:
            self._outputs[call_id] = asyncio.get_running_loop().create_future()
        return self._outputs[call_id]


class ApproveAll:
    """The client decides about its own functions; the server lets every call through."""

    def decide(
        self,
        call: ToolCall,
        spec: ToolSpec | None,
    ) -> Decision | Ask:
        return Decision(approved=True, by="policy")
