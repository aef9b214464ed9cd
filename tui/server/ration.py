"""What a run may still ask of its model, round by round: limits count over the whole run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

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
_CHOICE = "tool_choice"


class RationedProvider:
    """A provider for one run, which keeps its limits: most protocols only know those of an answer.

    Each request asks for no more tokens than earlier rounds have left, and a call that the run has
    to make is asked for once: a model that has to call again and again would never answer.
    """

    def __init__(self, provider: Provider, *, max_prompt_tokens: int | None) -> None:
        self._provider = provider
        self._max_prompt_tokens = max_prompt_tokens

    @property
    def capabilities(self) -> Capabilities:
        return self._provider.capabilities

    @asynccontextmanager
    async def open(self, request: RunRequest) -> AsyncIterator[RunSession]:
        options = dict(request.options)
        async with self._provider.open(replace(request, options=options)) as session:
            yield _RationedSession(session, options, self._max_prompt_tokens)

    async def models(self) -> Sequence[ModelInfo]:
        return await self._provider.models()

    async def close(self) -> None:
        """The provider behind it is not the run's to close."""


class _RationedSession:
    """``options`` are those of the session's request, which it reads anew for each round."""

    def __init__(
        self, session: RunSession, options: JsonObject, max_prompt_tokens: int | None
    ) -> None:
        self._session = session
        self._options = options
        self._max_prompt = max_prompt_tokens
        self._max_completion: int | None = options.get(_LIMIT)
        self._used = Usage()

    @property
    def continuation(self) -> JsonObject:
        return self._session.continuation

    async def turn(self, given: TurnInput) -> AsyncIterator[Signal]:
        if isinstance(given, ToolResults):
            self._ration()
        signals = self._session.turn(given)
        async with _closing(signals):
            async for signal in signals:
                if isinstance(signal, UsageReported):
                    self._used = signal.usage
                yield self._checked(signal) if isinstance(signal, TurnFinished) else signal

    async def cancel(self) -> Outcome:
        return await self._session.cancel()

    def _ration(self) -> None:
        if self._max_completion is not None:
            self._options[_LIMIT] = self._max_completion - self._used.output_tokens
        if self._options.get(_CHOICE) != "none":
            self._options.pop(_CHOICE, None)

    def _checked(self, end: TurnFinished) -> TurnFinished:
        """A run that has nothing left gets no further round."""
        if end.outcome is not Outcome.REQUIRES_ACTION:
            return end
        reason = self._used_up()
        return TurnFinished(outcome=Outcome.INCOMPLETE, reason=reason) if reason else end

    def _used_up(self) -> str:
        if _reached(self._max_completion, self._used.output_tokens):
            return _LIMIT
        return "max_prompt_tokens" if _reached(self._max_prompt, self._used.input_tokens) else ""


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
