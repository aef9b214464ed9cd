"""What the picker lists: a row for each profile, then one for each model that a server offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.core.models import ModelInfo
from tui.core.services import ProfileInfo
from tui.ui import wording

_ASKING = "Asking for its models…"
_NOT_ASKED = "↓ asks for its models; getting its key may run a program or open a keyring."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row. An empty ``model`` is the profile's own choice, ``shown`` what it is called.

    ``is_usable``: it can be chosen. ``is_first``: a profile that names no model uses this one.
    """

    profile: str
    model: str
    shown: str
    detail: str = ""
    is_usable: bool = True
    is_first: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What it stands for; the rest may change."""
        return self.profile, self.model

    @property
    def text(self) -> str:
        """What is searched."""
        return f"{self.profile} {self.model}".lower()

    def is_chosen_by(self, chosen: tuple[str, str]) -> bool:
        """Whether this is what that profile and model lead to."""
        return self.key == chosen or (self.is_first and chosen == (self.profile, ""))


class Choices:
    """What is known of profiles and models so far; it grows while servers answer."""

    def __init__(self) -> None:
        self._profiles: dict[str, ProfileInfo] = {}
        self._asked: set[str] = set()
        self._offered: dict[str, Sequence[ModelInfo]] = {}
        self._failed: dict[str, str] = {}

    def learn(self, profiles: Sequence[ProfileInfo]) -> None:
        """These are there, too."""
        self._profiles.update({each.name: each for each in profiles})

    def to_ask(self, chosen: str) -> list[str]:
        """The profiles to ask for models that nobody is disturbed by; ``chosen`` may be disturbed.

        Each is named once.
        """
        quiet = [each for each in self._profiles.values() if not each.asks or each.name == chosen]
        return [each.name for each in quiet if self.begin_asking(each.name)]

    def begin_asking(self, profile: str) -> bool:
        """Whether this profile can be asked, and is for the first time."""
        known = self._profiles.get(profile)
        if known is None or known.problem is not None or profile in self._asked:
            return False
        self._asked.add(profile)
        return True

    def offer(self, profile: str, models: Sequence[ModelInfo]) -> None:
        """What the profile's server has."""
        self._offered[profile] = models

    def fail(self, profile: str, why: str) -> None:
        """Why that cannot be known; ``why`` is safe text."""
        self._failed[profile] = why

    def told(self, profile: str) -> str:
        """What there is to say of a profile, as safe text."""
        known = self._profiles.get(profile)
        if known is None or profile in self._offered:
            return ""
        if known.problem is not None:
            return wording.problem_text(known.problem)
        if profile not in self._asked:
            return _NOT_ASKED
        return self._failed.get(profile, _ASKING)

    def matching(self, query: str) -> list[Entry]:
        """The rows that have every word of ``query``, letters in order; whole words come first."""
        words = query.lower().split()
        entries = [*self._own_rows(), *self._offered_rows()]
        if not words:
            return entries
        found = [each for each in entries if all(_has(each.text, word) for word in words)]
        return sorted(found, key=lambda each: sum(word not in each.text for word in words))

    def _own_rows(self) -> Iterator[Entry]:
        for each in self._profiles.values():
            if self._is_told_by_list(each):
                continue
            window = _tokens(each.context_window or self._window_of(each))
            detail = " · ".join(filter(None, (each.found or each.detail, window)))
            detail = f"! {detail}" if each.name in self._failed else detail
            yield Entry(
                profile=each.name,
                model=each.model,
                shown=each.model or _nameless(each),
                detail=detail if each.problem is None else "! cannot be used",
                is_usable=each.problem is None,
            )

    def _offered_rows(self) -> Iterator[Entry]:
        for name, models in self._offered.items():
            known = self._profiles[name]
            others = [each for each in models if each.id != known.model]
            for place, each in enumerate(others):
                yield Entry(
                    profile=name,
                    model=each.id,
                    shown=each.id,
                    detail=_tokens(known.context_window or each.context_window),
                    is_first=place == 0 and self._is_told_by_list(known),
                )

    def _is_told_by_list(self, profile: ProfileInfo) -> bool:
        # An assistant has a model of its own, which no list tells.
        is_nameless = not profile.model and profile.protocol != "assistants"
        return is_nameless and bool(self._offered.get(profile.name))

    def _window_of(self, profile: ProfileInfo) -> int | None:
        offered = self._offered.get(profile.name, ())
        return next((each.context_window for each in offered if each.id == profile.model), None)


def _nameless(profile: ProfileInfo) -> str:
    return "its own model" if profile.protocol == "assistants" else "the server's first model"


def _tokens(window: int | None) -> str:
    return f"{window:,} tokens" if window else ""


def _has(text: str, word: str) -> bool:
    # One pass: a server names its models, and must not make a matcher try every way to match.
    letters = iter(text)
    return all(letter in letters for letter in word)
