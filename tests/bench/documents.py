"""Endless Markdown of five kinds, a token at a time: what the benchmarks stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TypeAlias

Maker: TypeAlias = Callable[[], Iterator[str]]

_WORDS = (  # noqa: SIM905  # a list of words is harder to read
    "the cost of a token must not depend on what is **already there** and `so on` it is read "
    "once with *some* markup in between and a [link](https://example.com/page) now and then"
).split()


def _words() -> Iterator[str]:
    for number in count():
        yield f"{_WORDS[number % len(_WORDS)]} "


def one_paragraph() -> Iterator[str]:
    yield from _words()


def paragraphs() -> Iterator[str]:
    for number, word in enumerate(_words(), 1):
        yield word if number % 60 else f"{word}\n\n"


def fence() -> Iterator[str]:
    yield "```python\n"
    for number in count():
        yield from ("    value", f"_{number}", " = ", "call", "(", '"text"', ", ", "42", ")", "\n")


def table() -> Iterator[str]:
    yield "| Name | Kind | Cost | Notes |\n|---|---|---:|---|\n"
    for number in count():
        yield from ("| item", f" {number} ", "| `kind` ", "| ", f"{number % 97}.50 ")
        yield from ("| some ", "**words** ", "about ", "it ", "|\n")


def nested_list() -> Iterator[str]:
    for number in count():
        yield "  " * (number % 4) + "- "
        yield from (f"item {number} ", "with ", "*some* ", "words ", "in it", "\n")


KINDS: dict[str, Maker] = {
    "paragraphs": paragraphs,
    "one long paragraph": one_paragraph,
    "fence": fence,
    "table": table,
    "nested list": nested_list,
}
