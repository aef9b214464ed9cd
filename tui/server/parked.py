"""Tool calls that wait for a client's outputs: a Toolset whose functions run elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

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


class ClientDecides:
    """The client decides about its own functions: the server lets each call of them through.

    A call that the provider would run itself, and only after somebody agreed, is refused: the
    protocol has no way to ask the client, and it is not for the server to agree.
    """

    def __init__(self) -> None:
        self._refused: set[CallId] = set()

    def refuse(self, call_ids: Iterable[CallId]) -> None:
        """These calls would need someone to ask."""
        self._refused.update(call_ids)

    def decide(
        self,
        call: ToolCall,
        spec: ToolSpec | None,
    ) -> Decision | Ask:
        if call.call_id in self._refused:
            return Decision(approved=False, by="policy", reason="nobody can be asked here.")
        return Decision(approved=True, by="policy")
