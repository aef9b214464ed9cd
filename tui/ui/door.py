"""The last door before the terminal: whatever a widget paints, no line of it can steer.

Widgets make remote text readable themselves, with ``sanitise``, before they lay it out. This is
for the one that forgets: every line of every widget, dialog, toast and palette passes here.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.core.sanitise import safe_link, sanitise, split_invisible

# Inside a line these move the cursor too; ``sanitise`` knows whole texts, where they are welcome.
_MOVES = "\n\t"
# Stands for a character that takes room and may not be written.
_BLOT = "\ufffd"


class LineDoor(LineFilter):
    """Takes out what a painted line must not hold; every line keeps its width in cells.

    Most such characters take no room, so they vanish here: making them visible is for those who
    lay lines out. A link stays only if it may be followed.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same line; the same list when nothing is wrong with it."""
        line = "".join([segment.text for segment in segments])
        is_clean = sanitise(line) == line and not any(each in line for each in _MOVES)
        if is_clean and not any(each.style and each.style.link for each in segments):
            return segments
        return [_safe(segment) for segment in segments]


def _safe(segment: Segment) -> Segment:
    text, style, _ = segment
    if style is not None and style.link and safe_link(style.link) is None:
        style = style.update_link(None)
    pieces = split_invisible(text)
    shown = "".join(each if each == as_shown else _blot(each) for each, as_shown in pieces)
    for each in _MOVES:
        shown = shown.replace(each, _blot(each))
    return Segment(shown, style)


def _blot(character: str) -> str:
    return _BLOT * cell_len(character)
