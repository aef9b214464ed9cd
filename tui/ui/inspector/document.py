"""A text that grows and is shown at some width: the lines and their rows kept in step.

However much comes at once, no call takes long: what is laid out follows the text in slices.
"""

from __future__ import annotations

import json
import time
from collections import deque
from typing import NoReturn

from tui.core.text import GrowingText
from tui.ui.arguments import PrettyArguments
from tui.ui.inspector.rows import Rows

# Characters that are laid out at a time: some 15 ms when each needs an escape of its own.
_SLICE = 4096
# Characters that are laid out at all; what is behind them can be copied. More would fill the memory
# with small objects, and each look of the garbage collector at them stops the screen.
MOST = 250_000


class Document:
    """Takes text in pieces; gives rows. Nothing is wrapped before someone asks for rows.

    ``rows`` brings what is new if that is a slice at most; of more it brings the first, and the
    rest comes with ``work``, for as long as its caller can wait (``behind``: there is more).
    """

    def __init__(self, text: str = "", *, plain: bool = False, lenient: bool = False) -> None:
        self._plain = plain
        self._lenient = lenient
        self._begin(text)

    def _begin(self, text: str) -> None:
        self._raw = GrowingText(text)
        self._source = PrettyArguments(plain=self._plain, lenient=self._lenient)
        self._rows: Rows | None = None
        self._fresh = False
        self._waiting = deque([text] if text else [])
        self._taken = 0  # characters of the first text that waits
        self._left = MOST

    @property
    def raw(self) -> GrowingText:
        """The text exactly as it came."""
        return self._raw

    @property
    def problem(self) -> str:
        """Why it is not the JSON it should be, as far as it was read, or nothing."""
        return self._source.problem

    @property
    def behind(self) -> bool:
        """Whether there is text that is still to be laid out."""
        return bool(self._waiting) and self._left > 0

    @property
    def hidden(self) -> int:
        """How many characters are too many to be laid out."""
        return max(0, len(self._raw) - MOST)

    def feed(self, fragment: str) -> None:
        """Take in more text."""
        if fragment:
            self._raw.append(fragment)
            self._waiting.append(fragment)

    def replace(self, text: str) -> None:
        """Hold ``text`` instead; cheap when it is what is held already."""
        if len(text) != len(self._raw) or text != str(self._raw):
            self._begin(text)

    def rows(self, width: int) -> Rows:
        """What was laid out so far, wrapped."""
        width = max(1, width)
        if self._rows is not None and self._rows.width != width:
            self._begin(str(self._raw))
        if self._rows is None or len(self._raw) - len(self._source.raw) <= _SLICE:
            self._lay_slice()
        if self._rows is None:
            self._rows = Rows(self._source, width)
        elif self._fresh:
            self._rows.update()
        self._fresh = False
        return self._rows

    def work(self, until: float) -> None:
        """Lay out more of what waits until that moment of the monotonic clock."""
        while self.behind and self._rows is not None and time.monotonic() < until:
            self._lay_slice()
            self.rows(self._rows.width)

    def _lay_slice(self) -> None:
        room = min(_SLICE, self._left)
        while self._waiting and room:
            text = self._waiting[0]
            piece = text[self._taken : self._taken + room]
            self._source.feed(piece)
            self._fresh = True
            room -= len(piece)
            self._left -= len(piece)
            self._taken += len(piece)
            if self._taken == len(text):
                self._waiting.popleft()
                self._taken = 0


def output_document(text: str, *, finished: bool) -> Document:
    """What a tool gave back: laid out if it is a JSON object or array, else as it is."""
    is_json = finished and text[:1] in ("{", "[") and _is_json(text)
    return Document(text, plain=not is_json)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
