"""How blocks begin: the patterns of CommonMark, and a line with a place in it."""

from __future__ import annotations

import re

TAB = 4
# What a line is must show in so many characters, else it is running text; the header of a table
# has its first bar there. Longer lines of text are read in parts.
REACH = 96

HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
CLOSING_HASHES = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*$")
RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|(?:-[ \t]*){3,})$")
FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
BULLET = re.compile(r"([-+*])(?=[ \t]|$)")
NUMBER = re.compile(r"(\d{1,9})([.)])(?=[ \t]|$)")
TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
FOOTNOTE = re.compile(r"\[\^([^\s\[\]]+)\]:[ \t]*")
DEFINITION = re.compile(
    r"\[((?:[^\[\]\\]|\\.)+)\]:[ \t]*(?:<([^<>]*)>|(\S+))"
    r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*$"
)
MATH = {"$$": re.compile(r"\s*\$\$\s*$|^\s*$"), "\\[": re.compile(r"\s*\\\]\s*$|^\s*$")}
_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|"
    "dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|"
    "hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|"
    "search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_BLANK = re.compile(r"^\s*$")
# How HTML begins, and what the line that ends it holds.
HTML = (
    (
        re.compile(r"<(?:script|pre|style|textarea)(?:\s|>|$)", re.IGNORECASE),
        re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE),
    ),
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(rf"</?(?:{_TAGS})(?:\s|/?>|$)", re.IGNORECASE), _BLANK),
)
# In front of text that is nothing but text, whatever its end is.
_SPECIAL = re.compile(r"[ \t>*+\-0-9.)]*(?:```|~~~|<|\[|\$\$|\\\[)")


def is_plain(beginning: str) -> bool:
    """Whether a line that begins so is running text, however it goes on."""
    return (
        "|" not in beginning
        and not _SPECIAL.match(beginning)
        and not UNDERLINE.match(beginning.strip())
        and not RULE.match(beginning.strip())
    )


def leaf_kind(text: str) -> str:
    """Which kind of leaf begins so, if it is not running text."""
    if HEADING.match(text):
        return "heading"
    if RULE.match(text):
        return "rule"
    if FENCE.match(text):
        return "fence"
    if text.strip() in MATH:
        return "math"
    return "html" if html_end(text) else ""


def html_end(text: str) -> re.Pattern[str] | None:
    """What ends the HTML that begins so, if it does."""
    if text[0] != "<":
        return None
    return next((end for begin, end in HTML if begin.match(text)), None)


class Cursor:
    """A line of the source and how far it was read."""

    __slots__ = ("_shift", "at", "place", "raw", "skipped", "text")

    def __init__(self, raw: str, at: int) -> None:
        self.raw = raw
        self.at = at
        self.place = 0
        self.skipped = 0
        self.text = raw
        if "\t" in raw:
            # Only tabs in front count as structure; those in the text are shown as they are.
            front = len(raw) - len(raw.lstrip(" \t>*+-0123456789.)"))
            self.text = raw[:front].expandtabs(TAB) + raw[front:]
        self._shift = len(self.text) - len(raw)

    @property
    def rest(self) -> str:
        """What was not read yet."""
        return self.text[self.place :]

    @property
    def blank(self) -> bool:
        """Whether nothing is left."""
        return not self.text[self.place :].strip()

    @property
    def indent(self) -> int:
        """How many blanks come next."""
        rest = self.text
        place = self.place
        while place < len(rest) and rest[place] == " ":
            place += 1
        return place - self.place

    @property
    def source(self) -> int:
        """The place in the source of what comes next."""
        return self.at + min(len(self.raw), max(0, self.place - self._shift))

    @property
    def end(self) -> int:
        """The place in the source behind this line."""
        return self.at + len(self.raw)

    def skip(self, most: int) -> None:
        """Read over blanks."""
        self.skipped = min(most, self.indent)
        self.place += self.skipped

    def keep_tabs(self) -> None:
        """Take the line as it is."""
        self.text = self.raw
        self._shift = 0
