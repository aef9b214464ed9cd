"""Reads descriptions out of docstrings in the Google, NumPy and Sphinx styles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SECTIONS = (
    "args|arguments|params|parameters|keyword args|keyword arguments|other parameters|"
    "returns?|yields?|raises|exceptions?|warns|warnings?|examples?|notes?|attributes|"
    "see also|references|todo"
)
_PARAMETER_SECTIONS = re.compile(
    r"(args|arguments|params|parameters|keyword args|keyword arguments|other parameters)",
    re.IGNORECASE,
)
_GOOGLE_HEADING = re.compile(rf"({_SECTIONS})\s*:", re.IGNORECASE)
_NUMPY_HEADING = re.compile(rf"({_SECTIONS})", re.IGNORECASE)
_SPHINX_FIELD = re.compile(r":(\w+)(?:\s+([^:]*))?:(?:\s+|$)(.*)")  # :kind type name: text
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(?:\s+|$)(.*)")
_NUMPY_ENTRY = re.compile(r"\*{0,2}\w+(\s*,\s*\*{0,2}\w+)*\s*(:.*)?")
_SPHINX_PARAMETER = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Docstring:
    """``description`` is the text before the first section; ``parameters`` is by name."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Section:
    """A heading (empty for the lead) and its lines; ``style`` is google, numpy or sphinx."""

    heading: str = ""
    style: str = ""
    lines: list[str] = field(default_factory=list)


def parse_docstring(text: str | None) -> Docstring:
    """What a docstring says about a function and its parameters; unknown forms are description."""
    description = ""
    parameters: dict[str, str] = {}
    for section in _sections(inspect.cleandoc(text or "").splitlines()):
        if not section.style:
            description = "\n".join(section.lines).strip()
        elif section.style == "sphinx":
            parameters.update(_sphinx_parameter(section))
        elif _PARAMETER_SECTIONS.fullmatch(section.heading):
            entries = _google_entries if section.style == "google" else _numpy_entries
            parameters.update(entries(section.lines))
    return Docstring(description=description, parameters=parameters)


def _sections(lines: list[str]) -> list[_Section]:
    sections = [_Section()]
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        started = _heading(line, following)
        if started is not None:
            sections.append(started)
        elif not (sections[-1].style == "numpy" and set(line.strip()) == {"-"}):
            sections[-1].lines.append(line)
    return sections


def _heading(line: str, following: str) -> _Section | None:
    if match := _GOOGLE_HEADING.fullmatch(line):
        return _Section(match[1], "google")
    underlined = len(following) >= 3 and set(following.strip()) == {"-"}
    if underlined and (match := _NUMPY_HEADING.fullmatch(line.rstrip())):
        return _Section(match[1], "numpy")
    if match := _SPHINX_FIELD.fullmatch(line):
        words = (match[2] or "").split() or [""]
        return _Section(f"{match[1]} {words[-1]}", "sphinx", [match[3]])
    return None


def _sphinx_parameter(section: _Section) -> Iterator[tuple[str, str]]:
    kind, _, name = section.heading.partition(" ")
    if kind.lower() in _SPHINX_PARAMETER and name:
        yield name, _joined(section.lines)


def _google_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    name, texts = "", list[str]()
    for line in lines:
        entry = _GOOGLE_ENTRY.fullmatch(line.strip()) if _indent(line) == indent else None
        if entry is None:
            texts.append(line)
            continue
        if name:
            yield name, _joined(texts)
        name, texts = entry[1], [entry[2]]
    if name:
        yield name, _joined(texts)


def _numpy_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    names, texts = list[str](), list[str]()
    for line in lines:
        if line.strip() and _indent(line) == 0 and _NUMPY_ENTRY.fullmatch(line.rstrip()):
            yield from ((name, _joined(texts)) for name in names)
            names = [name.strip(" *") for name in line.partition(":")[0].split(",")]
            texts = []
        else:
            texts.append(line)
    yield from ((name, _joined(texts)) for name in names)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
