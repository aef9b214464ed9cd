"""Generated Markdown: every construct, well-formed and broken, and text that is just hostile."""

from __future__ import annotations

from hypothesis import strategies as st

_WORD = st.sampled_from(
    [
        *("word", "a", "longer", "snake_case_name", "I/O", "2 * 3", "x" * 50, "1.", "-", "#", "|"),
        *("*emphasis*", "**strong**", "***both***", "~~gone~~", "`code`", "``a ` b``", "_under_"),
        *("*open", "**open", "close*", "`", "```", "[", "]", "[0]", "~~", "$", "<", "\\", "\\*"),
        *("[link](https://a.example/b_c)", "[ref][r1]", "[r2]", "[r3][]", "![alt](http://i.png)"),
        *(
            "[bad](javascript:x)",
            "[rel](a/b)",
            "<https://auto.example>",
            "https://bare.example/x_y)",
        ),
        *("$a_1 * b$", "$$x_1$$", r"\(y_2\)", r"\[z\]", "$5", "[^n1]", "<b>", "</b>", "<br>"),
        *(
            "&amp;",
            "&#27;",
            "&copy;",
            "中文字符很多",
            "日本語。",
            "👩‍👩‍👧",
            "🇩🇪",
            "e\u0301",
            "❤️",
            "한국어",
        ),
        *("\x1b[31m", "\u202e", "\t", "a\\", "two  ", "é"),
    ]
)
_TEXT = st.lists(_WORD, min_size=1, max_size=12).map(" ".join)
_LONG = st.lists(_WORD, min_size=30, max_size=120).map(" ".join)
_PARAGRAPH = st.lists(_TEXT, min_size=1, max_size=4).map("\n".join)
_CODE = st.lists(
    st.sampled_from(
        [
            "def f(x):  # c",
            '    """doc',
            'end"""',
            "/* a",
            "b */ x",
            "\tif a:",
            "",
            "`x`",
            "    ",
            "~~~",
        ]
    ),
    max_size=6,
).map("\n".join)
_CELL = st.lists(_WORD, max_size=4).map(" ".join)


@st.composite
def _table(draw: st.DrawFn) -> str:
    columns = draw(st.integers(1, 5))
    line = st.lists(_CELL, min_size=1, max_size=columns + 1).map(lambda c: f"| {' | '.join(c)} |")
    marks = st.sampled_from(["---", ":--", "--:", ":-:", "-"])
    header = (
        "| "
        + " | ".join(draw(st.sampled_from(["A", "Long name", "`c`"])) for _ in range(columns))
        + " |"
    )
    below = "|" + "|".join(draw(marks) for _ in range(columns)) + "|"
    rows = draw(st.lists(line, max_size=draw(st.sampled_from([3, 30]))))
    return "\n".join([header, below, *rows])


def _fence(info: str, code: str) -> str:
    return f"```{info}\n{code}\n```"


_BLOCK = st.one_of(
    _PARAGRAPH,
    _LONG,
    st.builds("{} {}".format, st.sampled_from(["#", "##", "####", "#" * 7]), _TEXT),
    st.builds("{}\n{}".format, _TEXT, st.sampled_from(["---", "===", "-", "= ="])),
    st.sampled_from(["---", "* * *", "___", "***", "- - -", "--", "=="]),
    st.builds(_fence, st.sampled_from(["", "python", "js", "c x", "nope", "yaml"]), _CODE),
    st.builds("~~~~\n{}".format, _CODE),
    _CODE.map(lambda code: "\n".join(f"    {line}" for line in code.split("\n"))),
    _table(),
    st.sampled_from(
        ["<div>\n<b>x</b>\n</div>", "<!-- a\n\nb -->", "<pre>\n*x*\n\n</pre>", "<x y>"]
    ),
    st.sampled_from(["$$\na_1 * b_1\n$$", "\\[\nx\n\\]", "$$\nopen", "$$"]),
    st.builds(
        "[{}]: {}".format,
        st.sampled_from(["r1", "R2", "r3"]),
        st.sampled_from(["https://r.example", "<x> 'T'", "javascript:x"]),
    ),
    st.builds("[^{}]: {}".format, st.sampled_from(["n1", "n2"]), _PARAGRAPH),
)


def _indented(by: str, text: str) -> str:
    return "\n".join(by + line if line else line for line in text.split("\n"))


def _item(mark: str, body: str) -> str:
    return mark + _indented(" " * len(mark), body)[len(mark) :]


_MARK = st.sampled_from(["- ", "* ", "1. ", "2) ", "10. ", "-   ", "- [ ] ", "* [x] "])


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(inner, min_size=1, max_size=3)
    joint = st.sampled_from(["\n", "\n\n"])
    quoted = st.builds(lambda text: "\n".join(f"> {line}" for line in text.split("\n")), inner)
    items = st.builds(
        lambda mark, bodies, joint: joint.join(_item(mark, body) for body in bodies),
        _MARK,
        parts,
        joint,
    )
    return st.one_of(quoted, items, st.builds(str.join, joint, parts))


DOCUMENT = st.one_of(
    st.lists(st.recursive(_BLOCK, _nested, max_leaves=5), max_size=5).map("\n\n".join),
    st.lists(st.recursive(_BLOCK, _nested, max_leaves=5), max_size=5).map("\n".join),
    st.text(
        st.sampled_from("ab *_`~#->+=|:[]()<>!\\$1.\n\n\t\r&;^ \u4e2d\u200d\U0001f469\ufe0f\u0301")
    ),
    st.text(),
)
"""Markdown documents and texts that only look like it."""
