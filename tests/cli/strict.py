"""Reads what a program wrote to a terminal with a grammar as narrow as what ours has to write.

Nothing here is shared with the program: what may be written is spelled out again, from a
recording of a clean session and from the Unicode character database.
"""

from __future__ import annotations

import base64
import re
import unicodedata

_MODES = "1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048|25|7"
_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[(?P<style>[0-9;]*)m"
    r"|\[(?P<row>[0-9]+);(?P<column>[0-9]+)H"
    rf"|(?P<mode>\[\?(?:{_MODES})[hl]|\[\?(?:2026|2048)\$p|\[>25u|\[<u)"
    r"|\]22;(?P<pointer>[a-z-]*)\x07"
    r"|\]52;c;(?P<copy>[A-Za-z0-9+/=]*)\x07"
    r")"
)
_COLOUR = r"8;2;\d{1,3};\d{1,3};\d{1,3}"
# Bold, dim, italic, underlined, reverse, struck through; true colours; in that order. No blinking.
_STYLE = re.compile(rf"0?|(?:[123479](?:;|$))*(?:3{_COLOUR}(?:;|$))?(?:4{_COLOUR})?")
# Letters and marks that take no room, besides the controls (Unicode: Default_Ignorable_Code_Point).
_HIDDEN = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810)}
_HIDDEN |= {*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000)}


class ForbiddenError(AssertionError):
    """The program wrote what no text may make it write."""


def check_screen(raw: bytes, *, columns: int, rows: int) -> list[str]:
    """Check the bytes of a full-screen session; returns the texts it put on the clipboard."""
    text = _decoded(raw)
    copies: list[str] = []
    modes: list[int] = []
    words: list[int] = []
    at = 0
    while (start := text.find("\x1b", at)) >= 0:
        check_visible(text[at:start])
        words += [start] if text[at:start].strip() else []
        found = _SEQUENCE.match(text, start)
        if found is None:
            raise ForbiddenError(f"{text[start : start + 40]!r} after {text[start - 80 : start]!r}")
        _check_sequence(found, columns=columns, rows=rows)
        if found["copy"]:
            copies.append(base64.b64decode(found["copy"]).decode())
        if found["mode"]:
            modes.append(start)
        at = found.end()
    check_visible(text[at:])
    for copy in copies:
        check_visible(copy)
    # Modes are set before the first word and reset behind the last.
    if any(words[0] < mode < words[-1] for mode in modes):
        raise ForbiddenError("a mode of the terminal was changed in between")
    return copies


def check_plain(raw: bytes) -> str:
    """Check the bytes of a session that writes lines; returns its text."""
    text = _decoded(raw)
    check_visible(text)
    return text


def check_visible(text: str) -> None:
    """Nothing in the text but characters one sees, line ends and tabs."""
    for place, character in enumerate(text.replace("\r\n", "\n")):
        code = ord(character)
        unseen = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        if (unseen and character not in "\n\t") or code in _HIDDEN:
            raise ForbiddenError(f"U+{code:04X} in {text[max(0, place - 60) : place + 20]!r}")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ForbiddenError(f"no UTF-8: {raw[error.start - 40 : error.end + 10]!r}") from None


def _check_sequence(found: re.Match[str], *, columns: int, rows: int) -> None:
    if found["row"] and not (1 <= int(found["row"]) <= rows and int(found["column"]) <= columns):
        raise ForbiddenError(f"{found.group()!r} points outside of the screen")
    if found["style"] and not _STYLE.fullmatch(found["style"]):
        raise ForbiddenError(f"{found.group()!r} is no style of ours")
