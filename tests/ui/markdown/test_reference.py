"""A document with every construct at three widths; ``python -m tests.ui.markdown.test_reference``
writes the expected texts anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.ui.markdown import render

_HERE = Path(__file__).parent
_WIDTHS = (30, 60, 120)


def _text(width: int) -> str:
    source = (_HERE / "reference.md").read_text(encoding="utf-8")
    return "".join(f"{line.plain.rstrip()}\n" for line in render(source, width).lines)


def _expected(width: int) -> Path:
    return _HERE / f"reference-{width}.txt"


@pytest.mark.parametrize("width", _WIDTHS)
def test_the_reference_looks_as_it_did(width: int) -> None:
    assert _text(width) == _expected(width).read_text(encoding="utf-8")


if __name__ == "__main__":
    for each in _WIDTHS:
        _expected(each).write_text(_text(each), encoding="utf-8")
