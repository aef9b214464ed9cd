"""The two themes that come with Tickertape, as data; every textual theme can be chosen too."""

from __future__ import annotations

from textual.theme import Theme

DARK = "tickertape-dark"
LIGHT = "tickertape-light"

THEMES: tuple[Theme, ...] = (
    Theme(
        name=DARK,
        primary="#7AA2F7",
        secondary="#9AA5CE",
        accent="#E0AF68",
        warning="#E0AF68",
        error="#F7768E",
        success="#9ECE6A",
        foreground="#C8CEE0",
        background="#14161E",
        surface="#191C26",
        panel="#222633",
        dark=True,
        variables={
            "border": "#7AA2F7",
            "border-blurred": "#2E3446",
            "footer-background": "#14161E",
            "footer-key-foreground": "#7AA2F7",
            "footer-description-foreground": "#8A91A8",
            "block-cursor-background": "#2E3B5E",
            "block-cursor-foreground": "#E6EAF5",
            "block-cursor-blurred-background": "#222633",
            "input-selection-background": "#3A4A78",
            "scrollbar": "#2E3446",
            "scrollbar-hover": "#4A5370",
            "scrollbar-active": "#7AA2F7",
            "scrollbar-background": "#14161E",
            "scrollbar-background-hover": "#14161E",
            "scrollbar-background-active": "#14161E",
            "scrollbar-corner-color": "#14161E",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#2457C5",
        secondary="#55607A",
        accent="#8F5E15",
        warning="#8F5E15",
        error="#B3213B",
        success="#2F6F2A",
        foreground="#22283A",
        background="#FAFAF7",
        surface="#F2F2EE",
        panel="#E6E7E8",
        dark=False,
        variables={
            "border": "#2457C5",
            "border-blurred": "#CDD0D8",
            "footer-background": "#FAFAF7",
            "footer-key-foreground": "#2457C5",
            "footer-description-foreground": "#5C6478",
            "block-cursor-background": "#CFDCF7",
            "block-cursor-foreground": "#1A2032",
            "block-cursor-blurred-background": "#E6E7E8",
            "input-selection-background": "#BFD0F5",
            "scrollbar": "#CDD0D8",
            "scrollbar-hover": "#A9AEBD",
            "scrollbar-active": "#2457C5",
            "scrollbar-background": "#FAFAF7",
            "scrollbar-background-hover": "#FAFAF7",
            "scrollbar-background-active": "#FAFAF7",
            "scrollbar-corner-color": "#FAFAF7",
        },
    ),
)
