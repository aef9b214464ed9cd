"""Markdown of a wished length and kind, for scenarios that need much text; always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count

from tui.sandbox.tokens import count_tokens, split_text

# Tokens of each block where kinds take turns.
_BLOCK = 40
_SENTENCES = (
    "The tape runs on, and every word of it was made up here.",
    "A *stream* is easier to read than a burst, as long as it keeps its pace.",
    "Nothing in this paragraph was looked up; it only has to **look** like an answer.",
    "Set `rate` to zero to have it all at once.",
    "Wide characters such as 日本語 and 🙂 take two columns each.",
    "The quick brown fox has long been tired of jumping over the lazy dog.",
    "See the [documentation](https://example.com/docs) that does not exist.",
    "Numbers help to spot gaps: one, two, three, four, five.",
)
_ITEMS = (
    "read the **message** from start to end",
    "choose what to call, if anything",
    "fill `arguments` from the schema",
    "stream them in *small* fragments",
    "wait for the outputs",
    "say what they mean",
)
_CODE = (
    "def step_{n}(value: int) -> int:",
    '    """Add {n}, one at a time."""',
    "    for _ in range({n}):",
    "        value += 1  # slowly",
    "    return value",
    "",
)


def generate_markdown(kind: str, tokens: int) -> str:
    """Markdown of ``kind`` (a key of KINDS) with at least ``tokens`` tokens.

    Paragraphs have exactly that many; other kinds end with the line that reaches the number, and
    fences are closed.
    """
    return KINDS[kind](tokens)


def _paragraph(tokens: int) -> str:
    return _cut(" ", (_SENTENCES[n % len(_SENTENCES)] for n in count()), tokens)


def _paragraphs(tokens: int) -> str:
    size = 4
    blocks = (
        " ".join(_SENTENCES[(n * size + k) % len(_SENTENCES)] for k in range(size)) for n in count()
    )
    return _cut("\n\n", blocks, tokens)


def _list(tokens: int) -> str:
    lines = (
        f"{'  ' * (n % 6 in (3, 4))}- item {n + 1}: {_ITEMS[n % len(_ITEMS)]}" for n in count()
    )
    return "\n".join(_enough(lines, tokens))


def _table(tokens: int) -> str:
    head = ["| row | what happens | share |", "| ---: | :--- | ---: |"]
    rows = (f"| {n + 1} | {_ITEMS[n % len(_ITEMS)]} | {(n * 37) % 100} % |" for n in count())
    used = sum(map(count_tokens, head))
    return "\n".join([*head, *_enough(rows, tokens - used)])


def _fence(tokens: int) -> str:
    lines = (_CODE[n % len(_CODE)].format(n=n // len(_CODE) + 1) for n in count())
    head, foot = "```python", "```"
    used = count_tokens(head) + count_tokens(foot)
    return "\n".join([head, *_enough(lines, tokens - used), foot])


def _mixed(tokens: int) -> str:
    makers = (_paragraph, _list, _paragraph, _fence, _paragraph, _table)
    parts = ((f"## Part {n}", *(make(_BLOCK) for make in makers)) for n in count(1))
    return "\n\n".join(_enough(chain.from_iterable(parts), tokens))


KINDS: dict[str, Callable[[int], str]] = {
    "paragraphs": _paragraphs,
    "paragraph": _paragraph,
    "fence": _fence,
    "table": _table,
    "list": _list,
    "mixed": _mixed,
}


def _cut(joint: str, blocks: Iterator[str], tokens: int) -> str:
    return "".join(split_text(joint.join(_enough(blocks, tokens)))[:tokens])


def _enough(blocks: Iterator[str], tokens: int) -> list[str]:
    """At least one block, and then as many as it takes."""
    taken: list[str] = []
    reached = 0
    while not taken or reached < tokens:
        block = next(blocks)
        taken.append(block)
        reached += count_tokens(block)
    return taken
