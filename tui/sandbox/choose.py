"""Which tools a message mentions, in groups: parallel within a group, groups one after another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.core.models import ToolSpec
from tui.sandbox.clues import Clue, ClueKind, find_clues, find_quotes, mask_quotes
from tui.sandbox.fill import fill_calls, property_names
from tui.sandbox.hints import hint_for
from tui.sandbox.schema import Schema
from tui.sandbox.steps import PlannedCall
from tui.sandbox.words import (
    STOP,
    WEAK_STEMS,
    content_stems,
    find_words,
    split_name,
    stem,
    word_set,
)

# A message longer than this is read at its start and its end only.
_LONGEST_HEAD, _LONGEST_TAIL = 3000, 1000
_ENOUGH = 2
_NAMED = 10
_CODE_FENCE = re.compile(r"^ {0,3}(```|~~~).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_THEN = re.compile(
    r"[,;.]?\s*\b(?:and\s+)?(?:then|after that|afterwards|after this|finally)\b[,:]?\s*",
    re.IGNORECASE,
)
_IDIOMS = re.compile(
    r"\b(?:(?:good|best|long|first|last|every|some|any|next|this|that|same|free|full|half|real"
    r"|spare|each|one|big|at|on|in|over|of|all|high) times?\b(?! (?:is|in)\b)"
    r"|times? (?:to|of|and again|complexity|series|travel|machine|management|limit|out))\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:don['\u2019]?t|do not|never|without|not|no need to)\b", re.IGNORECASE)
_SUCH_AS = re.compile(r"\b(?:such as|for example|e\.g\.|like)\b.*", re.IGNORECASE | re.DOTALL)
_ASKING = word_set("what which the local exact current my show tell check say")
_SMALL_AFTER = word_set("in at for of is now and or please on be there here was right")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    """A tool and where the message first speaks of it."""

    tool: ToolSpec
    at: int
    end: int


def choose_calls(question: str, tools: Sequence[ToolSpec], choice: Any) -> list[list[PlannedCall]]:
    """The rounds of calls to make; empty when no tool is mentioned.

    ``choice`` is the request's ``tool_choice``: ``none``, ``auto``, ``required`` (a tool is
    called even if none is mentioned), or a function by name.
    """
    if choice == "none" or not tools:
        return []
    text = _shortened(question)
    if (forced := _forced_name(choice)) is not None:
        tools = [tool for tool in tools if tool.name == forced]
        return [_calls_of(text, [_Mention(tool=t, at=0, end=0) for t in tools])] if tools else []
    groups = [_calls_of(part, _find_mentions(part, tools)) for part in _parts(text)]
    groups = [group for group in groups if group]
    if not groups and choice == "required":
        return [_calls_of(text, [_Mention(tool=tools[0], at=0, end=0)])]
    return groups


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_HEAD + _LONGEST_TAIL:
        return text
    return f"{text[:_LONGEST_HEAD]}\n{text[-_LONGEST_TAIL:]}"


def _forced_name(choice: Any) -> str | None:
    if not isinstance(choice, dict):
        return None
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else choice.get("name")
    return name if isinstance(name, str) else None


def _parts(text: str) -> list[str]:
    """The message cut where it says "then"; what is quoted is not cut."""
    plain = _prose(text)
    cuts = [0, *(at for found in _THEN.finditer(plain) for at in found.span()), len(text)]
    return [text[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)]


def _prose(text: str) -> str:
    """The text with quotes and code blanked out; positions stay."""
    return mask_quotes(_CODE_FENCE.sub(lambda found: " " * len(found[0]), text))


# --- which tools ------------------------------------------------------------------------------


class _Reading:
    """A part of the message as tools are looked for in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.clues = find_clues(text)
        plain = _prose(text)
        self.plain = _IDIOMS.sub(lambda found: " " * len(found[0]), plain)
        self.quoted = {str(quote.value): quote.start for quote in find_quotes(text)}
        self.words = find_words(self.plain)
        self.places: dict[str, tuple[int, int]] = {}
        for n, (at, word) in enumerate(self.words):
            if word not in STOP and not self._is_negated(at):
                self.places.setdefault(stem(word), (at, n))

    def _is_negated(self, at: int) -> bool:
        before = self.plain[max(0, at - 25) : at]
        found = [*_NEGATION.finditer(before)]
        return bool(found) and not re.search(r"[,.;!?]", before[found[-1].end() :])

    def find_name(self, name: str) -> tuple[list[tuple[int, int]], bool]:
        """Where the message has a tool's name, spelled as one, and whether it was forbidden."""
        spans = [found.span() for found in _spelled(name).finditer(self.plain)]
        if name in self.quoted:
            spans.append((self.quoted[name], self.quoted[name] + len(name) + 2))
        wanted = [span for span in spans if not self._is_negated(span[0])]
        return wanted, len(wanted) < len(spans)

    def is_asked_for(self, at: int) -> bool:
        """Whether the word number ``at`` heads what is asked for: "what time", "the time in"."""
        before = self.words[at - 1][1] if at else "what"
        if at + 1 == len(self.words):
            after = True
        else:
            start, word = self.words[at][0] + len(self.words[at][1]), self.words[at + 1][1]
            after = word in _SMALL_AFTER or not self.plain[start : self.words[at + 1][0]].isspace()
        return before in _ASKING and after


def _spelled(name: str) -> re.Pattern[str]:
    """A tool's name in prose: its parts apart or together; a single word only if called one."""
    parts = split_name(name)
    spelled = r"[ _.\-]?".join(map(re.escape, parts))
    if len(parts) < 2 and name.isalpha():
        called = rf"(?:use|call|run|invoke)\s+(?:the\s+)?{spelled}"
        spelled = rf"{called}|{spelled}(?:\s*\(|\s+(?:tool|function))"
    return re.compile(rf"(?<!\w)(?:{spelled})(?!\w)", re.IGNORECASE)


def _find_mentions(text: str, tools: Sequence[ToolSpec]) -> list[_Mention]:
    """The tools that a part of the message asks for, in order of their mention.

    Words are claimed by the tool they fit best, so that "weather" does not call everything that
    has to do with weather.
    """
    reading = _Reading(text)
    profiles = [_Profile(tool, reading) for tool in tools]
    claimed: set[str] = set()
    mentions: list[_Mention] = []
    for profile in sorted(profiles, key=lambda each: -each.score(frozenset())):
        if profile.score(claimed) >= _ENOUGH:
            mentions.append(profile.mention())
            claimed |= profile.hits
    return sorted(mentions, key=lambda each: each.at)


class _Profile:
    """How well a tool fits a part of the message."""

    def __init__(self, tool: ToolSpec, reading: _Reading) -> None:
        self._tool = tool
        self._reading = reading
        self._named, self._forbidden = reading.find_name(tool.name)
        said = reading.places.keys()
        self._in_name = content_stems(split_name(tool.name)) & said
        described = content_stems([word for _, word in find_words(_gist(tool.description))])
        parameters = [word for name in property_names(tool.parameters) for word in split_name(name)]
        self._in_rest = ((described | content_stems(parameters)) & said) - self._in_name
        self._evidence = _evidence(tool, reading.clues)

    @property
    def hits(self) -> set[str]:
        """What it was recognised by; no other tool is recognised by the same."""
        formulas = {f"={clue.start}" for clue in self._evidence if clue.kind is ClueKind.FORMULA}
        return self._in_name | self._in_rest | formulas

    def score(self, claimed: set[str] | frozenset[str]) -> int:
        """Points; words that are claimed give none."""
        if self._named:
            return _NAMED
        if self._forbidden:
            return 0
        names = sum(self._weight(word) for word in self._in_name - claimed)
        rest = sum(word not in WEAK_STEMS for word in self._in_rest - claimed)
        formula = any(
            clue.kind is ClueKind.FORMULA and f"={clue.start}" not in claimed
            for clue in self._evidence
        )
        if formula:
            return names + rest + _ENOUGH
        return names + rest + bool(self._evidence) if names or rest else 0

    def _weight(self, word: str) -> int:
        if word not in WEAK_STEMS:
            return 2
        return 1 + self._reading.is_asked_for(self._reading.places[word][1])

    def mention(self) -> _Mention:
        """Where the message begins to speak of it."""
        if self._named:
            at, end = min(self._named)
        elif words := self._in_name or self._in_rest:
            at, n = min(self._reading.places[word] for word in words)
            end = at + len(self._reading.words[n][1])
        else:
            at = end = min(clue.start for clue in self._evidence)
        return _Mention(tool=self._tool, at=at, end=end)


def _gist(description: str) -> str:
    """What a description says the tool is for: the first sentence without its examples."""
    first = re.split(r"(?<=[.!?])\s|\n\s*\n", description.strip(), maxsplit=1)[0]
    return _SUCH_AS.sub("", first)


def _evidence(tool: ToolSpec, clues: Sequence[Clue]) -> list[Clue]:
    """Clues of an unmistakable kind that a parameter of the tool asks for."""
    schema = Schema(tool.parameters)
    properties = schema.resolve(tool.parameters).get("properties")
    wanted: set[ClueKind] = set()
    for name, raw in properties.items() if isinstance(properties, dict) else ():
        known = schema.resolve(raw)
        if known.get("type") in ("integer", "number"):
            wanted.add(ClueKind.NUMBER)
        else:
            wanted |= set(hint_for(name, known).kinds[:1])
    return [clue for clue in clues if clue.kind in wanted]


# --- with which arguments ---------------------------------------------------------------------


def _calls_of(text: str, mentions: Sequence[_Mention]) -> list[PlannedCall]:
    """The calls of one group. Clues belong to the tool that was mentioned last before them."""
    clues = find_clues(text)
    calls: list[PlannedCall] = []
    for n, mention in enumerate(mentions):
        start = mention.at if n else 0
        end = mentions[n + 1].at if n + 1 < len(mentions) else len(text)
        own = [clue for clue in clues if start <= clue.start < end]
        # "The time and the weather in Rome" has one place for both.
        region = " " * start + text[start:end] if own else text
        phrase = _phrase(text[mention.end : end], content_stems(split_name(mention.tool.name)))
        filled = fill_calls(mention.tool.parameters, region, own or clues, phrase)
        calls += [PlannedCall(name=mention.tool.name, arguments=each) for each in filled]
    return calls


def _phrase(text: str, names: set[str]) -> str:
    """What is said about a tool's object: the rest of the sentence without its small words.

    ``names`` are the stems of the tool's own name, which say nothing more.
    """
    sentence = re.split(r"[.!?](?:\s|$)|\n", text.strip(), maxsplit=1)[0]
    words = sentence.split()
    while words and ((first := words[0].lower().strip(",:;")) in STOP or stem(first) in names):
        words = words[1:]
    while words and words[-1].lower().strip(",:;") in ("and", "or", "please", "the", "a"):
        words = words[:-1]
    return " ".join(words).strip(" ,;:-")[:200]
