"""Hands the clues of a message to the parameters that want them, each clue once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tui.sandbox.clues import Clue, ClueKind, mask_quotes
from tui.sandbox.words import STOP, find_words, split_name, stem, word_set

_LIST_MARKS = re.compile(r"\s*(?:,|;|\band\b|\bor\b|\n)\s*")
_ASSIGNED = r"(?<!\w){name}\s*(?:=|:)\s*"
_CLAUSE_END = re.compile(r"[,;.!?()\n]")
_BARE = re.compile(r"[^\s,;)}\]]+")
_NOT = word_set("no not without dont never skip disable disabled off false")


_LITERAL = "literal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What a parameter takes: clues of these kinds, best first, that it can use.

    ``near_only`` takes no clue but one beside the parameter's name.
    """

    name: str
    kinds: tuple[ClueKind, ...]
    near_only: bool = False
    usable: Callable[[Any], bool] = lambda _value: True

    def takes(self, clue: Clue) -> bool:
        """Whether the clue is of a kind and a value that will do."""
        return clue.kind in self.kinds and self.usable(clue.value)


class Supply:
    """The clues for the calls of one tool, with what was taken so far.

    ``phrase`` is what the message says after it mentions the tool. ``owners`` are the names of
    all parameters: a clue that stands beside the name of one is kept for that one.
    """

    def __init__(
        self, text: str, clues: Sequence[Clue], phrase: str, owners: Iterable[str] = ()
    ) -> None:
        self.text = text
        self.phrase = phrase
        self._plain = mask_quotes(text)
        self._clues = list(clues)
        self._taken: set[tuple[int, int]] = set()
        self._owned = {stem(word) for name in owners for word in split_name(name)} - {""}
        self._last: dict[str, tuple[str, Any]] = {}
        # What the call in the making took, by slot: afresh, or what the call before had.
        self.fresh: dict[str, str] = {}
        self.stale: dict[str, str] = {}

    @property
    def made_progress(self) -> bool:
        """Whether this call took something that all its slots of that kind took afresh."""
        return any(kind not in self.stale.values() for kind in self.fresh.values())

    def next_call(self) -> None:
        """Begin another call: what was taken stays taken, and slots without more repeat."""
        self.fresh, self.stale = {}, {}

    def take(self, slot: str, want: Want) -> Any:
        """The best clue for a parameter, or None; a later call repeats an earlier one's.

        One beside the parameter's name wins, then the first of the first kind.
        """
        words = {stem(word) for word in split_name(want.name)}
        free = [clue for clue in self._clues if self._is_free(clue) and want.takes(clue)]
        near = [clue for clue in free if self._beside(clue) & words]
        others = [clue for clue in free if not self._beside(clue)]
        for pool in (near,) if want.near_only else (near, others, free):
            if pool:
                clue = min(pool, key=lambda each: want.kinds.index(each.kind))
                return self._took(slot, clue.kind, clue.start, clue.end, clue.value)
        return self._again(slot, want.kinds)

    def take_all(self, slot: str, kinds: Sequence[ClueKind]) -> list[Any]:
        """Everything of the first of these kinds that is left (for a list)."""
        for kind in kinds:
            found = [clue for clue in self._clues if clue.kind is kind and self._is_free(clue)]
            if found:
                return [self._took(slot, kind, c.start, c.end, c.value) for c in found]
        return []

    def take_literal(self, slot: str, values: Sequence[Any]) -> Any:
        """The first value of an enum that the message names and no other slot has, or None."""
        found = [
            (match.start(), -len(str(value)), match.end(), value)
            for value in values
            if value is not None and not isinstance(value, bool) and str(value)
            for match in re.finditer(_spelled(str(value)), self.text, re.IGNORECASE)
            if (match.start(), match.end()) not in self._taken
        ]
        if not found:
            return self._again(slot, (_LITERAL,))
        start, _, end, value = min(found, key=lambda item: item[:2])
        return self._took(slot, _LITERAL, start, end, value)

    def assigned(self, name: str) -> str | None:
        """What stands after ``name=`` or ``name:`` in the message, as raw text."""
        pattern = _ASSIGNED.format(name=re.escape(name))
        found = re.search(pattern, self.text, re.IGNORECASE)
        if found is None:
            return None
        quoted = [c for c in self._clues if c.kind is ClueKind.QUOTED and c.start == found.end()]
        if quoted:
            return str(quoted[0].value)
        bare = _BARE.match(self.text, found.end())
        return None if bare is None else bare[0].rstrip(".?!") or None

    def says(self, name: str) -> bool | None:
        """Whether the message wants a flag: True, False ("without ..."), None when not named."""
        stems = {stem(word) for word in split_name(name) if word not in STOP}
        words = [word for _, word in find_words(self._plain)]
        for n, word in enumerate(words):
            if stem(word) in stems:
                return not _NOT & {*words[max(0, n - 3) : n], *words[n + 1 : n + 2]}
        return None

    def listed(self, name: str) -> list[str]:
        """The members of an enumeration after the parameter's name, or else of the phrase."""
        words = split_name(name)
        after = re.search(
            rf"\b{re.escape(words[-1])}\b:?\s+([^.?!\n]+)" if words else "$^",
            self._plain,
            re.IGNORECASE,
        )
        source = after[1] if after else self.phrase
        return [item.strip(" .?!:") for item in _LIST_MARKS.split(source) if item.strip(" .?!:")]

    def _took(self, slot: str, kind: str, start: int, end: int, value: Any) -> Any:
        self._taken.add((start, end))
        self.fresh[slot] = kind
        self._last[slot] = (kind, value)
        return value

    def _again(self, slot: str, kinds: Sequence[str]) -> Any:
        kind, value = self._last.get(slot, ("", None))
        if kind not in kinds:
            return None
        self.stale[slot] = kind
        return value

    def _is_free(self, clue: Clue) -> bool:
        return not any(start < clue.end and clue.start < end for start, end in self._taken)

    def _beside(self, clue: Clue) -> set[str]:
        """The parameter words right before the clue (small words aside) or right after it."""
        before = find_words(
            _CLAUSE_END.split(self._plain[max(0, clue.start - 40) : clue.start])[-1]
        )
        beside: set[str] = set()
        for _, word in reversed(before[-3:]):
            if stem(word) in self._owned:
                beside.add(stem(word))
            if beside or word not in STOP:
                break
        if beside:
            return beside
        after = find_words(self._plain[clue.end : clue.end + 20])[:1]
        return {stem(word) for _, word in after if stem(word) in self._owned}


def _spelled(value: str) -> str:
    words = [re.escape(word) for word in re.split(r"[_\-\s]+", value) if word]
    return rf"(?<!\w){'[_ -]?'.join(words)}(?!\w)" if words else re.escape(value)
