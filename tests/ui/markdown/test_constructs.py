"""Every construct, as it can be read on the screen."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tui.ui.markdown import Line, render


def shown(source: str, width: int = 40) -> list[str]:
    return [line.plain.rstrip() for line in render(source, width).lines]


def _looks(source: str, width: int = 40) -> dict[str, tuple[str, ...]]:
    lines = render(source, width).lines
    return {piece.text: piece.ink.tones for line in lines for piece in line.pieces}


def _links(source: str) -> dict[str, str]:
    lines = render(source, 80).lines
    return {p.text: p.ink.link for line in lines for p in line.pieces if p.ink.link}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\ntwo\n\n\nthree", ["one two", "", "three"]),
        ("a  \nb\\\nc<br>d", ["a", "b", "c", "d"]),
        ("# One #\ntext", ["One", "", "text"]),
        ("One\n===\nTwo\n---", ["One", "", "Two"]),
        ("a\n***\nb", ["a", "", "─" * 40, "", "b"]),
        ("- a\n- b\n  - c\n    - d\n- e", ["• a", "• b", "  ◦ c", "    ▪ d", "• e"]),
        ("- a\n\n- b\n\n  c\n- d", ["• a", "", "• b", "", "  c", "• d"]),
        ("9) a\n1) b\n- c", ["9) a", "10) b", "• c"]),
        ("- [ ] a\n- [x] b\n1. [X] c", ["☐ a", "☑ b", "1. ☑ c"]),
        ("-\n- a", ["•", "• a"]),
        ("> a\nb\n>\n> > c", ["▎ a b", "▎", "▎ ▎ c"]),
        ("> - a\n>   b\n> - c", ["▎ • a b", "▎ • c"]),
        ("- > a\n  > b", ["• ▎ a b"]),
        ("<div>\n  *x*\n</div>\n\n*y*", ["<div>", "  *x*", "</div>", "", "y"]),
        ("<!-- a\n\nb -->\nc", ["<!-- a", "", "b -->", "", "c"]),
        ("$$\na_1 * b_1\n$$\nc", ["$$", "a_1 * b_1", "$$", "", "c"]),
        ("a[^1] b\n\n[^1]: Why\n    and how", ["a[1] b", "", "[1] Why and how"]),
        ("[r]: https://a.example\n[b]: <x> 'y'\ntext", ["text"]),
        ("![a chart](https://a.example/c.png)", ["▨ a chart"]),
        ("    a\n\n    b\nc", [" a", "", " b", "", "c"]),
        ("&lt;b&gt; &copy; \\*a\\*", ["<b> © *a*"]),
        ("2 * 3 * 4, a_b_c, *open", ["2 * 3 * 4, a_b_c, *open"]),
    ],
)
def test_blocks(source: str, expected: list[str]) -> None:
    assert shown(source) == expected


def test_a_fence_has_its_language_and_a_copy_mark_above() -> None:
    stream = render("1. x\n   ```python title\n   if a:\n   \tb\n\n   ```\ny", 24)
    assert [line.plain for line in stream.lines] == [
        "1. x",
        "    python         copy ",
        "    if a:               ",
        "     b                  ",
        "                        ",
        "",
        "y",
    ]
    fence = stream.blocks[1]
    assert (fence.kind, fence.language) == ("fence", "python")
    assert stream.code(1) == "if a:\n b\n\n"
    mark = stream.lines[1].piece_at(20)
    assert mark is not None
    assert "copy" in mark.ink.tones


def test_code_keeps_its_tabs_and_long_lines_when_copied() -> None:
    code = "\tall:\n" + "x" * 5000 + "\n\n  end\n"
    stream = render(f"```make\n{code}```\n", 20)
    assert stream.code(0) == code
    start, end = stream.blocks[0].code or (0, 0)
    assert f"```make\n{code}```"[start:end] == code.removesuffix("\n")


@pytest.mark.parametrize(
    ("language", "code", "text", "tone"),
    [
        ("python", 'x = """a\nb"""\nc', "b", "string"),
        ("js", "/* a\nb */ const x", "b */", "comment"),
        ("js", "// a /*\nconst x", "const", "keyword"),
        ("html", "<!-- a\nb --><p>", "b -->", "comment"),
        ("php", "$a = 'b';", "'b'", "string"),
        ("yaml", "a: 'b'", "b", "string"),
    ],
)
def test_lexers_carry_their_state_on(language: str, code: str, text: str, tone: str) -> None:
    looks = {
        piece.text: piece.ink.tones
        for line in render(f"```{language}\n{code}\n```", 60).lines
        for piece in line.pieces
    }
    assert looks[text] == ("block", tone)


def test_tables_are_aligned() -> None:
    source = dedent("""\
        intro
        | Name | Kind | Cost |
        |---|:-:|--:|
        | **a** | `x` | 1.50 |
        | long name | a \\| b | 234.00 | dropped |
        | 表 |
        | a<br>b | | 1 |
    """)
    assert shown(source) == [
        "intro",
        "",
        "Name       Kind     Cost",
        "─────────  ─────  ──────",
        "a            x      1.50",
        "long name  a | b  234.00",
        "表",
        "a                      1",
        "b",
    ]


def test_a_wide_table_is_wrapped_and_a_hopeless_one_shown_as_names_and_values() -> None:
    source = "|A|Long text|\n|-|-|\n|1|some words that are wrapped|\n|2|x|"
    assert shown(source, 20) == [
        "A  Long text",
        "─  ─────────────────",
        "1  some words that",
        "   are wrapped",
        "",
        "2  x",
    ]
    assert shown(source, 14) == [
        "A: 1",
        "Long text:",
        "some words",
        "that are",
        "wrapped",
        "",
        "A: 2",
        "Long text: x",
    ]


def test_rows_of_a_long_table_stay_where_they_are() -> None:
    rows = [f"| {number} | text |\n" for number in range(40)]
    source = "".join(["| a | b |\n|-|-|\n", *rows])
    lines = render(source, 40).lines
    more = render(f"{source}| 40 | longer text |\n", 40).lines
    assert list(more[: len(lines)]) == list(lines)
    assert [line.plain.rstrip() for line in more[len(lines) :]] == [
        "40        longer",
        "          text",
    ]


@pytest.mark.parametrize(
    ("source", "looks"),
    [
        ("*a* **b** ***c***", {"a": ("emphasis",), "b": ("strong",), "c": ("emphasis", "strong")}),
        ("~~a~~ `b`", {"a": ("strike",), "b": ("code",)}),
        ("# a *b*", {"a ": ("heading", "h1"), "b": ("heading", "h1", "emphasis")}),
        ("$a_1 b_2$ c", {"$a_1 b_2$": ("math",), " c": ()}),
        (r"\(a*b*c\)", {r"\(a*b*c\)": ("math",)}),
        ("$5 and $6 *a*", {"$5 and $6 ": (), "a": ("emphasis",)}),
        ("> a", {"a": ("quote",)}),
        ("a <kbd>b</kbd>", {"<kbd>": ("html",), "b": ()}),
    ],
)
def test_looks(source: str, looks: dict[str, tuple[str, ...]]) -> None:
    assert looks.items() <= _looks(source).items()


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("[a](https://a.example/b_c)", {"a": "https://a.example/b_c"}),
        ("<https://a.example>", {"https://a.example": "https://a.example"}),
        ("<a@b.example>", {"a@b.example": "mailto:a@b.example"}),
        (
            "see https://a.example/x_(y)_z.",
            {"https://a.example/x_(y)_z": "https://a.example/x_(y)_z"},
        ),
        ("(https://a.example/*b*)", {"https://a.example/*b": "https://a.example/*b"}),
        ("[a][r] [R]\n\n[r]: http://r.example", {"a": "http://r.example", "R": "http://r.example"}),
        ("![a](http://a.example/i.png)", {"a": "http://a.example/i.png"}),
        ("[a](docs/page.md) [b](file:///etc) [c](javascript:x) [d](ftp://x)", {}),
    ],
)
def test_links_lead_only_to_the_web_and_to_mail(source: str, links: dict[str, str]) -> None:
    assert _links(source) == links


def test_a_link_that_cannot_be_opened_says_where_it_leads() -> None:
    assert shown("[a](docs/page.md)") == ["a (docs/page.md)"]


def test_a_definition_at_the_end_is_used_once_the_message_is_finished() -> None:
    source = "a [b][r]\n\nc\n\n[r]: https://r.example"
    assert shown(source) == ["a b", "", "c"]
    assert _links(source) == {"b": "https://r.example"}


@pytest.mark.parametrize(
    ("source", "width", "expected"),
    [
        ("日本語の文。中文", 6, ["日本語", "の文。", "中文"]),
        ("ab日本", 4, ["ab日", "本"]),
        ("ae\u0301e\u0301 e\u0301", 3, ["ae\u0301e\u0301", "e\u0301"]),
        ("👩\u200d👩\u200d👧👍🏽", 3, ["👩\u200d👩\u200d👧", "👍🏽"]),
        ("averyverylongword it", 8, ["averyver", "ylongwor", "d it"]),
        ("a **bo**ld*er* b", 7, ["a", "bolder", "b"]),
    ],
)
def test_wrapping(source: str, width: int, expected: list[str]) -> None:
    assert shown(source, width) == expected


def test_what_an_entity_hides_is_made_visible() -> None:
    assert shown("&#x202e;&#8203;\x1b[0m") == ["⟨U+202E⟩⟨U+200B⟩␛[0m"]


def test_lines_know_their_source() -> None:
    source = "# Title\n\nSome *marked* words\nthat wrap\n\n- item\n"
    stream = render(source, 14)
    kinds = [
        (stream.blocks[line.block].kind, source[line.start : line.end]) for line in stream.lines
    ]
    assert kinds == [
        ("heading", "# Title"),
        ("heading", ""),
        ("paragraph", "Some *marked* "),
        ("paragraph", "words\nthat "),
        ("paragraph", "wrap"),
        ("paragraph", ""),
        ("item", "- item"),
    ]


def test_a_piece_knows_the_place_of_each_character() -> None:
    source = "a **b** &amp; `c` [d](https://e.example) \\* f"
    line: Line = render(source, 80).lines[0]
    assert [(piece.text, source[piece.at :][: len(piece.text)]) for piece in line.pieces] == [
        *(("a ", "a "), ("b", "b"), (" &", " &"), (" ", " "), ("c", "c"), (" ", " ")),
        *(("d", "d"), (" *", " \\"), (" f", " f")),
    ]
