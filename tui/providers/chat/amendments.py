"""What servers are known to object to in a request, and how it is asked for instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tui.core.errors import ProviderError
from tui.core.models import JsonObject
from tui.providers.call_ids import short_id

_REFUSALS = (400, 422)


def _without(key: str) -> Callable[[JsonObject], JsonObject]:
    return lambda body: {name: value for name, value in body.items() if name != key}


def _renamed(old: str, new: str) -> Callable[[JsonObject], JsonObject]:
    return lambda body: {new if name == old else name: value for name, value in body.items()}


def _with_short_ids(body: JsonObject) -> JsonObject:
    return {**body, "messages": [_with_short_id(message) for message in body["messages"]]}


def _with_short_id(message: JsonObject) -> JsonObject:
    message = dict(message)
    if "tool_call_id" in message:
        message["tool_call_id"] = short_id(message["tool_call_id"])
    if "tool_calls" in message:
        message["tool_calls"] = [
            {**call, "id": short_id(call["id"])} for call in message["tool_calls"]
        ]
    return message


@dataclass(frozen=True, slots=True)
class _Amendment:
    """``objection``: the words by which a server refuses ``key``, if it is in the request."""

    key: str
    objection: re.Pattern[str]
    amend: Callable[[JsonObject], JsonObject]


# A server may name an option for other reasons, such as that its value is too large.
_REFUSED = (
    r"unsupported|not (support|permit|allow|recogni)|unrecogni|unknown|unexpected|extra|invalid "
    r"(param|arg|field)"
)


def _naming(key: str, amend: Callable[[JsonObject], JsonObject]) -> _Amendment:
    words = rf"(?=.*\b{key}\b).*({_REFUSED})"
    return _Amendment(key, re.compile(words, re.IGNORECASE | re.DOTALL), amend)


_KNOWN = (
    _naming("stream_options", _without("stream_options")),
    _naming("max_completion_tokens", _renamed("max_completion_tokens", "max_tokens")),
    _naming("max_tokens", _renamed("max_tokens", "max_completion_tokens")),
    _naming("parallel_tool_calls", _without("parallel_tool_calls")),
    # Mistral takes ids of nine letters and digits only: calls of another model have longer ones.
    _Amendment("messages", re.compile(r"tool call id", re.IGNORECASE), _with_short_ids),
)


class Amendments:
    """What each model of a server turned out not to take; learnt once, kept for all runs."""

    def __init__(self) -> None:
        self._learnt: dict[str, list[_Amendment]] = {}

    def applied(self, body: JsonObject) -> JsonObject:
        """The request as its model takes it, as far as is known."""
        for amendment in self._learnt.get(body["model"], ()):
            body = amendment.amend(body)
        return body

    def learn(self, error: ProviderError, sent: JsonObject) -> bool:
        """Whether ``error`` is an objection to something in ``sent`` that can be put otherwise."""
        if error.status not in _REFUSALS:
            return False
        learnt = self._learnt.setdefault(sent["model"], [])
        for amendment in _KNOWN:
            objected = amendment.key in sent and amendment.objection.search(error.message)
            if objected and amendment not in learnt:
                learnt.append(amendment)
                return True
        return False
