"""Keeps a conversation within what the model can take: the oldest exchanges are left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tui.core.events import TurnFinished
from tui.core.models import HistoryMessage, MessageId, Outcome, Problem, Role, ToolSpec
from tui.core.ports import RunRequest

# Tokenizers differ, and none is at hand; most spend a token on 3 to 4 bytes of UTF-8.
_BYTES_PER_TOKEN = 3.5
_PER_MESSAGE = 6  # tokens for its role and its ends
# What the model needs for its answer.
_ANSWER = 0.2
_TOO_LONG = "context_length_exceeded"


@dataclass(slots=True, kw_only=True)
class Fit:
    """What is known of how much the model takes: ``window`` tokens, or None."""

    window: int | None = None

    def cut(self, request: RunRequest) -> RunRequest:
        """The request, as long as the model can take it."""
        return request if self.window is None else trimmed(request, self.window)

    def narrow(self, request: RunRequest, *, sent: RunRequest, told: int | None) -> bool:
        """The server found ``sent`` too long; false when nothing more can be left out.

        ``told`` is how many tokens the server says it takes, if it says so.
        """
        # Our count may be off, so what was sent is more than a full window, whatever is said.
        sizes = (told, self.window, tokens_of(sent))
        self.window = min(size for size in sizes if size is not None)
        return len(trimmed(request, self.window).history) < len(sent.history)


def is_too_long(end: TurnFinished) -> bool:
    """Whether a turn ended because the conversation does not fit the model."""
    return end.error is not None and end.error.code == _TOO_LONG


def hopeless(end: TurnFinished, *, sent: RunRequest) -> TurnFinished:
    """The end of a run of which even the newest exchange is too long."""
    said = f" The server says: {end.error.message}" if end.error else ""
    problem = Problem(
        code=_TOO_LONG,
        message="The conversation is too long for the model, even without older messages: about "
        f"{tokens_of(sent):,} tokens were sent.{said}",
        hint="Send less at once, or switch to a model with a larger context window.",
    )
    return TurnFinished(outcome=Outcome.FAILED, error=problem)


def tokens_of(request: RunRequest) -> int:
    """About how many tokens the request is."""
    fixed = [request.instructions or "", request.additional_instructions or ""]
    fixed += [_spelled(tool) for tool in request.tools]
    return sum(map(_tokens, fixed)) + sum(map(_weight, request.history))


def trimmed(request: RunRequest, window: int) -> RunRequest:
    """The request without its oldest whole exchanges, so that it and its answer fit ``window``.

    An exchange is a message of the user and all that came of it, so no call is parted from its
    output. System messages and the newest exchange stay, whatever they weigh.
    """
    room = int(window * (1 - _ANSWER))
    weight = tokens_of(request)
    first, exchanges = 0, list(_exchanges(request.history))
    kept = {message.id for message in request.history}
    while weight > room and first < len(exchanges) - 1:
        for message in exchanges[first]:
            kept.discard(message.id)
            weight -= _weight(message)
        first += 1
    if not first:
        return request
    history = tuple(message for message in request.history if message.id in kept)
    return replace(request, history=history)


def window_for(tokens: int) -> int:
    """The window of a model that is given at most so many tokens."""
    return math.ceil(tokens / (1 - _ANSWER))


def first_seen(request: RunRequest) -> MessageId:
    """The first message of the conversation that goes along."""
    return next((m.id for m in request.history if m.role is not Role.SYSTEM), "")


def _exchanges(history: Sequence[HistoryMessage]) -> Iterator[list[HistoryMessage]]:
    exchange: list[HistoryMessage] = []
    for message in history:
        if message.role is Role.SYSTEM:
            continue
        if message.role is Role.USER and exchange:
            yield exchange
            exchange = []
        exchange.append(message)
    if exchange:
        yield exchange


def _weight(message: HistoryMessage) -> int:
    calls = [f"{call.name}{call.arguments}{call.output or ''}" for call in message.calls]
    return _PER_MESSAGE * (1 + len(calls)) + sum(map(_tokens, [message.text, *calls]))


def _spelled(tool: ToolSpec) -> str:
    return f"{tool.name}{tool.description}{tool.parameters}"


def _tokens(text: str) -> int:
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN)
