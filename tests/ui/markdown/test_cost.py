"""What a piece costs is counted here, not timed: how much is parsed, lexed and laid out again."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.style import Style
from textual.theme import BUILTIN_THEMES

from tui.ui.markdown import Ink, MarkdownStream, estimate_height, palette_of, render, warm_soon
from tui.ui.markdown import inline as inline_module
from tui.ui.markdown.code import Highlighter
from tui.ui.themes import THEMES

_DOCUMENTS = {
    "paragraphs": "Some *words* of a paragraph with `code`.\n\n" * 100,
    "one paragraph": "Some *words* of a paragraph with `code`. " * 100,
    "CJK": "没有空格的很长的段落。" * 400,
    "prices": "It costs $5 or so, then some. " * 130,
    "one endless word": "QUJDREVGR0hJSktM" * 300,
    "fence": "```python\n" + "value = call('text', 42)\n" * 160,
    "table": "| a | b |\n|---|---|\n" + "| some *words* | 42 |\n" * 160,
    "nested list": "- item\n  - with *words*\n    1. in it\n" * 100,
    "long line of code": "```\n" + "abcdefg " * 1000,
}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_work_does_not_grow_with_the_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = 0
    parse, read = inline_module._parse, Highlighter.read

    def count_parse(text: str, references: inline_module._References) -> inline_module.Parsed:
        nonlocal work
        work += len(text)
        return parse(text, references)

    def count_read(self: Highlighter, line: str) -> list[tuple[str, str]]:
        nonlocal work
        work += len(line)
        return read(self, line)

    monkeypatch.setattr(inline_module, "_parse", count_parse)
    monkeypatch.setattr(Highlighter, "read", count_read)
    stream = MarkdownStream(60)
    costs = []
    text = _DOCUMENTS[name]
    for start in range(0, len(text), 8):
        stream.append(text[start : start + 8])
        before, lines = work, len(stream.lines)
        changed = stream.take_changed()
        costs.append(work - before + 60 * (lines - changed))
    half = len(costs) // 2
    early, late = sum(costs[:half]), sum(costs[half:])
    assert late <= 1.3 * early
    assert len(stream.lines) - stream.frozen < 60


def test_a_width_that_comes_back_needs_no_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = render(_DOCUMENTS["nested list"] + "\n\n" + _DOCUMENTS["paragraphs"], 60)
    assert stream.lines
    monkeypatch.setattr(inline_module, "_parse", None)
    stream.resize(30)
    assert max(line.cells for line in stream.lines) <= 30


def test_a_line_is_painted_once_for_each_palette() -> None:
    dark, light = (palette_of(theme) for theme in THEMES)
    line = render("*text* [a](https://a.example)", 60).lines[0]
    painted = line.paint(dark)
    assert line.paint(dark) is painted
    recoloured = line.paint(light)
    assert recoloured.text == painted.text
    assert [each.style for each in recoloured] != [each.style for each in painted]
    styles = [each.style for each in recoloured if each.style]
    assert [style.link for style in styles] == [None, None, "https://a.example"]
    assert dark.style(Ink(("block",))).bgcolor != dark.style(Ink()).bgcolor


def test_lines_that_did_not_change_are_the_same_objects() -> None:
    stream = MarkdownStream(20)
    stream.append("one\n\ntwo words that wrap, and")
    first = list(stream.lines)
    assert stream.take_changed() == 0
    stream.append(" more")
    stream.append(" of it")
    assert stream.take_changed() == len(first) - 1
    assert all(a is b for a, b in zip(first[:-1], stream.lines, strict=False))
    assert stream.take_changed() == len(stream.lines)


def test_an_undecided_beginning_of_a_line_is_not_shown() -> None:
    stream = MarkdownStream(20)
    stream.append("text\n-")
    assert [line.plain for line in stream.lines] == ["text"]
    stream.append(" item")
    assert [line.plain for line in stream.lines] == ["text", "• item"]


def test_an_estimate_counts_wrapped_lines() -> None:
    assert estimate_height("a" * 100 + "\n\nb", 40) == 5


def test_warming_loads_what_the_first_message_needs() -> None:
    warm_soon().join()
    assert inline_module.inline_parser.cache_info().currsize == 1


def test_nothing_slow_is_loaded_by_importing_it() -> None:
    code = (
        "import sys, tui.ui.markdown; "
        "print([n for n in ('markdown_it', 'pygments', 'linkify_it') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", BUILTIN_THEMES)
def test_every_theme_has_a_palette(name: str) -> None:
    palette = palette_of(BUILTIN_THEMES[name])
    plain = palette.style(Ink())
    assert palette.style(Ink(("keyword",))).color != plain.color
    assert palette.style(Ink(("strong",))) == plain + Style(bold=True)
