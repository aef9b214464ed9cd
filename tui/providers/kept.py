"""What a server said in a run's rounds, word for word, so that the run can go on elsewhere.

Servers want some things back that mean nothing to us: encrypted thoughts, signatures of calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from tui.core.models import JsonObject, MessageId
from tui.core.ports import RunRequest
from tui.core.settings import WireProtocol
from tui.providers.fields import obj, objects, text

MAX_KEPT = 1 << 20
"""How many characters are kept for a run that is interrupted."""

KeptItems: TypeAlias = Mapping[MessageId, Sequence[JsonObject]]
"""The server's own words as they go back to it, by the id of the message they became."""

NOTHING_KEPT: KeptItems = MappingProxyType({})


class Kept:
    """The items of one run.

    ``continuation`` holds them as ``{run, protocol, items}``; it is ``{}`` once the run is over.
    What was said in another protocol, before the profile was changed, is no use in this one.
    """

    def __init__(self, request: RunRequest, protocol: WireProtocol) -> None:
        before = request.continuation or {}
        self._whose: JsonObject = {"run": request.run_id, "protocol": protocol}
        mine = all(text(before, name) == value for name, value in self._whose.items())
        self.continuation: JsonObject = before if mine else {}
        self._newest = ""
        left = obj(self.continuation, "items")
        self._items: KeptItems = {message_id: objects(left, message_id) for message_id in left}

    @property
    def items(self) -> KeptItems:
        return self._items

    def keep(self, message_id: MessageId, wires: Sequence[JsonObject]) -> None:
        """The run waits for answers to what this message calls; harmless when said again."""
        if message_id == self._newest:
            return
        self._newest = message_id
        self._items = _bounded({**self._items, message_id: wires})
        self.continuation = {**self._whose, "items": dict(self._items)}

    def forget(self) -> None:
        """Nothing can go on any more."""
        self._items = {}
        if self.continuation:
            self.continuation = {}


def _bounded(items: KeptItems) -> KeptItems:
    """The newest messages' items that fit; a message without them goes back in our own words."""
    room = MAX_KEPT
    fitting: dict[MessageId, Sequence[JsonObject]] = {}
    for message_id, wires in reversed(list(items.items())):
        room -= len(json.dumps(wires))
        if room < 0:
            break
        fitting[message_id] = wires
    return dict(reversed(list(fitting.items())))
