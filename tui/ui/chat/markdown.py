"""Markdown as the model wrote it, made harmless: no control characters, no strange links.

Imported lazily: it brings in markdown-it and pygments, which the first frame does without.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from textual.widgets import Markdown

from tui.core.sanitise import safe_link, sanitise

# What comes after one of these decides whether it is ordinary writing (see ``sanitise``).
_UNDECIDED = "\u200c\u200d\ufe0f"
_CONTEXT = 3


def safe_parser() -> MarkdownIt:
    """A parser whose tokens carry no control characters, not even from ``&#x202e;``."""
    parser = MarkdownIt("gfm-like")
    parser.core.ruler.push("sanitise", _sanitise_tokens)
    return parser


def safe_growth(text: str, start: int, *, finished: bool) -> tuple[str, int]:
    """The safe form of ``text`` from ``start`` on, and how far it goes.

    Cleaned in pieces it reads the same as cleaned at once: the characters before ``start`` are
    taken into account, and a trailing joiner waits for what follows it.
    """
    end = len(text)
    while not finished and end > start and text[end - 1] in _UNDECIDED:
        end -= 1
    context = text[max(0, start - _CONTEXT) : start]
    return sanitise(context + text[start:end])[len(sanitise(context)) :], end


def _sanitise_tokens(state: StateCore) -> None:
    for token in state.tokens:
        _sanitise_token(token)


def _sanitise_token(token: Token) -> None:
    token.content = sanitise(token.content)
    token.info = sanitise(token.info)
    for child in token.children or ():
        _sanitise_token(child)
    for name, value in token.attrs.items():
        if isinstance(value, str):
            token.attrs[name] = sanitise(value)


class SafeMarkdown(Markdown):
    """Textual's Markdown behind that parser; links open only for http, https and mailto."""

    def __init__(self) -> None:
        super().__init__(parser_factory=safe_parser, open_links=False)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Open the link, or say why not."""
        event.stop()
        if (url := safe_link(event.href)) is not None:
            self.app.open_url(url)
        else:
            self.app.notify(
                f"This link is not opened: {sanitise(event.href)[:200]}",
                severity="warning",
                markup=False,
            )


def warm() -> None:
    """Parse and colour something, so that the first answer does not wait for imports."""
    from textual.highlight import highlight

    safe_parser().parse("# a\n\n- *b*\n\n|a|b|\n|-|-|\n\n```python\nx\n```\n")
    for language in ("python", "json"):
        highlight("x = 1", language=language)
