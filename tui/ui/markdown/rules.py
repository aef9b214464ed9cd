"""Inline rules that CommonMark lacks (math, footnote marks, bare addresses), and source places.

Imported only when the first message is parsed: markdown-it is slow to load.
"""

from __future__ import annotations

import re
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# How far apart the signs of $inline math$ may be: what is further apart are two prices.
_REACH = 256
_LONG_REACH = 1000
_DOLLARS = re.compile(
    rf"\$\$(?=[^$]).{{1,{_LONG_REACH}}}?\$\$|\$(?![\s$])[^$\n]{{0,{_REACH}}}(?<!\s)\$(?!\d)",
    re.DOTALL,
)
_FOOTNOTE = re.compile(r"\[\^([^\s\[\]]+)\]")
_SCHEME = re.compile(r"(?<![A-Za-z0-9])https?$")
_ADDRESS = re.compile(r"://[^\s<>\"`|\\\u3000-\u303f\uff00-\uffef]+")
_NOT_AT_THE_END = ".,;:!?'*_~"


class PlacedState(StateInline):
    """Notes on each token where in the source it begins."""

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        place = self.pos
        token = super().push(ttype, tag, nesting)
        token.meta["at"] = place
        return token

    def pushPending(self) -> Token:  # noqa: N802  # the parser's name
        token = super().pushPending()
        # What is pending stands word for word shortly before the place reached.
        token.meta["at"] = max(0, self.src.rfind(token.content, 0, self.pos))
        return token


def make_parser() -> MarkdownIt:
    """The inline parser: CommonMark, strikethrough and the rules below."""
    parser = MarkdownIt("commonmark").enable("strikethrough")
    # Joining would lose where the second fragment begins.
    parser.inline.ruler2.disable("fragments_join")
    parser.inline.ruler.before("escape", "math", _math)
    parser.inline.ruler.before("link", "footnote", _footnote)
    parser.inline.ruler.before("newline", "address", _address)
    return parser


def _math(state: StateInline, silent: bool) -> bool:
    end = _end_of_math(state.src, state.pos, state.posMax)
    if end < 0:
        return False
    if not silent:
        state.push("math", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def _end_of_math(text: str, start: int, limit: int) -> int:
    if text[start] == "$":
        found = _DOLLARS.match(text, start, limit)
        return found.end() if found else -1
    closing = {"\\(": "\\)", "\\[": "\\]"}.get(text[start : start + 2])
    if closing is None:
        return -1
    end = text.find(closing, start + 3, min(limit, start + _LONG_REACH))
    return end + 2 if end >= 0 else -1


def _footnote(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "[":
        return False
    found = _FOOTNOTE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("footnote", "", 0).content = found.group(1)
    state.pos = found.end()
    return True


def _address(state: StateInline, silent: bool) -> bool:
    if silent or state.linkLevel or state.src[state.pos] != ":":
        return False
    scheme = _SCHEME.search(state.pending)
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    if scheme is None or found is None:
        return False
    rest = _trimmed(found.group())
    if len(rest) <= len("://"):
        return False
    address = scheme.group() + rest
    state.pending = state.pending[: -len(scheme.group())]
    end = state.pos + len(rest)
    state.pos -= len(scheme.group())
    state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address)}
    state.push("text", "", 0).content = address
    state.push("link_close", "a", -1)
    state.pos = end
    return True


def _trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it; brackets stay in pairs."""
    while address:
        last = address[-1]
        unpaired = (last == ")" and address.count(")") > address.count("(")) or (
            last == "]" and address.count("]") > address.count("[")
        )
        if last not in _NOT_AT_THE_END and not unpaired:
            break
        address = address[:-1]
    return address
