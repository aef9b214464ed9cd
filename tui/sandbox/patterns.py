"""A string that matches a regular expression of the plain kind that schemas use."""

from __future__ import annotations

import re

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_PREFERRED = "aA0bB1-_ .xyz"
_PRINTABLE = "".join(map(chr, range(33, 127)))
_COUNT = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
_GROUP_OPENS = re.compile(r"\?(?::|P?<\w+>)")
_MOST = 200


class _UnsupportedError(Exception):
    """The pattern uses something that this module does not read."""


def example_of(pattern: str, *, least: int = 0) -> str:
    """A string that matches ``pattern``, of ``least`` characters if the pattern leaves a choice.

    Look-arounds and back-references are not supported; the answer is then just some text.
    """
    for repeats in (0, 1, least):
        try:
            text = _Reader(pattern, repeats).read()
        except (_UnsupportedError, RecursionError):
            return "text"
        padded = text + "x" * (least - len(text))
        if _matches(pattern, padded):
            return padded
    return "text"


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


class _Reader:
    """Walks the pattern once and writes the simplest text for each piece.

    ``repeats`` is how often something is written that may come any number of times.
    """

    def __init__(self, pattern: str, repeats: int) -> None:
        self._pattern = pattern
        self._repeats = repeats
        self._at = 0

    def read(self) -> str:
        text = self._choice()
        if self._at < len(self._pattern):
            raise _UnsupportedError
        return text

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise _UnsupportedError
        self._at += 1
        return char

    def _choice(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        pieces: list[str] = []
        while self._peek() not in ("", "|", ")"):
            piece = self._atom()
            pieces.append(piece * self._times())
        return "".join(pieces)

    def _atom(self) -> str:
        char = self._next()
        if char in "^$":
            return ""
        if char == ".":
            return "a"
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        if char in "*+?":
            raise _UnsupportedError
        return char

    def _group(self) -> str:
        if self._peek() == "?":
            opens = _GROUP_OPENS.match(self._pattern, self._at)
            if opens is None:
                raise _UnsupportedError
            self._at = opens.end()
        text = self._choice()
        if self._next() != ")":
            raise _UnsupportedError
        return text

    def _escape(self) -> str:
        char = self._next()
        if char in "bBAZ":
            return ""
        if char.isdigit():
            raise _UnsupportedError
        return _CLASSES.get(char, _CONTROLS.get(char, char))

    def _set(self) -> str:
        start = self._at - 1
        if self._peek() == "^":
            self._at += 1
        if self._peek() == "]":
            self._at += 1  # in the first place it stands for itself
        while self._peek() != "]":
            if self._next() == "\\":
                self._next()
        self._at += 1
        chars = self._pattern[start : self._at]
        # Letters first; what the set itself spells out covers other scripts.
        for char in _PREFERRED + chars + _PRINTABLE:
            if _matches(chars, char):
                return char
        raise _UnsupportedError

    def _times(self) -> int:
        char = self._peek()
        if char in ("*", "+", "?"):
            self._at += 1
            times = {"*": self._repeats, "+": max(1, self._repeats), "?": min(1, self._repeats)}
            self._lazy()
            return times[char]
        count = _COUNT.match(self._pattern, self._at)
        if count is None or count[0] == "{}":
            return 1
        self._at = count.end()
        self._lazy()
        low = int(count[1] or 0)
        high = low if count[2] is None else int(count[3]) if count[3] else low + self._repeats
        return min(max(low, min(self._repeats, high)), _MOST)

    def _lazy(self) -> None:
        if self._peek() and self._peek() in "?+":
            self._at += 1
