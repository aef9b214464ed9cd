"""The documented configurations are accepted, and name every setting and preset there is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from tui.config.presets import PRESETS
from tui.config.settings_file import parse_settings
from tui.core.settings import (
    DisplaySettings,
    Limits,
    Price,
    Profile,
    ReportSettings,
    SandboxSettings,
    StorageSettings,
)

_ROOT = Path(__file__).parents[2]
_KINDS = [
    Profile,
    Price,
    Limits,
    SandboxSettings,
    DisplaySettings,
    StorageSettings,
    ReportSettings,
]


def _toml(name: str) -> str:
    text = (_ROOT / name).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```toml\n(.*?)```", text, re.DOTALL))


def test_the_readmes_example_is_accepted() -> None:
    settings = parse_settings(tomllib.loads(_toml("README.md")), Path("README.md"))
    assert settings.default_profile == "work"


def test_the_documented_configuration_is_accepted_and_says_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('{"type": "object"}', encoding="utf-8")
    (tmp_path / "demo.toml").write_text("", encoding="utf-8")
    settings = parse_settings(tomllib.loads(_DOCUMENTED), tmp_path / "config.toml")
    assert settings.limits == Limits()
    assert settings.sandbox == SandboxSettings(scenario=tmp_path / "demo.toml")
    assert settings.display == DisplaySettings()
    assert settings.storage == StorageSettings()
    assert settings.reports == ReportSettings()


_DOCUMENTED = _toml("docs/configuration.md")


@pytest.mark.parametrize("kind", _KINDS)
def test_every_setting_is_named(kind: type) -> None:
    for field in fields(kind):
        if field.name != "name":
            named = rf"(?m)^({field.name} = |\[.*\b{field.name}\b.*\])"
            assert re.search(named, _DOCUMENTED), field.name


def test_every_preset_is_in_the_table() -> None:
    text = (_ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    for preset in PRESETS.values():
        row = f"| `{preset.name}` | {preset.protocol} | {preset.base_url or '-'} |"
        assert f"{row} {preset.api_key_env or '-'} | {preset.model or '-'} |" in text
