"""No remote text reaches a terminal as anything but visible characters."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.core.sanitise import escape_invisible, safe_link, sanitise, split_invisible

# Signs of category Cf that are drawn (Unicode: Prepended_Concatenation_Mark).
_DRAWN = {*range(0x600, 0x606), 0x6DD, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
_NASTY = (
    "\x00\x07\x1b\r\x7f\x85\x9b\xad\u034f\u061c\u115f\u200b\u200c\u200d\u200e\u2028\u202e\u2060"
    "\u2066\ufe0f\ufeff\ud800\udfff\U000e0041\U000e0100"
)
_MIXED = st.text(
    alphabet=st.sampled_from(_NASTY + "ab1#*\n\t\u20e3❤👩💻🏽🏴العक्षи"), max_size=40
) | st.text(st.characters(exclude_categories=[]))


def test_everything_invisible_is_replaced_at_any_place_of_its_own() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character in "\n\t" or code in _DRAWN:
            continue
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert character not in sanitise(f"a{character}b"), hex(code)


@pytest.mark.parametrize("code", [0x34F, 0x115F, 0x17B4, 0x180B, 0x3164, 0xFE01, 0xFFA0, 0xE0100])
def test_ignorable_letters_and_marks_are_replaced_too(code: int) -> None:
    assert sanitise(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", "␛[31mred␛]0;title␇"),
        ("a\x7fb\x9b31m", "a␡b⟨U+009B⟩31m"),
        ("one\r\ntwo\tthree", "one␍\ntwo\tthree"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("half \ud83d pair", "half ⟨U+D83D⟩ pair"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("👩\u200d", "👩⟨U+200D⟩"),
        ("a\ufe0fb1\ufe0f2", "a⟨U+FE0F⟩b1⟨U+FE0F⟩2"),
        ("🏴\U000e0067", "🏴⟨U+E0067⟩"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert sanitise(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII ~",
        "two\nlines\tand a tab",
        "Grüße, 東京, приве́т",
        "❤\ufe0f and 1\ufe0f\u20e3",
        "👩\u200d💻 👩🏽\u200d🚀 ❤\ufe0f\u200d🔥",
        "\u0645\u06cc\u200c\u062e\u0648",
        "ක්\u200dෂ",
    ],
)
def test_ordinary_writing_is_left_alone(text: str) -> None:
    assert sanitise(text) == text


@given(_MIXED)
def test_twice_is_once(text: str) -> None:
    once = sanitise(text)
    assert sanitise(once) == once


@given(_MIXED)
def test_what_comes_out_can_be_written_to_a_terminal(text: str) -> None:
    shown = sanitise(text)
    shown.encode("utf-8")
    bad = {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert bad <= {"\n", "\t"}
    assert not set("\u061c\u200b\u200e\u200f\u202a\u202e\u2066\u2069") & set(shown)


@given(_MIXED)
def test_pieces_add_up_to_the_text_and_to_what_is_shown(text: str) -> None:
    pieces = split_invisible(text)
    assert "".join(source for source, _ in pieces) == text
    assert "".join(shown for _, shown in pieces) == sanitise(text)
    assert all(source == shown or len(source) == 1 for source, shown in pieces)


# What was decoded from UTF-8 holds no lone surrogates.
_DECODED = _MIXED.map(lambda text: text.encode("utf-8", "replace").decode())


@given(st.recursive(_DECODED, lambda inner: st.lists(inner) | st.dictionaries(_DECODED, inner)))
def test_escaping_json_keeps_its_value(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    escaped = escape_invisible(text)
    assert json.loads(escaped) == json.loads(text)
    assert sanitise(escaped) == escaped


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a?b=c#d", "HTTP://example.org", "mailto:ada@example.org"],
)
def test_links_that_may_be_followed(url: str) -> None:
    assert safe_link(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ssh://host",
        "https:",
        "https://",
        "mailto:",
        "https://example.org/\x1b]8;;",
        "https://example.org/a b",
        "https://example.org\n",
        "https://exa\u202emple.org",
        "https://[::1",
    ],
)
def test_links_that_may_not(url: str) -> None:
    assert safe_link(url) is None
