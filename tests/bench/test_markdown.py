"""What a token of Markdown costs, late in a long message against early, and beside Textual's own.

Run with ``pytest tests/bench/test_markdown.py --benchmark-enable -s``; nothing here fails for
being slow, the numbers are printed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Markdown

from tests.bench.documents import KINDS, fence, nested_list
from tui.ui.markdown import MarkdownStream, palette_of, warm
from tui.ui.themes import THEMES

_WIDTH = 100
_EARLY, _LATE, _NAIVE = 1_000, 64_000, 4_000
_SAMPLE = 1_000  # tokens whose cost is measured, after as many as the size says
_ROUNDS = 5


def _cost(make: Callable[[], Iterator[str]], size: int) -> float:
    """Seconds of CPU for a token behind ``size`` others, painted."""
    tokens = make()
    palette = palette_of(THEMES[0])
    stream = MarkdownStream(_WIDTH)
    stream.append("".join(islice(tokens, size)))
    stream.take_changed()
    sample = list(islice(tokens, _SAMPLE))
    begin = time.process_time()
    for token in sample:
        stream.append(token)
        changed = stream.take_changed()
        for index in range(changed, len(stream.lines)):
            stream.lines[index].paint(palette)
    return (time.process_time() - begin) / len(sample)


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_late_against_early(make: Callable[[], Iterator[str]]) -> None:
    """Printed, not judged: the machine may be busy. The ratio should be near 1."""
    warm()
    _cost(make, _EARLY)
    pairs = [(_cost(make, _EARLY), _cost(make, _LATE)) for _ in range(_ROUNDS)]
    early, late = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(late / early for early, late in pairs)
    print(
        f"\n{make.__name__}: {early * 1e6:.0f} us a token behind {_EARLY}, "
        f"{late * 1e6:.0f} us behind {_LATE}, ratio {ratio:.2f}"
    )
    assert early > 0


class _Naive(App[None]):
    def compose(self) -> ComposeResult:
        yield Markdown()


async def _naive_cost(make: Callable[[], Iterator[str]], tokens: int) -> float:
    """The same with Textual's widget, its frames not counted."""
    source = make()
    app = _Naive()
    async with app.run_test(size=(_WIDTH, 50)):
        markdown = app.query_one(Markdown)
        await markdown.append("".join(islice(source, _NAIVE)))
        begin = time.process_time()
        for token in islice(source, tokens):
            await markdown.append(token)
        return (time.process_time() - begin) / tokens


@pytest.mark.slow
@pytest.mark.parametrize(("make", "tokens"), [(fence, 10), (nested_list, 3)])
def test_beside_the_widget(make: Callable[[], Iterator[str]], tokens: int) -> None:
    """Printed, not judged."""
    warm()
    ours = statistics.median(_cost(make, _NAIVE) for _ in range(_ROUNDS))
    naive = asyncio.run(_naive_cost(make, tokens))
    print(
        f"\n{make.__name__} behind {_NAIVE}: {ours * 1e6:.0f} us a token, "
        f"Textual {naive * 1e6:.0f} us, {naive / ours:.0f} times"
    )
    assert naive > 0
