"""Configuration mistakes are sentences that name file, place, value and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.config.settings_file import load_settings, profile_of
from tui.core.errors import ConfigError


def _load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_without_a_file_the_sandbox_is_the_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "absent.toml")
    assert settings.default_profile == "sandbox"
    assert profile_of(settings, None).embedded
    assert settings.limits.max_rounds == 50


def test_a_profile_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    (tmp_path / "demo.toml").write_text("", encoding="utf-8")
    path.write_text(
        """
        default_profile = "work"
        [profiles.work]
        dialect = "azure"
        base_url = "https://example.test"
        api_version = "2024-05-01-preview"
        api_key_env = "WORK_KEY"
        assistant_id = "asst_1"
        model = "gpt-4o"
        read_timeout = 30
        headers = { X-Team = "blue" }
        options = { temperature = 0.2 }
        [limits]
        max_rounds = 7
        [sandbox]
        rate = 0
        scenario = "demo.toml"
        """,
        encoding="utf-8",
    )
    settings = load_settings(path)
    profile = profile_of(settings, None)
    assert (profile.name, profile.dialect, profile.read_timeout) == ("work", "azure", 30.0)
    assert profile.headers == {"X-Team": "blue"}
    assert settings.limits.max_rounds == 7
    assert settings.sandbox.scenario == tmp_path / "demo.toml"
    assert "sandbox" in settings.profiles


@pytest.mark.parametrize(
    ("text", "said", "hinted"),
    [
        ("default_profile = \n", "line 1", "Mend that line"),
        ("defualt_profile = 'x'", "defualt_profile is no setting", "default_profile"),
        ("default_profile = 'wrok'\n[profiles.work]\n", "'wrok'", "'work'"),
        ("[profiles.x]\nbase_ulr = 'x'", "profiles.x.base_ulr", "base_url"),
        (
            "[profiles.x]\nread_timeout = 'soon'",
            "profiles.x.read_timeout is 'soon'",
            "docs/configuration.md",
        ),
        ("[profiles.x]\nprotocol = 'telepathy'", "profiles.x.protocol is 'telepathy'", "chat"),
        ("[limits]\nmax_rounds = 1.5", "limits.max_rounds is 1.5", "docs/configuration.md"),
        (
            "[sandbox]\nrate = -3",
            "sandbox.rate is -3, but has to be at least 0",
            "docs/configuration.md",
        ),
        ("[limits]\nmax_rounds = 0", "limits.max_rounds is 0", "docs/configuration.md"),
        ("[sandbox]\nscenario = 'gone.toml'", "there is no such file", "relative"),
        ("profiles = 3", "profiles is 3, but has to be a table", "[profiles]"),
        ("[profiles]\nx = 3", "profiles.x is 3, but has to be a table", "[profiles.x]"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path: Path, text: str, said: str, hinted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    assert said in caught.value.message
    assert hinted in caught.value.hint
    assert str(tmp_path) in caught.value.message


def test_an_unreadable_encoding_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load_settings(path)


def test_an_unknown_profile_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        profile_of(load_settings(tmp_path / "absent.toml"), "sandbix")
    assert caught.value.hint == "Did you mean 'sandbox'?"
