"""Inline Markdown to pieces: what markdown-it found, with looks instead of tags."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.core.sanitise import safe_link, sanitise, split_invisible
from tui.ui.markdown.code import State, Token
from tui.ui.markdown.page import NEWLINE, Ink, Piece

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token as InlineToken

_TONES = {"em_open": "emphasis", "strong_open": "strong", "s_open": "strike"}
_CLOSES = frozenset({"em_close", "strong_close", "s_close"})
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# What a later character could still close: code, HTML, and math that is no price.
_MIGHT_OPEN = re.compile(r"`|<[A-Za-z/!?]|\$(?!\s|\d[\d.,]*(?:[\s)]|$))(?=.{0,256}$)", re.DOTALL)


class Parsed(NamedTuple):
    """Pieces whose places count from the text's beginning; ``open``: more text could matter."""

    pieces: tuple[Piece, ...]
    open: bool


class Inliner:
    """Parses inline text; knows the reference links and what was parsed before.

    ``remember`` is off while the open end of a message is shown: it comes again, longer.
    """

    def __init__(self) -> None:
        self.remember = True
        self.references = _References()
        self.lexed: dict[int, tuple[list[Token], State]] = {}  # lines of code by their place
        self._known: dict[str, Parsed] = {}

    def define(self, label: str, target: str) -> None:
        """A reference definition; the first one of a label counts."""
        parser = inline_parser()
        key = _label(label)
        if self.remember and key and parser.validateLink(target):
            link = {"href": parser.normalizeLink(target), "title": ""}
            self.references.setdefault(key, link)

    def parse(self, text: str) -> Parsed:
        """The pieces of ``text``."""
        parsed = self._known.get(text)
        if parsed is not None:
            return parsed
        lookups = self.references.missed_now = []
        parsed = _parse(text, self.references)
        if not self.remember:
            return parsed
        self.references.missed.update(lookups)
        if not lookups:
            self._known[text] = parsed
        return parsed


class _References(dict[str, Any]):
    """Definitions by label; notes which labels were looked up in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()
        self.missed_now: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        if found is None:
            self.missed_now.append(key)
        return found


@cache
def inline_parser() -> MarkdownIt:
    """The one parser; made when it is first needed."""
    from tui.ui.markdown.rules import make_parser

    return make_parser()


def _label(label: str) -> str:
    from markdown_it.common.utils import normalizeReference

    return normalizeReference(label)


def _parse(text: str, references: _References) -> Parsed:
    from tui.ui.markdown.rules import PlacedState

    parser = inline_parser()
    state = PlacedState(text, parser, {"references": references}, [])
    parser.inline.tokenize(state)
    for rule in parser.inline.ruler2.getRules(""):
        rule(state)
    writer = _Writer()
    for token in state.tokens:
        writer.write(token)
    unmatched = any(mark.open and mark.end < 0 for mark in state.delimiters)
    return Parsed(tuple(writer.pieces), unmatched or _could_open(state.tokens))


def _could_open(tokens: list[InlineToken]) -> bool:
    """Whether something was left as text that a later character could still turn into markup."""
    text = "".join(token.content for token in tokens if token.type == "text")
    if text.count("[") > text.count("]"):
        return True
    if any(token.markup in ("\\(", "\\[") for token in tokens):
        return True
    return _MIGHT_OPEN.search(text) is not None


class _Writer:
    """Walks over tokens and writes pieces in the look that is open."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._inks = [Ink()]
        self._href = ""
        self._place = 0

    def write(self, token: InlineToken) -> None:
        """Write what a token shows."""
        kind = token.type
        self._place = max(self._place, token.meta.get("at", 0))
        if kind in _TONES:
            self._open(_TONES[kind])
        elif kind in _CLOSES:
            self._inks.pop()
        elif kind == "link_open":
            self._href = str(token.attrs["href"])
            self._open("link", safe_link(self._href) or "")
        elif kind == "link_close":
            self._close_link()
        else:
            self._write_leaf(kind, token)

    def _write_leaf(self, kind: str, token: InlineToken) -> None:
        if kind == "softbreak":
            self._add(" ")
        elif kind == "hardbreak" or (kind == "html_inline" and _BREAK.fullmatch(token.content)):
            self.pieces.append(Piece(NEWLINE, Ink(), self._place))
        elif kind == "code_inline":
            self._place += len(token.markup)
            self._add(token.content, "code")
        elif kind == "html_inline":
            self._add(token.content, "html")
        elif kind == "math":
            self._add(token.content, "math")
        elif kind == "footnote":
            self._add(f"[{token.content}]", "link")
        elif kind == "image":
            self._write_image(token)
        else:
            self._add(token.content)

    def _write_image(self, token: InlineToken) -> None:
        source = str(token.attrs["src"])
        alt = "".join(child.content for child in token.children or ()) or source
        ink = self._inks[-1].plus("link", safe_link(source) or "")
        self.pieces.append(Piece("▨ ", self._inks[-1].plus("note")))
        self.pieces.append(Piece(_harmless(alt), ink, self._place + 2))

    def _close_link(self) -> None:
        ink = self._inks.pop()
        if not ink.link:
            # A reader must be able to see where it leads, even where it may not be opened.
            self.pieces.append(Piece(f" ({_harmless(self._href)})", self._inks[-1].plus("note")))

    def _open(self, tone: str, link: str = "") -> None:
        self._inks.append(self._inks[-1].plus(tone, link))

    def _add(self, text: str, tone: str = "") -> None:
        if text:
            ink = self._inks[-1].plus(tone) if tone else self._inks[-1]
            # A character that is shown as several is a piece of its own, so that places are right.
            for raw, shown in split_invisible(_on_one_line(text)):
                self.pieces.append(Piece(shown, ink, self._place))
                self._place += len(raw)


def _harmless(text: str) -> str:
    """On one line, and nothing in it that steers a terminal: an entity can be any character."""
    return sanitise(_on_one_line(text))


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else text.replace("\n", " ").replace("\t", " ")
