"""Model text becomes harmless tokens, however it is cut and whatever it encodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it.token import Token

from tui.core.sanitise import sanitise
from tui.ui.chat.markdown import safe_growth, safe_parser

_TRICKY = st.text(alphabet="ab#1 \n\x1b\u202e\u200d\u200c\ufe0f\u20e3👩💻\u0627✈", max_size=30)


def every_token(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from every_token(token.children or [])


@given(st.lists(_TRICKY, max_size=8))
def test_cleaned_in_pieces_reads_like_cleaned_at_once(pieces: list[str]) -> None:
    text, shown, start = "", "", 0
    for piece in pieces:
        text += piece
        fresh, start = safe_growth(text, start, finished=False)
        shown += fresh
        assert sanitise(text).startswith(shown)
    fresh, start = safe_growth(text, start, finished=True)
    assert shown + fresh == sanitise(text)
    assert start == len(text)


@pytest.mark.parametrize(
    "source",
    [
        "plain \x1b[31m red",
        "entity &#x202e;evil",
        "`code \x9b31m`",
        "```py\u202ethon\nx\n```",
        "[link\u202e](https://example.org/\u202e 'ti\x1btle')",
        "![alt&#x2066;](x)",
        "| a&#x200b; |\n|---|\n| b |",
        "<b\x1b>",
    ],
)
def test_no_token_carries_a_control_character(source: str) -> None:
    for token in every_token(safe_parser().parse(source)):
        texts = [token.content, token.info, *(str(v) for v in token.attrs.values())]
        for text in texts:
            assert sanitise(text) == text
