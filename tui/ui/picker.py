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
from tui.core.models import ModelInfo
from tui.core.services import ProfileInfo
from tui.ui import wording
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


class _Entry(NamedTuple):
    """A line of the list; one that tells why nothing is there cannot be chosen."""

    profile: str
    model: str
    detail: str = ""
    can_be_chosen: bool = True

    @property
    def text(self) -> str:
        return f"{self.profile} {self.model}".lower()


class PickerScreen(ModalScreen[Choice | None]):
    """Lists at once what is known, and what the servers say when they say it.

    ``current`` is the profile and model in use.
    """

    DEFAULT_CSS = (Path(__file__).parent / "dialogs.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "give_up", "Cancel", priority=True),
        Binding("ctrl+d", "choose(True)", "Also for new threads", priority=True),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("pageup", f"move(-{_PAGE})", "Page up", priority=True),
        Binding("pagedown", f"move({_PAGE})", "Page down", priority=True),
    ]

    def __init__(self, models: Models, current: tuple[str, str]) -> None:
        super().__init__()
        self._models = models
        self._current = current
        self._own: dict[str, _Entry] = {}
        self._offered: dict[str, list[_Entry]] = {}
        self._shown: list[_Entry] = []
        self._filter = Input(placeholder="Type a part of a name", max_length=80, compact=True)
        self._list = OptionList(id="choices", compact=True, markup=False)
        self._none = Static("Nothing has this in its name.", markup=False, classes="none")

    def compose(self) -> ComposeResult:
        """What to type, the list, and the keys."""
        with Vertical(classes="dialog -steady"):
            yield Static("Which model answers in this thread?", markup=False, classes="question")
            yield self._filter
            yield self._list
            yield self._none
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
            self._tell("", wording.problem_text(error.problem))
        else:
            self._add(found)

    def _add(self, profiles: Sequence[ProfileInfo]) -> None:
        fresh = [each for each in profiles if each.name not in self._own]
        for each in fresh:
            problem = each.problem
            detail = wording.problem_text(problem) if problem else each.found or each.detail
            self._own[each.name] = _Entry(each.name, each.model, detail, problem is None)
            if problem is None:
                self._offered[each.name] = [_Entry(each.name, "", "asking for models…", False)]
                self.run_worker(self._ask(each.name), group=f"models-{each.name}")
        self._redraw()

    async def _ask(self, profile: str) -> None:
        try:
            offered = await self._models.offered(profile)
        except TickertapeError as error:
            self._tell(profile, wording.problem_text(error.problem))
            return
        own = self._own[profile].model
        self._offered[profile] = [_entry(profile, each) for each in offered if each.id != own]
        self._redraw()

    def _tell(self, profile: str, text: str) -> None:
        self._offered[profile] = [_Entry(profile, "", text, False)]
        self._redraw()

    def _entries(self) -> list[_Entry]:
        rest = [entry for name in self._offered for entry in self._offered[name]]
        return [*self._own.values(), *rest]

    # --- what is shown ---------------------------------------------------------------------

    @on(Input.Changed)
    def _filtered(self) -> None:
        self._redraw(keeps_place=False)

    def _redraw(self, *, keeps_place: bool = True) -> None:
        """The entries that match, best first; what was highlighted stays so if it was moved to."""
        chosen = self._highlighted() if keeps_place else None
        self._shown = matching(self._entries(), self._filter.value)[:_MOST]
        width = max(len(_MARK), *(cell_len(each.profile) for each in self._shown), 0)
        width = min(width, _PROFILE_CELLS)
        self._list.set_options(
            Option(self._prompt(each, width), disabled=not each.can_be_chosen)
            for each in self._shown
        )
        self._list.display = bool(self._shown)
        self._none.display = not self._shown
        self._highlight(chosen)

    def _prompt(self, entry: _Entry, width: int) -> Content:
        mark = _MARK if (entry.profile, entry.model) == self._current else " "
        name = _fitted(entry.profile, width)
        detail = wording.one_line(entry.detail)
        if not entry.can_be_chosen and not entry.model:
            return Content.assemble((f"  {name}  {detail}", "dim"))
        model = wording.one_line(entry.model) or "its own model"
        room = model if not detail else _fitted(model, min(_MODEL_CELLS, max(20, cell_len(model))))
        return Content.assemble((f"{mark} ", "bold"), name, "  ", room, (f"  {detail}", "dim"))

    def _highlighted(self) -> _Entry | None:
        place = self._list.highlighted
        return self._shown[place] if place is not None and place < len(self._shown) else None

    def _highlight(self, chosen: _Entry | None) -> None:
        usable = [place for place, each in enumerate(self._shown) if each.can_be_chosen]
        if chosen in self._shown:
            self._list.highlighted = self._shown.index(chosen)
            return
        current = (p for p in usable if self._shown[p][:2] == self._current)
        first = usable[0] if usable else None
        self._list.highlighted = first if self._filter.value else next(current, first)

    # --- the reader ------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Highlight another line; those that cannot be chosen are stepped over."""
        usable = [place for place, each in enumerate(self._shown) if each.can_be_chosen]
        if usable:
            place = self._list.highlighted
            here = usable.index(place) if place in usable else 0
            self._list.highlighted = usable[min(max(0, here + by), len(usable) - 1)]

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_choose(False)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_choose(False)

    def action_choose(self, is_default: bool) -> None:
        """Close with what is highlighted."""
        entry = self._highlighted()
        if entry is not None and entry.can_be_chosen:
            self.dismiss(Choice(entry.profile, entry.model, is_default))

    def action_give_up(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


_MARK = "•"


def _entry(profile: str, model: ModelInfo) -> _Entry:
    window = model.context_window
    return _Entry(profile, model.id, f"{window:,} tokens" if window else "")


def matching(entries: Sequence[_Entry], query: str) -> list[_Entry]:
    """The entries that have every word of ``query``, letters in order; whole words come first."""
    words = query.lower().split()
    if not words:
        return list(entries)
    found = [each for each in entries if all(_has(each.text, word) for word in words)]
    return sorted(found, key=lambda each: sum(word not in each.text for word in words))


def _has(text: str, word: str) -> bool:
    # One pass: a server names its models, and must not make a matcher try every way to match.
    letters = iter(text)
    return all(letter in letters for letter in word)


def _fitted(text: str, width: int) -> str:
    shown = wording.one_line(text)
    return set_cell_size(shown, width) if cell_len(shown) <= width else _cut(shown, width)


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, max(0, width - 1)) + "…"
