"""The README's configuration is one that is accepted, and it names every setting there is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from tui.config.settings_file import parse_settings
from tui.core.settings import (
    Limits,
    Profile,
    ReportSettings,
    SandboxSettings,
    StorageSettings,
)

_README = Path(__file__).parents[2] / "README.md"
(_TOML,) = re.findall(r"```toml\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_is_accepted() -> None:
    settings = parse_settings(tomllib.loads(_TOML), _README)
    assert settings.default_profile == "work"
    assert settings.limits == Limits()
    assert settings.sandbox == SandboxSettings()
    assert settings.storage == StorageSettings()
    assert settings.reports == ReportSettings()


@pytest.mark.parametrize(
    "kind", [Profile, Limits, SandboxSettings, StorageSettings, ReportSettings]
)
def test_every_setting_is_named(kind: type) -> None:
    for field in fields(kind):
        if field.name != "name":
            assert re.search(rf"\b{field.name}\b", _TOML), field.name
