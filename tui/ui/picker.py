"""The dialog that chooses what answers: every profile, and every model that its server offers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.core.errors import TickertapeError
from tui.core.services import ProfileInfo
from tui.ui import wording
from tui.ui.choices import Choices, Entry
from tui.ui.models import Models

_PROFILE_CELLS = 16
_MODEL_CELLS = 38
_PAGE = 8
# A server may list what it likes; who has more models than this types a part of the name.
_MOST = 500


class Choice(NamedTuple):
    """What the reader chose; ``is_default``: for new threads too. An empty model: the profile's."""

    profile: str
    model: str
    is_default: bool


class PickerScreen(ModalScreen[Choice | None]):
    """Lists at once what is known, and what the servers say when they say it.

    ``current`` is the profile and model in use. A profile whose key may disturb the reader is
    asked for its models only when it is that one, or when the reader moves to it.
    """

    DEFAULT_CSS = (Path(__file__).parent / "dialogs.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "give_up", "Leave all as it is", priority=True),
        Binding("ctrl+d", "choose(True)", "Choose, for new threads too", priority=True),
        Binding("up", "move(-1)", "The row above", priority=True),
        Binding("down", "move(1)", "The row below", priority=True),
        Binding("pageup", f"move(-{_PAGE})", "Some rows up", priority=True),
        Binding("pagedown", f"move({_PAGE})", "Some rows down", priority=True),
    ]

    def __init__(self, models: Models, current: tuple[str, str]) -> None:
        super().__init__()
        self._models = models
        self._current = current
        self._choices = Choices()
        self._shown: list[Entry] = []
        self._not_found = ""
        self._filter = Input(placeholder="Type a part of a name", max_length=80, compact=True)
        self._list = OptionList(id="choices", compact=True, markup=False)
        self._none = Static("Nothing has this in its name.", markup=False, classes="none")
        self._told = Static(id="told", markup=False)

    def compose(self) -> ComposeResult:
        """What to type, the list, what there is to say of the highlighted row, and the keys."""
        with Vertical(classes="dialog -steady"):
            yield Static("Which model answers in this thread?", markup=False, classes="question")
            yield self._filter
            yield self._list
            yield self._none
            yield self._told
            yield Static(
                "Enter  this thread    Ctrl+D  new threads too    Esc  cancel",
                markup=False,
                classes="keys",
            )

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self._list.can_focus = False
        self._add(self._models.profiles())
        self.run_worker(self._discover(), group="discover")

    # --- what there is ---------------------------------------------------------------------

    async def _discover(self) -> None:
        try:
            found = await self._models.discover()
        except TickertapeError as error:
            self._not_found = wording.problem_text(error.problem)
            self._tell()
        else:
            self._add(found)

    def _add(self, profiles: Sequence[ProfileInfo]) -> None:
        self._choices.learn(profiles)
        for name in self._choices.to_ask(self._current[0]):
            self._begin_asking(name)
        self._redraw()

    def _begin_asking(self, profile: str) -> None:
        self.run_worker(self._ask(profile), group=f"models-{profile}")

    async def _ask(self, profile: str) -> None:
        try:
            self._choices.offer(profile, await self._models.offered(profile))
        except TickertapeError as error:
            self._choices.fail(profile, wording.problem_text(error.problem))
        self._redraw()

    # --- what is shown ---------------------------------------------------------------------

    @on(Input.Changed)
    def _filtered(self) -> None:
        self._redraw(keeps_place=False)

    def _redraw(self, *, keeps_place: bool = True) -> None:
        """The rows that match, best first; what was highlighted stays so."""
        before = self._highlighted() if keeps_place else None
        self._shown = self._choices.matching(self._filter.value)[:_MOST]
        width = min(
            max((cell_len(each.profile) for each in self._shown), default=1), _PROFILE_CELLS
        )
        self._list.set_options(Option(self._prompt(each, width)) for each in self._shown)
        self._list.display = bool(self._shown)
        self._none.display = not self._shown
        self._list.highlighted = self._place(before)
        self._tell()

    def _prompt(self, entry: Entry, width: int) -> Content:
        mark = "•" if entry.is_chosen_by(self._current) else " "
        name = _fitted(entry.profile, width)
        detail = wording.one_line(entry.detail)
        model = wording.one_line(entry.shown)
        room = model if not detail else _fitted(model, min(_MODEL_CELLS, max(20, cell_len(model))))
        row = Content.assemble((f"{mark} ", "bold"), name, "  ", room, (f"  {detail}", "dim"))
        return row if entry.is_usable else row.stylize("dim")

    def _highlighted(self) -> Entry | None:
        place = self._list.highlighted
        return self._shown[place] if place is not None and place < len(self._shown) else None

    def _place(self, before: Entry | None) -> int | None:
        """Where the highlight belongs: where it was, else at what is in use, else at the first."""
        if before is not None:
            for place, each in enumerate(self._shown):
                if each.is_chosen_by(before.key):
                    return place
        usable = [place for place, each in enumerate(self._shown) if each.is_usable]
        first = usable[0] if usable else 0 if self._shown else None
        current = (at for at in usable if self._shown[at].is_chosen_by(self._current))
        return first if self._filter.value else next(current, first)

    def _tell(self) -> None:
        entry = self._highlighted()
        told = self._choices.told(entry.profile) if entry is not None else ""
        told = told or self._not_found
        self._told.update(Content(told))
        self._told.display = bool(told)

    # --- the reader ------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Highlight another row."""
        if self._shown:
            place = (self._list.highlighted or 0) + by
            self._list.highlighted = min(max(0, place), len(self._shown) - 1)
            self._visit()

    def _visit(self) -> None:
        """The reader came to the highlighted row: its profile may be asked, whatever it takes."""
        entry = self._highlighted()
        if entry is not None and self._choices.begin_asking(entry.profile):
            self._begin_asking(entry.profile)
        self._tell()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_choose(False)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self._tell()
        self.action_choose(False)

    def action_choose(self, is_default: bool) -> None:
        """Close with what is highlighted."""
        entry = self._highlighted()
        if entry is not None and entry.is_usable:
            self.dismiss(Choice(entry.profile, entry.model, is_default))

    def action_give_up(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


def _fitted(text: str, width: int) -> str:
    shown = wording.one_line(text)
    return set_cell_size(shown, width) if cell_len(shown) <= width else _cut(shown, width)


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, max(0, width - 1)) + "…"
