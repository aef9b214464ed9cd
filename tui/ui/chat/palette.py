"""The colours of a conversation: those of its Markdown, and those of what is around it."""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme

from tui.ui.markdown import Palette, palette_of


def chat_palette(theme: Theme) -> Palette:
    """The palette of any theme."""
    system = theme.to_color_system().generate()

    def colour(name: str) -> Style:
        return Style(color=system[name])

    def ground(name: str) -> Style:
        return Style(bgcolor=system[name])

    return palette_of(theme).with_tones(
        {
            "primary": colour("text-primary"),
            "warning": colour("text-warning"),
            "error": colour("text-error"),
            "dim": Style(dim=True),
            "mark": colour("accent"),
            "found": ground("warning-muted"),
            "here": ground("warning") + Style(color=system["background"]),
            "thumb": colour("scrollbar"),
        }
    )
