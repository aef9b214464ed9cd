"""What an empty conversation says: where messages go, and what one can do first."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from tui.core.errors import TickertapeError
from tui.core.sanitise import sanitise
from tui.core.services import ProfileInfo
from tui.ui import wording

EXAMPLE = "What time is it in Tokyo and in Paris, and what is 17*23?"


def welcome(profile: ProfileInfo | None, *, private: bool = False) -> Static:
    """Two or three lines for a thread without messages."""
    goes = "Starting…" if profile is None else _where(profile)
    goes += f"\n{wording.PRIVACY}." if private else ""
    text = Content.assemble(
        ("Tickertape", "bold $text-primary"),
        " shows everything a model streams, tool arguments above all.\n",
        f"{goes}\n\n",
        ("Ctrl+G", "bold"),
        f" inserts an example: {EXAMPLE}\n",
        ("F1", "bold"),
        " lists all keys. ",
        ("Ctrl+P", "bold"),
        " finds every action. ",
        ("Ctrl+Q", "bold"),
        " quits; nothing of this is kept." if private else " quits; everything is kept.",
    )
    return Static(text, classes="empty")


def _where(profile: ProfileInfo) -> str:
    said = wording.one_line(profile.detail) or wording.one_line(profile.model)
    place = f"Messages go to the profile {wording.one_line(profile.name)}"
    return f"{place}: {said}." if said else f"{place}."


def startup_problem(error: TickertapeError) -> Static:
    """Why Tickertape cannot start, in full."""
    text = Content.assemble(
        ("Tickertape cannot start.\n\n", "bold $text-error"),
        f"{sanitise(error.message)}\n",
        f"{sanitise(error.hint)}\n\n" if error.hint else "\n",
        ("Ctrl+Q", "bold"),
        " quits.",
    )
    return Static(text, classes="empty")
