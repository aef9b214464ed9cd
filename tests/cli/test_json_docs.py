"""docs/json.md names every event and every field that ``ask --json`` can print."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tui.core.codec import EVENT_NAMES

_DOC = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "name"), EVENT_NAMES.items(), ids=list(EVENT_NAMES.values()))
def test_every_type_and_field_is_documented(kind: type, name: str) -> None:
    row = next(line for line in _DOC.splitlines() if line.startswith("|") and f"`{name}`" in line)
    for field in dataclasses.fields(kind):
        assert f"`{field.name}`" in row, f"{name}.{field.name}"


def test_nothing_is_documented_that_does_not_exist() -> None:
    table = _DOC.split("## Types")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {name.strip(" `") for row in rows for name in row.split(",")}
    assert documented == set(EVENT_NAMES.values())
