"""What an answer cites: its annotations, whichever protocol they came by, as numbered lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tui.core.models import JsonObject
from tui.core.sanitise import safe_link
from tui.ui import wording

# Protocols put the facts beside the type or into an object that is named like it.
_KINDS = ("url_citation", "file_citation", "container_file_citation", "file_path")
_LONGEST = 160


class Source(NamedTuple):
    """A thing that is cited: what to call it, and where it is if that may be followed."""

    label: str
    link: str | None


def sources(annotations: Iterable[JsonObject]) -> list[Source]:
    """Each thing once, in order of its first citation; what names nothing is left out."""
    found: dict[Source, None] = {}
    for annotation in annotations:
        if (source := _source(annotation)) is not None:
            found[source] = None
    return list(found)


def _source(annotation: JsonObject) -> Source | None:
    kind = annotation.get("type")
    if kind not in _KINDS:
        return None
    inner = annotation.get(kind)
    facts = {**annotation, **inner} if isinstance(inner, dict) else annotation
    if kind == "url_citation":
        return _page(_text(facts, "title"), _text(facts, "url"))
    name = _text(facts, "filename") or _text(facts, "file_id")
    return Source(wording.one_line(name, _LONGEST), None) if name else None


def _page(title: str, url: str) -> Source | None:
    if not url:
        return Source(wording.one_line(title, _LONGEST), None) if title else None
    where = wording.one_line(url, _LONGEST)
    name = wording.one_line(title, _LONGEST)
    label = f"{name}  {where}" if name and name != where else where
    return Source(label, safe_link(url))


def _text(facts: JsonObject, name: str) -> str:
    value = facts.get(name)
    return value.strip() if isinstance(value, str) else ""
