"""Pretty-prints JSON while it arrives: lines only ever grow at the end, whatever the fragments.

A small state (where in the grammar, in which token) is all that one fragment leaves for the next,
so a fragment costs the same after a megabyte as at the start, and nothing that was shown changes
while the JSON is incomplete. The layout is that of ``json.dumps(value, indent=2)``; strings and
numbers are kept exactly as written, escapes included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from tui.core.text import GrowingText


class Kind(Enum):
    """What a piece of a line is, for its colour."""

    KEY = auto()
    STRING = auto()
    NUMBER = auto()
    LITERAL = auto()
    PUNCTUATION = auto()
    PLAIN = auto()
    INVALID = auto()


class Line:
    """One line: its depth (two spaces each) and its pieces, all but the last final."""

    __slots__ = ("depth", "pieces")

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self.pieces: list[tuple[str, Kind]] = []

    @property
    def text(self) -> str:
        """The line as plain text."""
        return "  " * self.depth + "".join(text for text, _ in self.pieces)


class _Expect(Enum):
    VALUE = auto()
    VALUE_OR_CLOSE = auto()
    KEY = auto()
    KEY_OR_CLOSE = auto()
    COLON = auto()
    COMMA_OR_CLOSE = auto()
    END = auto()


# Joining pieces up to this many characters keeps both the number of pieces and the cost of a
# join small.
_PIECE = 256
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_RUN = re.compile(r'[^"\\\x00-\x1f]*')
_CLOSES = {"{": "}", "[": "]"}
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_HEX = frozenset("0123456789abcdefABCDEF")

# The number grammar of RFC 8259 as a table: state -> class of character -> state.
_NUMBER: dict[str, dict[str, str]] = {
    "start": {"-": "minus", "0": "zero", "1": "int"},
    "minus": {"0": "zero", "1": "int"},
    "zero": {".": "point", "e": "e"},
    "int": {"0": "int", "1": "int", ".": "point", "e": "e"},
    "point": {"0": "fraction", "1": "fraction"},
    "fraction": {"0": "fraction", "1": "fraction", "e": "e"},
    "e": {"-": "sign", "+": "sign", "0": "exponent", "1": "exponent"},
    "sign": {"0": "exponent", "1": "exponent"},
    "exponent": {"0": "exponent", "1": "exponent"},
}
_NUMBER_ENDS = frozenset({"zero", "int", "fraction", "exponent"})
_DIGIT_CLASS = dict.fromkeys("123456789", "1") | {"E": "e"}


class PrettyArguments:
    """Raw text in, styled lines out.

    ``plain`` shows the text as it is, a line for a line. ``lenient`` is for text that need not be
    JSON (what a provider's own tool takes): where it stops being JSON it goes on as plain text
    and is no problem.
    """

    def __init__(self, text: str = "", *, plain: bool = False, lenient: bool = False) -> None:
        self.raw = GrowingText()
        self.lines: list[Line] = [Line()]
        self.broken_at: int | None = None
        self._lenient = lenient or plain
        self._kind = Kind.PLAIN if self._lenient else Kind.INVALID
        self._open: list[str] = []
        self._expect = _Expect.VALUE
        # The token that is being read: takes (text, position), returns the position after what
        # it took, or -1 where the text breaks.
        self._read: Callable[[str, int], int] = self._raw if plain else self._between
        self._token_kind = Kind.STRING
        self._escape = 0
        self._word = ""
        self._number = ""
        self._broke = 0
        self.feed(text)

    @property
    def problem(self) -> str:
        """Why this is not JSON, or nothing. Text that is merely incomplete is no problem."""
        if self.broken_at is None or self._lenient:
            return ""
        return f"not valid JSON from character {self.broken_at + 1} on"

    @property
    def complete(self) -> bool:
        """Whether exactly one whole JSON value has arrived."""
        if self.broken_at is not None or self._open:
            return False
        if self._read == self._in_number:
            return self._number in _NUMBER_ENDS
        return self._read == self._between and self._expect is _Expect.END

    def feed(self, fragment: str) -> None:
        """Take in the next piece of text, split anywhere."""
        before = len(self.raw)
        self.raw.append(fragment)
        at = 0
        while at < len(fragment):
            after = self._read(fragment, at)
            if after < 0:
                at = self._broke
                self.broken_at = before + at
                self._read = self._raw
            else:
                at = after

    # --- writing ---------------------------------------------------------------------------

    def _put(self, text: str, kind: Kind) -> None:
        pieces = self.lines[-1].pieces
        if pieces and pieces[-1][1] is kind and len(pieces[-1][0]) + len(text) <= _PIECE:
            pieces[-1] = (pieces[-1][0] + text, kind)
            return
        for start in range(0, len(text), _PIECE):
            pieces.append((text[start : start + _PIECE], kind))

    def _new_line(self) -> None:
        self.lines.append(Line(len(self._open)))

    # --- reading ---------------------------------------------------------------------------

    def _break(self, at: int) -> int:
        self._broke = at
        return -1

    def _raw(self, text: str, at: int) -> int:
        for index, row in enumerate(text[at:].split("\n")):
            if index:
                self.lines.append(Line())
            if row:
                self._put(row, self._kind)
        return len(text)

    def _between(self, text: str, at: int) -> int:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches anywhere
        if at == len(text):
            return at
        character = text[at]
        match self._expect:
            case _Expect.VALUE | _Expect.VALUE_OR_CLOSE:
                return self._value(character, at)
            case _Expect.KEY | _Expect.KEY_OR_CLOSE:
                return self._key(character, at)
            case _Expect.COLON:
                return self._colon(character, at)
            case _Expect.COMMA_OR_CLOSE:
                return self._comma(character, at)
            case _Expect.END:
                self.lines.append(Line())
                return self._break(at)

    def _value(self, character: str, at: int) -> int:
        if self._expect is _Expect.VALUE_OR_CLOSE:
            if character == "]":
                return self._close(at)
            self._new_line()
        if character in _CLOSES:
            self._put(character, Kind.PUNCTUATION)
            self._open.append(character)
            self._expect = _Expect.KEY_OR_CLOSE if character == "{" else _Expect.VALUE_OR_CLOSE
            return at + 1
        if character == '"':
            return self._begin_string(Kind.STRING, at)
        if character in _LITERALS:
            self._word = _LITERALS[character]
            self._read = self._in_literal
            return at
        if character in "-0123456789":
            self._number = "start"
            self._read = self._in_number
            return at
        return self._break(at)

    def _key(self, character: str, at: int) -> int:
        if character == "}" and self._expect is _Expect.KEY_OR_CLOSE:
            return self._close(at)
        if self._expect is _Expect.KEY_OR_CLOSE:
            self._new_line()
        if character != '"':
            return self._break(at)
        return self._begin_string(Kind.KEY, at)

    def _colon(self, character: str, at: int) -> int:
        if character != ":":
            return self._break(at)
        self._put(": ", Kind.PUNCTUATION)
        self._expect = _Expect.VALUE
        return at + 1

    def _comma(self, character: str, at: int) -> int:
        if character == _CLOSES[self._open[-1]]:
            return self._close(at, own_line=True)
        if character != ",":
            return self._break(at)
        self._put(",", Kind.PUNCTUATION)
        self._new_line()
        self._expect = _Expect.KEY if self._open[-1] == "{" else _Expect.VALUE
        return at + 1

    def _close(self, at: int, *, own_line: bool = False) -> int:
        opened = self._open.pop()
        if own_line:
            self._new_line()
        self._put(_CLOSES[opened], Kind.PUNCTUATION)
        self._after_value()
        return at + 1

    def _after_value(self) -> None:
        self._read = self._between
        self._expect = _Expect.COMMA_OR_CLOSE if self._open else _Expect.END

    # --- tokens ----------------------------------------------------------------------------

    def _begin_string(self, kind: Kind, at: int) -> int:
        self._put('"', kind)
        self._token_kind = kind
        self._read = self._in_string
        return at + 1

    def _in_string(self, text: str, at: int) -> int:
        end = _STRING_RUN.match(text, at).end()  # type: ignore[union-attr]  # it matches anywhere
        if end > at:
            self._put(text[at:end], self._token_kind)
        if end == len(text):
            return end
        if text[end] == "\\":
            self._put("\\", self._token_kind)
            self._escape = 0
            self._read = self._in_escape
            return end + 1
        if text[end] != '"':
            return self._break(end)
        self._put('"', self._token_kind)
        self._after_value()
        if self._token_kind is Kind.KEY:
            self._expect = _Expect.COLON
        return end + 1

    def _in_escape(self, text: str, at: int) -> int:
        """One character of an escape; ``_escape`` counts the hex digits that must follow."""
        character = text[at]
        if character not in (_HEX if self._escape else '"\\/bfnrtu'):
            return self._break(at)
        self._put(character, self._token_kind)
        if self._escape:
            self._escape -= 1
        elif character == "u":
            self._escape = 4
        if not self._escape:
            self._read = self._in_string
        return at + 1

    def _in_literal(self, text: str, at: int) -> int:
        if text[at] != self._word[0]:
            return self._break(at)
        self._put(text[at], Kind.LITERAL)
        self._word = self._word[1:]
        if not self._word:
            self._after_value()
        return at + 1

    def _in_number(self, text: str, at: int) -> int:
        start = at
        while at < len(text):
            character = _DIGIT_CLASS.get(text[at], text[at])
            step = _NUMBER[self._number].get(character)
            if step is None:
                break
            self._number = step
            at += 1
        if at > start:
            self._put(text[start:at], Kind.NUMBER)
        if at == len(text):
            return at
        if self._number not in _NUMBER_ENDS:
            return self._break(at)
        self._after_value()
        return at
