"""What Textual reads wrongly from a terminal: pastes with escape codes in them, and Alt+Enter.

Textual's parser looks for keys inside a paste as well. Coloured text ends the paste for it, or
lets it wait for the rest of a key; what follows is taken as typed, and a line end sends it. The
cure is to hand the parser pastes without that one character.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

from tui.core.sanitise import sanitise

_ESCAPE = "\x1b"
# What the composer would show for it anyway.
_SHOWN_ESCAPE = sanitise(_ESCAPE)
_ALT_ENTER = "\x1b\r"
# So much of the beginning of a paste is no key that somebody pressed.
_NO_KEY = len("\x1b[2")


class TerminalParser(XTermParser):
    """Textual's parser, for which all of a paste is text, however its bytes are cut."""

    def __init__(self, debug: bool = False) -> None:
        self._pasting = False
        self._begun = 0  # how much of the mark that begins a paste came last
        self._held = ""  # the end of a paste so far, if the mark that ends it may begin there
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """Parse what came; no text means that no more comes."""
        shielded = self._shield(data)
        return super().feed(shielded) if shielded or not data else ()

    def tick(self) -> Iterable[Message]:
        """Time passed: what was an unfinished key is taken apart, but not the mark of a paste."""
        return () if self._begun >= _NO_KEY else super().tick()

    def _shield(self, data: str) -> str:
        done: list[str] = []
        while data:
            taken, data = self._take_paste(data) if self._pasting else self._take_keys(data)
            done.append(taken)
        return "".join(done)

    def _take_keys(self, data: str) -> tuple[str, str]:
        joined = BRACKETED_PASTE_START[: self._begun] + data
        before, mark, rest = joined.partition(BRACKETED_PASTE_START)
        taken = (before + mark)[self._begun :]
        self._pasting = bool(mark)
        self._begun = 0 if mark else _overlap(joined, BRACKETED_PASTE_START)
        return taken, rest

    def _take_paste(self, data: str) -> tuple[str, str]:
        text, mark, rest = (self._held + data).partition(BRACKETED_PASTE_END)
        self._pasting = not mark
        held = 0 if mark else _overlap(text, BRACKETED_PASTE_END)
        self._held = text[len(text) - held :]
        return text[: len(text) - held].replace(_ESCAPE, _SHOWN_ESCAPE) + mark, rest

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        # Textual forgets the Alt of a key that is no character.
        if sequence == _ALT_ENTER:
            return (events.Key("alt+enter", None),)
        return super()._sequence_to_key_events(sequence, alt)


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of ``text`` may begin the mark."""
    sizes = range(min(len(text), len(mark) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(mark[:size])), 0)
