"""What a message holds that can become an argument: numbers, names, quotes, dates, formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tui.sandbox.arithmetic import find_formulas
from tui.sandbox.cities import find_zones
from tui.sandbox.words import STOP, WEAK, word_set


class ClueKind(StrEnum):
    """What a piece of a message looks like."""

    NUMBER = "number"
    QUOTED = "quoted"
    NAME = "name"
    DATE = "date"
    CLOCK = "clock"
    EMAIL = "email"
    URL = "url"
    PATH = "path"
    CODE = "code"
    FORMULA = "formula"
    ZONE = "zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """A piece of a message from ``start`` to ``end``; ``value`` is a number or a string."""

    kind: ClueKind
    start: int
    end: int
    value: Any


_QUOTES = re.compile(
    r"\"([^\"\n]*)\"|“([^”\n]*)”|„([^“”\n]*)[“”]|«([^»\n]*)»|`([^`\n]+)`"
    r"|(?<![\w'])'([^'\n]+(?:'\w[^'\n]*)*)'(?!\w)|\u2018([^\u2019\n]*)\u2019(?!\w)"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s<>\"'`]*[\w/]")
_PATH = re.compile(r"(?<![\w/])(?:~?/)?(?:[\w.-]+/)*[\w-]+\.(?!\d)[A-Za-z]\w{0,4}(?![\w/])")
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_MONTHS = "january february march april may june july august september october november december"
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS.split())
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)? ({_MONTH}),? (\d{{4}})\b", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\b")
_CODE = re.compile(
    r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?!\d+[eE]-?\d+\b)[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*\b"
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w]|\.\d)")
_SPELLED_IN_ORDER = "two three four five six seven eight nine ten eleven twelve"
_SPELLED = {word: number for number, word in enumerate(_SPELLED_IN_ORDER.split(), 2)}
_SPELLED_OUT = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b", re.IGNORECASE)
_CAPITAL = r"(?:[^\W\d_a-z][\w\u2019'-]*)"
_NAME = re.compile(rf"\b{_CAPITAL}(?: (?:(?:de|da|del|van|von|of|the) )?{_CAPITAL})*")
_NO_NAMES = word_set(
    f"""{_MONTHS} monday tuesday wednesday thursday friday saturday sunday i ok json toml xml html
    url api http"""
)
_IN = re.compile(r"\bin\s+$")
_SENTENCE_END = re.compile(r"(?:^|[.!?:\n])[\s>*#-]*$")


def find_quotes(text: str) -> list[Clue]:
    """Quoted strings and code spans, without their marks."""
    return [
        _clue(ClueKind.QUOTED, found, next(group for group in found.groups() if group is not None))
        for found in _QUOTES.finditer(text)
    ]


def find_clues(text: str) -> list[Clue]:
    """All clues of a message in order. Inside quotes, links and dates nothing else is seen.

    Two readings of the same place are both given: a city is a name and a time zone, the operands
    of a formula are numbers.
    """
    quotes = find_quotes(text)
    plain = _mask(text, quotes)
    solid = [*_find_solid(plain)]
    plain = _mask(plain, solid)
    names = [*_find_names(plain)]
    clues = [*quotes, *solid, *names, *_find_numbers(plain), *_find_zones(text, names)]
    clues += [_span(ClueKind.FORMULA, found) for found in find_formulas(_mask(text, solid))]
    return sorted(clues, key=lambda clue: (clue.start, clue.end))


def mask_quotes(text: str) -> str:
    """The text with everything quoted blanked out; positions stay."""
    return _mask(text, find_quotes(text))


def _find_solid(text: str) -> Iterator[Clue]:
    """Things that are one piece although they hold digits, dots or capitals."""
    for kind, pattern in ((ClueKind.URL, _URL), (ClueKind.EMAIL, _EMAIL)):
        found = [_clue(kind, match, match[0]) for match in pattern.finditer(text)]
        yield from found
        text = _mask(text, found)
    dates = [*_find_dates(text)]
    yield from dates
    text = _mask(text, dates)
    clocks = [
        _clue(ClueKind.CLOCK, match, f"{int(match[1]):02}:{match[2]}:{match[3] or '00'}")
        for match in _CLOCK.finditer(text)
    ]
    yield from clocks
    text = _mask(text, clocks)
    paths = [_clue(ClueKind.PATH, match, match[0]) for match in _PATH.finditer(text)]
    yield from paths
    for match in _CODE.finditer(_mask(text, paths)):
        yield _clue(ClueKind.CODE, match, match[0])


def _find_dates(text: str) -> Iterator[Clue]:
    for match in _ISO_DATE.finditer(text):
        yield from _date(match, int(match[1]), int(match[2]), int(match[3]))
    for match in _DAY_MONTH.finditer(text):
        yield from _date(match, int(match[3]), _month(match[2]), int(match[1]))
    for match in _MONTH_DAY.finditer(text):
        yield from _date(match, int(match[3]), _month(match[1]), int(match[2]))


def _date(match: re.Match[str], year: int, month: int, day: int) -> Iterator[Clue]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield _clue(ClueKind.DATE, match, f"{year:04}-{month:02}-{day:02}")


def _month(name: str) -> int:
    return [month[:3] for month in _MONTHS.split()].index(name[:3].lower()) + 1


def _find_numbers(text: str) -> Iterator[Clue]:
    for match in _NUMBER.finditer(text):
        yield _clue(ClueKind.NUMBER, match, _number(match[0].replace(",", "")))
    for match in _SPELLED_OUT.finditer(text):
        yield _clue(ClueKind.NUMBER, match, _SPELLED[match[0].lower()])


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        value = float(text)
        # JSON has no infinity.
        return value if abs(value) != float("inf") else 0


def _find_names(text: str) -> Iterator[Clue]:
    # Places are known by name, in lower case and at the start of a sentence too.
    places = [
        Clue(kind=ClueKind.NAME, start=start, end=end, value=_titled(text[start:end]))
        for start, end, _ in find_zones(text)
        if "/" not in text[start:end]
    ]
    yield from places
    text = _mask(text, places)
    for match in _NAME.finditer(text):
        start, words = match.start(), match[0].split(" ")
        opens = _SENTENCE_END.search(text[max(0, start - 12) : start]) is not None
        while words and _is_no_name(words[0], opens=opens):
            start += len(words[0]) + 1
            words, opens = words[1:], False
        if words and not (opens and len(words) == 1):
            name = " ".join(words).removesuffix("'s").removesuffix("\u2019s")
            yield Clue(kind=ClueKind.NAME, start=start, end=start + len(name), value=name)


def _find_zones(text: str, names: list[Clue]) -> Iterator[Clue]:
    known = [_span(ClueKind.ZONE, found) for found in find_zones(text)]
    yield from known
    for name in names:
        # Places that the table lacks: the tool may know them, and says so if it does not.
        if _IN.search(text[: name.start]) and not any(
            zone.start <= name.start < zone.end for zone in known
        ):
            place = str(name.value).replace(" ", "_")
            yield Clue(kind=ClueKind.ZONE, start=name.start, end=name.end, value=place)


def _titled(place: str) -> str:
    return place.title() if place.islower() else place


def _is_no_name(word: str, *, opens: bool) -> bool:
    lower = word.lower().replace("\u2019", "'").split("'")[0]
    if lower in _NO_NAMES:
        return True
    return (opens or not word.isupper()) and (lower in STOP or lower in WEAK)


def _clue(kind: ClueKind, match: re.Match[str], value: Any) -> Clue:
    return Clue(kind=kind, start=match.start(), end=match.end(), value=value)


def _span(kind: ClueKind, found: tuple[int, int, str]) -> Clue:
    return Clue(kind=kind, start=found[0], end=found[1], value=found[2])


def _mask(text: str, clues: list[Clue]) -> str:
    letters = list(text)
    for clue in clues:
        letters[clue.start : clue.end] = " " * (clue.end - clue.start)
    return "".join(letters)
