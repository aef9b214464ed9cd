"""Turns steps into the events of one turn; pure, with beats where time has to pass."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

from tui.core import events as e
from tui.core.models import Need, Outcome, PartFinal, PartId, PartKind, RunId, ToolRef, Usage
from tui.core.ports import Signal, WireFault
from tui.sandbox.steps import BreakWire, CallTools, EndTurn, PlannedCall, Say, Step, Wait
from tui.sandbox.tokens import split_arguments, split_text

LENGTH = "max_completion_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The time of one token at ``rate`` tokens a second."""

    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """``seconds`` of silence."""

    seconds: float


Played: TypeAlias = Signal | Beat | Pause


class _OutOfTokensError(Exception):
    """Unwinds a step; it never leaves this module."""


@dataclass(slots=True, kw_only=True)
class RunLedger:
    """What a run has used so far, and the ids it gives out: the same run, the same ids."""

    run_id: RunId
    budget: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    _made: int = 0

    def new_id(self, prefix: str) -> str:
        """``prefix_`` and 24 hexadecimal digits that depend on the run alone."""
        self._made += 1
        name = f"{self.run_id}:{prefix}:{self._made}".encode()
        return f"{prefix}_{hashlib.blake2b(name, digest_size=12).hexdigest()}"

    @property
    def spent(self) -> bool:
        """Whether the run may say nothing more."""
        return self.budget is not None and self.output_tokens >= self.budget

    @property
    def usage(self) -> Usage:
        """The counts, in tokens of the sandbox's own cutting."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            total_tokens=self.input_tokens + self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )


@dataclass(slots=True)
class _OpenMessage:
    id: str
    holds_calls: bool | None  # None while there is only reasoning, which goes with both
    parts: int = 0

    def takes(self, holds_calls: bool | None) -> bool:
        """Whether such a part belongs here; text and calls are kept in messages of their own."""
        if holds_calls is None or self.holds_calls is None:
            self.holds_calls = self.holds_calls if holds_calls is None else holds_calls
            return True
        return self.holds_calls == holds_calls


@dataclass(slots=True, kw_only=True)
class TurnPlayer:
    """Plays the steps of one turn; ``needs`` are the calls it made.

    ``interleave``: parallel calls stream their arguments side by side, not one after another.
    """

    ledger: RunLedger
    rate: float
    interleave: bool = True
    needs: list[Need] = field(default_factory=list)
    _message: _OpenMessage | None = None
    _faults: list[tuple[int, WireFault]] = field(default_factory=list)

    def play(self, steps: Sequence[Step]) -> Iterator[Played]:
        """Everything up to and including TurnFinished; what follows an end is left out."""
        end: EndTurn | None = None
        try:
            for step in steps:
                if isinstance(step, EndTurn):
                    end = step
                    break
                yield from self._step(step)
                if isinstance(step, CallTools):
                    end = EndTurn(outcome=Outcome.REQUIRES_ACTION)
                    break
        except _OutOfTokensError:
            end = EndTurn(outcome=Outcome.INCOMPLETE, reason=LENGTH)
        yield from (fault for _, fault in self._faults)
        yield from self.finish(end or EndTurn(outcome=Outcome.COMPLETED))

    def finish(self, end: EndTurn) -> Iterator[Signal]:
        """Close what is open and end the turn."""
        whole = end.outcome in (Outcome.COMPLETED, Outcome.REQUIRES_ACTION)
        yield from self._close_message(complete=whole)
        yield e.UsageReported(usage=self.ledger.usage)
        needs = tuple(self.needs) if end.outcome is Outcome.REQUIRES_ACTION else ()
        yield e.TurnFinished(outcome=end.outcome, needs=needs, reason=end.reason, error=end.error)

    def _step(self, step: Say | CallTools | Wait | BreakWire) -> Iterator[Played]:
        match step:
            case Say():
                yield from self._say(step)
            case CallTools():
                yield from self._call(step)
            case Wait():
                yield Pause(seconds=step.seconds)
            case BreakWire(after=0):
                yield step.fault
            case BreakWire():
                self._faults.append((step.after, step.fault))

    def _say(self, step: Say) -> Iterator[Played]:
        holds_calls = None if step.kind is PartKind.REASONING else False
        message = yield from self._open_message(holds_calls=holds_calls)
        part_id = yield from self._start_part(message, step.kind)
        for token in split_text(step.text):
            yield from self._spend(step.rate, reasoning=step.kind is PartKind.REASONING)
            yield e.TextDelta(part_id=part_id, text=token)
        yield e.PartFinished(part_id=part_id, final=PartFinal(text=step.text))

    def _call(self, step: CallTools) -> Iterator[Played]:
        message = yield from self._open_message(holds_calls=True)
        together = (step.calls,) if self.interleave else tuple((call,) for call in step.calls)
        for calls in together:
            yield from self._call_side_by_side(message, calls, step.rate)

    def _call_side_by_side(
        self, message: _OpenMessage, calls: Sequence[PlannedCall], rate: float | None
    ) -> Iterator[Played]:
        parts: list[tuple[str, PlannedCall]] = []
        for call in calls:
            ref = ToolRef(name=call.name, call_id=self.ledger.new_id("call"))
            part_id = yield from self._start_part(message, PartKind.TOOL_CALL, ref)
            parts.append((part_id, call))
            self.needs.append(Need(call_id=ref.call_id, name=call.name, arguments=call.arguments))
        cut = [split_arguments(call.arguments, start) for start, (_, call) in enumerate(parts)]
        for row in zip_longest(*cut):
            for (part_id, _), fragment in zip(parts, row, strict=True):
                if fragment is not None:
                    yield from self._spend(rate)
                    yield e.ArgumentsDelta(part_id=part_id, fragment=fragment)
        for part_id, call in parts:
            yield e.PartFinished(part_id=part_id, final=PartFinal(arguments=call.arguments))

    def _spend(self, rate: float | None, *, reasoning: bool = False) -> Iterator[Played]:
        if self.ledger.spent:
            raise _OutOfTokensError
        yield Beat(rate=self.rate if rate is None else rate)
        self.ledger.output_tokens += 1
        self.ledger.reasoning_tokens += reasoning
        due = [fault for after, fault in self._faults if after <= 0]
        self._faults = [(after - 1, fault) for after, fault in self._faults if after > 0]
        yield from due

    def _open_message(self, *, holds_calls: bool | None) -> Generator[Played, None, _OpenMessage]:
        if self._message is not None and self._message.takes(holds_calls):
            return self._message
        yield from self._close_message(complete=True)
        self._message = _OpenMessage(id=self.ledger.new_id("msg"), holds_calls=holds_calls)
        yield e.MessageStarted(message_id=self._message.id)
        return self._message

    def _close_message(self, *, complete: bool) -> Iterator[Signal]:
        if self._message is not None:
            yield e.MessageFinished(message_id=self._message.id, complete=complete)
            self._message = None

    def _start_part(
        self, message: _OpenMessage, kind: PartKind, tool: ToolRef | None = None
    ) -> Generator[Played, None, PartId]:
        part_id = f"{message.id}:{message.parts}"
        yield e.PartStarted(
            message_id=message.id, part_id=part_id, index=message.parts, kind=kind, tool=tool
        )
        message.parts += 1
        return part_id
