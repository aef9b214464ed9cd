"""The one door for remote strings: nothing a model, tool or server wrote can steer a terminal.

Whatever a person cannot see is made visible instead of dropped, because this program exists to
show what really arrived: C0 controls and DEL as Unicode control pictures (ESC is ␛), everything
else as ``⟨U+202E⟩``. Replaced are C0 (except line feed and tab), DEL, C1, lone surrogates, line
and paragraph separators, bidirectional controls, and every character that Unicode calls ignorable
or a format control (zero-width characters, fillers, tags, most variation selectors).

Three uses of invisible characters are ordinary writing and stay as they are, each only where it
has a visible effect: U+FE0F after a pictograph or inside a keycap, U+200D between pictographs
(families, professions), and U+200C/U+200D between letters of scripts that are written with them
(Arabic to Mongolian). Tag characters stay visible even in flags: they are how text is smuggled.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

_PICTOGRAPH = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf"
    "\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
# Letters of scripts that use joiners; their own invisible characters are left out.
_JOINING = (
    "\u0620-\u06dc\u06de-\u070d\u0710-\u08e1\u08e3-\u0dff\u0e00-\u10ff\u1780-\u17b3\u17b6-\u17ff"
    "\u1810-\u18af"
)
_JOINERS = "\u200c\u200d"
# Default_Ignorable_Code_Point and general category Cf of Unicode 16, without the Arabic and
# Kaithi signs that are drawn, and without the joiners and U+FE0F, which depend on their place.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001345f\U0001bca0-\U0001bcaf\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ALWAYS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff" + _INVISIBLE
# One class is searched eight times faster than the alternatives below.
_SUSPECT = re.compile(f"[{_ALWAYS}{_JOINERS}\ufe0f]")
_UNSAFE = re.compile(
    f"[{_ALWAYS}]"
    f"|(?<![{_PICTOGRAPH}])(?!(?<=[0-9#*])\ufe0f\u20e3)\ufe0f"
    f"|(?<![{_PICTOGRAPH}])(?<![{_PICTOGRAPH}]\ufe0f)(?<![{_JOINING}])[{_JOINERS}]"
    f"|[{_JOINERS}](?![{_PICTOGRAPH}{_JOINING}])"
)
# A link target has no business with white space either.
_UNSAFE_IN_LINK = re.compile(r"\s")
_LINK_SCHEMES = frozenset({"http", "https", "mailto"})


def sanitise(text: str) -> str:
    """``text`` with everything invisible made visible; line feeds and tabs stay.

    Applying it twice changes nothing more. Clean text is returned as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    if _SUSPECT.search(text) is None:
        return text
    return _UNSAFE.sub(_visible, text)


def split_invisible(text: str) -> list[tuple[str, str]]:
    """``text`` in pieces (as it is, as ``sanitise`` shows it): for who has to count characters.

    A replaced character is a piece of its own; everything between is shown as it is.
    """
    pieces: list[tuple[str, str]] = []
    at = 0
    for found in _UNSAFE.finditer(text):
        if found.start() > at:
            run = text[at : found.start()]
            pieces.append((run, run))
        pieces.append((found.group(), _visible(found)))
        at = found.end()
    if at < len(text):
        pieces.append((text[at:], text[at:]))
    return pieces


def escape_invisible(json_text: str) -> str:
    r"""JSON text with its invisible characters written as ``\uXXXX``, for the clipboard.

    In valid JSON such characters occur only inside strings, so the value stays the same.
    """
    return _UNSAFE.sub(_escaped, json_text)


def safe_link(url: str) -> str | None:
    """``url`` if it may be a link target: http, https or mailto, nothing invisible in it."""
    if _UNSAFE_IN_LINK.search(url) or sanitise(url) != url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in _LINK_SCHEMES:
        return None
    goal = parts.path if parts.scheme == "mailto" else parts.netloc
    return url if goal else None


def _visible(found: re.Match[str]) -> str:
    return _shown(found.group())


@lru_cache(4096)
def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩"


def _escaped(found: re.Match[str]) -> str:
    character = found.group()
    if character == "\r":
        return character  # white space between tokens
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i : i + 2].hex()}" for i in range(0, len(pairs), 2))
