"""What a run may still ask of its model, round by round: limits count over the whole run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tui.core.events import TurnFinished, UsageReported
from tui.core.models import JsonObject, ModelInfo, Outcome, Usage
from tui.core.ports import (
    Capabilities,
    Provider,
    RunRequest,
    RunSession,
    Signal,
    ToolResults,
    TurnInput,
)

_LIMIT = "max_completion_tokens"


class RationedProvider:
    """A provider for one run, which keeps its limits: most protocols only know those of an answer.

    Each request asks for no more tokens than earlier rounds have left, in the run's earlier
    sessions too.
    """

    def __init__(self, provider: Provider, *, max_prompt_tokens: int | None) -> None:
        self._provider = provider
        self._max_prompt_tokens = max_prompt_tokens
        self._used = Usage()

    @property
    def capabilities(self) -> Capabilities:
        return self._provider.capabilities

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        ration = _Ration(
            options=request.options,
            max_completion=request.options.get(_LIMIT),
            max_prompt=self._max_prompt_tokens,
            before=self._used,
        )
        async with self._provider.open(replace(request, options=ration.rest())) as session:
            try:
                yield _RationedSession(session, ration)
            finally:
                self._used = ration.used

    async def models(self) -> Sequence[ModelInfo]:
        return await self._provider.models()

    async def close(self) -> None:
        """The provider behind it is not the run's to close."""


@dataclass(slots=True, kw_only=True)
class _Ration:
    """What a session may use: limits of the run, of which ``before`` is used up already."""

    options: JsonObject
    max_completion: int | None
    max_prompt: int | None
    before: Usage
    here: Usage = field(default_factory=Usage)

    @property
    def used(self) -> Usage:
        """What the run has used in all its sessions."""
        return self.before + self.here

    def rest(self) -> JsonObject:
        """The options of the next request."""
        if self.max_completion is None:
            return self.options
        return {**self.options, _LIMIT: self.max_completion - self.used.output_tokens}

    def used_up(self) -> str:
        """The limit that was reached, or an empty string."""
        if _reached(self.max_completion, self.used.output_tokens):
            return _LIMIT
        return "max_prompt_tokens" if _reached(self.max_prompt, self.used.input_tokens) else ""


class _RationedSession:
    """A session that is told what is left, and is over when nothing is."""

    def __init__(self, session: RunSession, ration: _Ration) -> None:
        self._session = session
        self._ration = ration

    @property
    def continuation(self) -> JsonObject:
        return self._session.continuation

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        if isinstance(given, ToolResults):
            given = replace(given, options=self._ration.rest())
        signals = self._session.turn(given)
        async with _closing(signals):
            async for signal in signals:
                if isinstance(signal, UsageReported):
                    self._ration.here = signal.usage
                yield self._checked(signal) if isinstance(signal, TurnFinished) else signal

    async def cancel(self) -> Outcome:
        return await self._session.cancel()

    def _checked(self, end: TurnFinished) -> TurnFinished:
        """A run that has nothing left gets no further round."""
        if end.outcome is not Outcome.REQUIRES_ACTION:
            return end
        reason = self._ration.used_up()
        return TurnFinished(outcome=Outcome.INCOMPLETE, reason=reason) if reason else end


def _reached(limit: int | None, used: int) -> bool:
    return limit is not None and used >= limit


@asynccontextmanager
async def _closing(signals: AsyncIterator[Signal]) -> AsyncIterator[None]:
    """Leaving early gives the connection back."""
    try:
        yield
    finally:
        if isinstance(signals, AsyncGenerator):
            await signals.aclose()
