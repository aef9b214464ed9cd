"""Which item an event is about, however the server names it.

An item is known by its ``output_index``, else by its id (llama.cpp sends no index, other servers a
new id with every event).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.core.models import JsonObject, PartId, PartKind, ToolRef
from tui.providers.fields import text, well_formed
from tui.providers.responses.items import is_call
from tui.providers.responses.pieces import Pieces

# More than any response has; the order of parts is kept in a database, which has its limits.
_MAX_ITEMS = 1_000_000


@dataclass(slots=True)
class Part:
    """A part as far as it was shown."""

    id: PartId
    index: int
    kind: PartKind
    pieces: Pieces
    tool: ToolRef | None = None
    started: bool = False
    annotations: int = 0


@dataclass(slots=True)
class Item:
    """An item as far as it is known; ``wire`` is what the server last said that it is.

    ``known``: it was announced. ``answered``: an item of its own holds what came of this call.
    """

    type: str
    place: int
    wire: JsonObject = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    known: bool = False
    done: bool = False
    answered: bool = False


class KnownItems:
    """The items of one response."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_index: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}

    def in_order(self) -> list[Item]:
        """All of them, as they stand in the response."""
        return sorted(self._items, key=lambda item: item.place)

    def learn(self, event: JsonObject, wire: JsonObject) -> Item:
        """The item that an event with a whole item is about."""
        index = _index(event)
        item = self._named(wire) or self._unnamed(index, wire)
        if item is None:
            item = self._new(text(wire, "type"), index)
        if index is not None:
            self._by_index[index] = item
        self._settle(item, wire)
        return item

    def find(self, event: JsonObject, item_type: str) -> Item:
        """The item that a smaller event is about; one that was never announced is made."""
        index, item_id = _index(event), text(event, "item_id")
        item = self._by_index.get(index) if index is not None else None
        if item is None or not _alike(item.type, item_type):
            item = self._by_id.get(item_id)
        if item is None and index is None and not item_id:
            item = self._newest_open(item_type)
        if item is None:
            item = self._new(item_type, index)
            item.wire = {"type": item_type}
            if item_id:
                self._by_id[item_id] = item
        if index is not None:
            self._by_index[index] = item
        return item

    def claim(self, wire: JsonObject, claimed: set[int]) -> Item:
        """The item that one of the whole output is; servers may give it a new id there.

        ``claimed`` are the places of those that were found before, and this one from now on.
        """
        item_type = text(wire, "type")
        alike = (i for i in self.in_order() if i.type == item_type and i.place not in claimed)
        item = self._named(wire) or next(alike, None) or self._new(item_type)
        claimed.add(item.place)
        if not item.done:
            self._settle(item, wire)
        return item

    def called(self, call_id: str) -> Item | None:
        """The call with this id."""
        return self._by_id.get(call_id)

    def _new(self, item_type: str, index: int | None = None) -> Item:
        places = {item.place for item in self._items}
        place = max(places, default=-1) + 1 if index is None or index in places else index
        item = Item(item_type, place)
        self._items.append(item)
        return item

    def _named(self, wire: JsonObject) -> Item | None:
        """The item with this id; the output of a call has the call's ``call_id``."""
        found = self._by_id.get(text(wire, "id")) or self._by_id.get(text(wire, "call_id"))
        return found if found is not None and found.type == text(wire, "type") else None

    def _unnamed(self, index: int | None, wire: JsonObject) -> Item | None:
        """The one that stands there and still goes on; a server may count every item as 0."""
        if index is None:
            return None if text(wire, "id") else self._newest_open(text(wire, "type"))
        there = self._by_index.get(index)
        goes_on = there is not None and not there.done and there.type == text(wire, "type")
        return there if goes_on else None

    def _newest_open(self, item_type: str) -> Item | None:
        return next((i for i in reversed(self._items) if i.type == item_type and not i.done), None)

    def _settle(self, item: Item, wire: JsonObject) -> None:
        # First non-empty names and ids win; all else is as the server says now.
        kept = {
            name: item.wire[name]
            for name in ("id", "call_id", "name", "server_label")
            if item.wire.get(name)
        }
        item.wire = {**well_formed(wire), **kept}
        item.known = True
        for name in ("id", "call_id"):
            if said := text(wire, name):
                self._by_id.setdefault(said, item)


def _alike(one: str, other: str) -> bool:
    """Some servers stream the arguments of any call as those of a function."""
    return one == other or (is_call(one) and is_call(other))


def _index(event: JsonObject) -> int | None:
    value = event.get("output_index")
    return value if isinstance(value, int) and 0 <= value < _MAX_ITEMS else None
