"""What an empty conversation says: where messages go, and what one can do first."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui.core.errors import TickertapeError
from tui.core.sanitise import sanitise
from tui.core.services import ProfileInfo
from tui.ui import wording

EXAMPLE = "What time is it in Tokyo and in Paris, and what is 17*23?"


class Welcome(Static):
    """A few lines for a thread without messages."""

    def __init__(self, *, private: bool = False) -> None:
        super().__init__(markup=False, classes="empty")
        self._private = private

    def tell(self, profile: ProfileInfo | None, found: Sequence[ProfileInfo] = ()) -> None:
        """Say where messages go, and what else was ``found`` on this machine."""
        goes = "Starting…" if profile is None else _where(profile)
        goes += f"\n{wording.PRIVACY}." if self._private else ""
        kept = "nothing of this" if self._private else "everything"
        self.update(
            Content.assemble(
                ("Tickertape", "bold $text-primary"),
                " shows everything a model streams, tool arguments above all.\n",
                f"{goes}\n\n",
                *_finds(found),
                ("Ctrl+G", "bold"),
                f" inserts an example: {EXAMPLE}\n",
                ("F1", "bold"),
                " lists all keys. ",
                ("F2", "bold"),
                " chooses the model. ",
                ("Ctrl+P", "bold"),
                " finds every action. ",
                ("Ctrl+Q", "bold"),
                f" quits; {kept} is kept.",
            )
        )


def _where(profile: ProfileInfo) -> str:
    said = wording.one_line(profile.detail) or wording.one_line(profile.model)
    place = f"Messages go to the profile {wording.one_line(profile.name)}"
    return f"{place}: {said}." if said else f"{place}."


def _finds(found: Sequence[ProfileInfo]) -> list[Content]:
    if not found:
        return []
    first = wording.one_line(found[0].name, 40)
    others = Content.assemble(", ", ("F2", "bold"), " chooses another") if len(found) > 1 else ""
    return [
        Content("Found here:\n"),
        *(_find(each) for each in found),
        Content.assemble(("F3", "bold"), f" talks to {first} from now on", others, ".\n\n"),
    ]


def _find(profile: ProfileInfo) -> Content:
    name = wording.one_line(profile.name, 40)
    said = wording.one_line(profile.found, 120)
    model = f" ({wording.one_line(profile.model, 60)})" if profile.model else ""
    return Content.assemble("  ", (name, "bold"), f": {said}{model}\n")


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
