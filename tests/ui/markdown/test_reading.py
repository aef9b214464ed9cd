"""Blocks begin and end where the whole-document parser says they do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tui.ui.markdown import render

_ORACLE = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_KINDS = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "table_open": "table",
    "fence": "fence",
    "code_block": "code",
    "html_block": "html",
    "hr": "rule",
}
_LINES = st.lists(
    st.sampled_from(
        [
            *("word", "a b", "**x**", "`c`", "text", "##no", "`x", "\\", "", "", "", "  two"),
            *("# h", "#", "---", "===", "* * *", "-", "    four", "      six", "   three", "\ttab"),
            *("- ", "- i", "-\tx", "*", "+ p", "1. o", "2. two", "1.", "10) t", "1) z", "  - z"),
            *("> q", ">", "> > n", "> - x", "- > y", "> ```", "```", "~~~", "  ```"),
            *("| a | b |", "|---|---|", "| c |", "| 1 | 2 |", "<div>", "</div>", "<!-- a", "-->"),
            *("[r]: http://x", "[r]"),
        ]
    ),
    min_size=1,
    max_size=12,
)


def _expected(text: str) -> list[tuple[str, int | None]]:
    """Kinds and first lines; an empty list item counts as a paragraph, on whatever line."""
    blocks: list[tuple[str, int | None]] = []
    empty = False
    for token in _ORACLE.parse(text):
        if token.type == "list_item_close" and empty:
            blocks.append(("paragraph", None))
        if token.type in _KINDS:
            blocks.append((_KINDS[token.type], token.map[0] if token.map else None))
        if token.type != "inline":
            empty = token.type == "list_item_open"
    return blocks


@settings(max_examples=250)
@given(_LINES.map("\n".join))
def test_blocks_are_those_of_commonmark(text: str) -> None:
    ours = [
        ("paragraph" if block.kind == "item" else block.kind, text.count("\n", 0, block.start))
        for block in render(text, 60).blocks
    ]
    expected = _expected(text)
    assert [kind for kind, _ in ours] == [kind for kind, _ in expected]
    for (_, line), (_, wanted) in zip(ours, expected, strict=True):
        assert wanted in (None, line)
