"""docs/providers.md claims nothing without a test: each one it names is in its protocol's files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
PROTOCOLS = ("assistants", "responses", "chat")


def listed(column: str) -> list[Path]:
    """The files that the document names for a column."""
    (line,) = re.findall(rf"^- {column}: (.+)$", TEXT, re.MULTILINE)
    return [ROOT / name for name in re.findall(r"`([^`]+)`", line)]


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def cells() -> list[tuple[str, str, str]]:
    """Feature, protocol, and the cell's text."""
    table = TEXT.partition("| feature |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return [(row[0], name, row[at]) for row in rows for at, name in enumerate(PROTOCOLS, 1)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_cell_names_tests_of_its_protocol_or_claims_nothing(protocol: str) -> None:
    files = [*listed(protocol), *listed("all three")]
    there = set().union(*map(defined_in, files))
    claimed = [(feature, text) for feature, name, text in cells() if name == protocol]
    assert len(claimed) > 20
    for feature, text in claimed:
        named = set(re.findall(r"`(test_\w+)`", text))
        assert named or text == "-", feature
        assert named <= there, f"{feature}: {named - there}"
