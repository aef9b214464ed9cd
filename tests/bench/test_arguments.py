"""What a fragment of arguments costs to take in and show, late in a long text against early.

Run with ``pytest tests/bench/test_arguments.py --benchmark-enable -s``; nothing here fails for
being slow, the numbers are printed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.ui.inspector.host import Script
from tui.ui.inspector.arguments_view import ArgumentsView
from tui.ui.inspector.calls_view import CallsView

_SMALL, _LARGE = 1_000, 1_000_000
_SIZE = (60, 45)


def _string(size: int) -> str:
    return '{"path": "notes.md", "content": "' + "some words of a file\\n" * (size // 22)


def _structure(size: int) -> str:
    return json.dumps([{"id": n, "name": "item", "tags": ["a", "b"]} for n in range(size // 47)])[
        :-1
    ]


def _view(text: str) -> ArgumentsView:
    view = ArgumentsView()
    view.show(text, growing=True)
    view.lay_out(*_SIZE)
    return view


@pytest.mark.parametrize("size", [_SMALL, _LARGE])
@pytest.mark.parametrize("make", [_string, _structure])
def test_a_frame(benchmark: Any, make: Callable[[int], str], size: int) -> None:
    view = _view(make(size))

    def frame() -> None:
        view.feed("abcd")
        view.lay_out(*_SIZE)

    benchmark(frame)
    assert view.raw.endswith("abcd")


@pytest.mark.parametrize("calls", [1, 8])
def test_a_frame_with_parallel_calls(benchmark: Any, calls: int) -> None:
    script = Script()
    script.begin()
    for number in range(calls):
        script.call(f"c{number}", "write_file", _string(10_000))
    view = CallsView()
    view.show(script.transcript, "r1")
    view.lay_out(*_SIZE)
    script.fresh()

    def frame() -> None:
        for number in range(calls):
            script.more(f"c{number}", "abcd")
        for item in script.fresh():
            view.apply(item.event)  # type: ignore[union-attr]  # the script sent no raw events
        view.lay_out(*_SIZE)

    benchmark(frame)
    assert view.count == calls


@pytest.mark.parametrize("make", [_string, _structure])
def test_the_ratio_of_late_to_early(make: Callable[[int], str]) -> None:
    """Printed, not judged: the machine may be busy. It should be near 1."""
    cost = {size: _frame_cost(_view(make(size))) for size in (_SMALL, _LARGE)}
    early, late = cost[_SMALL], cost[_LARGE]
    print(
        f"\n{make.__name__[1:]}: a frame takes {early * 1e6:.0f} us at 1 kB, "
        f"{late * 1e6:.0f} us at 1 MB, "
        f"ratio {late / early:.2f}"
    )
    assert early > 0


def _frame_cost(view: ArgumentsView, frames: int = 300) -> float:
    begin = time.process_time()
    for _ in range(frames):
        view.feed("abcd")
        view.lay_out(*_SIZE)
    return (time.process_time() - begin) / frames
