"""Which style a tone has: the one place where Markdown meets the colours of a theme."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from tui.ui.markdown.page import Ink

_MOST_STYLES = 4096


class Palette:
    """Styles by tone; later tones of an ink lie over earlier ones."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self._styles = dict(styles)
        self._inks: dict[Ink, Style] = {}

    def with_tones(self, styles: Mapping[str, Style]) -> Palette:
        """The same palette with more tones."""
        return Palette({**self._styles, **styles})

    def style(self, ink: Ink) -> Style:
        """The style of an ink, made once."""
        style = self._inks.get(ink)
        if style is None:
            if len(self._inks) >= _MOST_STYLES:
                self._inks.clear()
            known = [self._styles[tone] for tone in ("text", *ink.tones) if tone in self._styles]
            style = Style.combine(known)
            if ink.link:
                style += Style(link=ink.link)
            self._inks[ink] = style
        return style


def palette_of(theme: Theme) -> Palette:
    """The calm palette of any theme: few colours, most of the page is plain text."""
    ground = Color.parse(theme.background or ("#101218" if theme.dark else "#FAFAFA"))
    front = Color.parse(theme.foreground or ground.get_contrast_text(1.0).hex)
    surface = Color.parse(theme.panel or theme.surface or ground.blend(front, 0.08).hex)
    primary = Color.parse(theme.primary)
    secondary = Color.parse(theme.secondary or theme.primary)
    accent = Color.parse(theme.accent or theme.primary)
    warning = Color.parse(theme.warning or theme.primary)
    success = Color.parse(theme.success or theme.primary)
    # Theme colours as they are would make code louder than the text around it.
    raised = ground.blend(surface, 0.55)
    dim = front.blend(ground, 0.4)
    thin = front.blend(ground, 0.72)
    colours = {
        "text": (front, ground),
        "heading": (primary, None),
        "h3": (secondary, None),
        "code": (accent, raised),
        "block": (front, raised),
        "label": (dim, None),
        "copy": (dim, None),
        "html": (dim, None),
        "math": (secondary, None),
        "quote": (front.blend(ground, 0.2), None),
        "bar": (thin, None),
        "rule": (thin, None),
        "marker": (primary, None),
        "done": (success, None),
        "link": (primary, None),
        "note": (dim, None),
        "keyword": (primary, None),
        "string": (success, None),
        "number": (accent, None),
        "name": (secondary.blend(front, 0.3), None),
        "builtin": (warning, None),
        "comment": (dim, None),
    }
    styles = {
        tone: Style(color=colour.rich_color, bgcolor=below.rich_color if below else None)
        for tone, (colour, below) in colours.items()
    }
    extra = {
        "heading": Style(bold=True),
        "h1": Style(underline=True),
        "strong": Style(bold=True),
        "emphasis": Style(italic=True),
        "strike": Style(strike=True),
        "link": Style(underline=True),
        "comment": Style(italic=True),
        "head": Style(bold=True),
    }
    return Palette(
        styles | {tone: styles.get(tone, Style()) + style for tone, style in extra.items()}
    )
