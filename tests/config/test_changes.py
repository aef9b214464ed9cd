"""local.toml has one writer: nothing wrong or secret gets in, nothing of others gets lost."""

from __future__ import annotations

import stat
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config.changes import parse_key, parse_value, set_value, unset_value
from tui.config.local_file import change, drop, merged, put
from tui.config.preferences import LocalPreferences
from tui.config.settings_file import load_settings
from tui.core.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config.toml in a directory of its own."""
    directory = tmp_path / "config"
    directory.mkdir()
    path = directory / "config.toml"
    path.write_text("[profiles.work]\nmodel = 'old'  # a comment\n", encoding="utf-8")
    return path


def _local(config: Path) -> dict[str, Any]:
    return tomllib.loads(config.with_name("local.toml").read_text(encoding="utf-8"))


def _set(config: Path, key: str, value: str) -> None:
    set_value(config, parse_key(key), parse_value(value))


def test_what_is_set_is_in_force_and_the_users_file_is_as_it_was(config: Path) -> None:
    before = config.read_bytes()
    _set(config, "profiles.work.model", "new")
    _set(config, "limits.max_rounds", "7")
    _set(config, 'profiles.work.prices."gpt-5.5".input', "2.5")
    settings = load_settings(config)
    assert settings.profiles["work"].model == "new"
    assert settings.profiles["work"].prices["gpt-5.5"].input == 2.5
    assert settings.limits.max_rounds == 7
    assert config.read_bytes() == before
    assert stat.S_IMODE(config.with_name("local.toml").stat().st_mode) == 0o600


def test_what_others_wrote_stays(config: Path) -> None:
    config.with_name("local.toml").write_text("default_profile = 'work'\n[ui]\ntheme = 'dark'\n")
    _set(config, "limits.max_rounds", "7")
    LocalPreferences(config.with_name("local.toml")).set("pane", "hidden")
    assert _local(config) == {
        "default_profile": "work",
        "ui": {"theme": "dark", "pane": "hidden"},
        "limits": {"max_rounds": 7},
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("limits.max_rounds", "0", "at least 1"),
        ("limits.max_ronds", "3", "limits.max_ronds is no setting"),
        ("profiles.work.read_timeout", "soon", "has to be a number"),
        ("default_profile", "wrok", "there is no such profile"),
        ("default_profile.x", "1", "default_profile is"),
        ("profiles", "3", "has to be a table"),
        ("profiles.work.api_key", "abc", "looks like a key"),
        ("profiles.work.headers.Authorization", "abc", "looks like a key"),
        ("profiles.work.instructions", "sk-abcdefgh12345678", "looks like a key"),
        ("profiles.work.api_key_env", "0123456789abcdef0123456789ABCDEF", "looks like a key"),
        ("a b", "1", "is no key of a setting"),
        ("limits.max_rounds = 3\nx", "1", "is no key of a setting"),
    ],
)
def test_what_is_wrong_or_secret_is_not_written(
    config: Path, key: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _set(config, key, value)
    assert said in caught.value.message
    assert "abcdef" not in caught.value.message
    assert not config.with_name("local.toml").exists()


def test_a_name_of_a_variable_and_a_long_model_are_no_keys(config: Path) -> None:
    _set(config, "profiles.work.api_key_env", "WORK_API_KEY")
    _set(config, "profiles.work.model", "meta-llama/meta-llama-3-1-405b-instruct-turbo-fp8")
    _set(config, "profiles.work.key_command", "pass show work/api-key")
    assert load_settings(config).profiles["work"].api_key_env == "WORK_API_KEY"


def test_unset_takes_it_back_and_leaves_no_empty_tables(config: Path) -> None:
    _set(config, "limits.max_rounds", "7")
    _set(config, "profiles.new.preset", "groq")
    unset_value(config, ("profiles", "new", "preset"))
    assert _local(config) == {"limits": {"max_rounds": 7}}
    with pytest.raises(ConfigError, match=r"local.toml says nothing about profiles.work.model"):
        unset_value(config, ("profiles", "work", "model"))


def test_what_is_still_needed_cannot_be_unset(config: Path) -> None:
    _set(config, "profiles.new.preset", "groq")
    _set(config, "default_profile", "new")
    with pytest.raises(ConfigError, match="still needed"):
        unset_value(config, ("profiles", "new", "preset"))
    assert load_settings(config).default_profile == "new"


def test_unset_mends_a_file_that_is_wrong_step_by_step(config: Path) -> None:
    wrong = "[limits]\nmax_rounds = 0\nmax_retries = -1\n"
    config.with_name("local.toml").write_text(wrong, encoding="utf-8")
    unset_value(config, ("limits", "max_rounds"))
    unset_value(config, ("limits", "max_retries"))
    assert load_settings(config).limits.max_rounds == 50


def test_a_file_that_is_no_toml_is_left_alone(config: Path) -> None:
    local = config.with_name("local.toml")
    local.write_text("[[[", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        _set(config, "limits.max_rounds", "7")
    LocalPreferences(local).set("theme", "light")
    assert local.read_text(encoding="utf-8") == "[[["


def test_a_link_to_the_file_stays_a_link(config: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text("", encoding="utf-8")
    config.with_name("local.toml").symlink_to(elsewhere)
    _set(config, "limits.max_rounds", "7")
    assert config.with_name("local.toml").is_symlink()
    assert "max_rounds" in elsewhere.read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"local.toml cannot be written"):
        change(tmp_path / "file" / "local.toml", lambda data: put(data, ("ui", "x"), "y"))


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "local.toml"

    def write(name: str) -> None:
        change(path, lambda data: put(data, ("ui", name), "x"))

    writers = [threading.Thread(target=write, args=(f"n{number}",)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(tomllib.loads(path.read_text(encoding="utf-8"))["ui"]) == 12
    assert [each.name for each in tmp_path.iterdir() if each.name != "home"] == ["local.toml"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("true", True),
        ('["a"]', ["a"]),
        ('"3"', "3"),
        ("gpt-5.5", "gpt-5.5"),
        ("https://x.test/v1", "https://x.test/v1"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_a_value_is_toml_or_else_a_text(text: str, value: object) -> None:
    assert parse_value(text) == value


_WORDS = st.sampled_from("abc")
_TABLES = st.recursive(
    st.dictionaries(_WORDS, st.integers(), max_size=3),
    lambda inner: st.dictionaries(_WORDS, st.integers() | inner, max_size=3),
    max_leaves=8,
)


@given(data=_TABLES, key=st.lists(_WORDS, min_size=1, max_size=3).map(tuple))
def test_what_was_put_is_there_and_can_be_dropped(
    data: dict[str, Any], key: tuple[str, ...]
) -> None:
    put(data, key, "new")
    at: Any = data
    for name in key:
        at = at[name]
    assert at == "new"
    assert drop(data, key)
    assert not drop(data, key)


@given(below=_TABLES, above=_TABLES)
def test_what_is_above_is_said_and_the_rest_stays(
    below: dict[str, Any], above: dict[str, Any]
) -> None:
    result = merged(below, above)
    assert merged(result, above) == result
    assert set(result) == set(below) | set(above)
    for key, value in above.items():
        assert isinstance(value, dict) or result[key] == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("profiles.work.headers", '{Authorization = "Basic xyz"}'),
        ("profiles.work", '{headers = {X-Api-Key = "abc"}}'),
        ("profiles", '{work = {headers = {Cookie = "abc"}}}'),
        ("profiles.work.hosted_tools", '[{type = "mcp", authorization = "abc"}]'),
        ("profiles.work.key_command", "echo sk-proj-abcdef1234567890"),
    ],
)
def test_a_key_does_not_get_in_inside_of_something_else(config: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match="looks like a key"):
        _set(config, key, value)
    assert not config.with_name("local.toml").exists()


def test_a_version_that_reads_as_a_date_is_a_text(config: Path) -> None:
    _set(config, "profiles.work.api_version", "2024-10-21")
    assert load_settings(config).profiles["work"].api_version == "2024-10-21"


def test_bytes_that_are_no_text_are_refused_and_leave_nothing(config: Path) -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        _set(config, "profiles.work.model", "caf\udce9")
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("key", ["ui", "ui.theme"])
def test_what_the_screen_remembers_is_no_setting(config: Path, key: str) -> None:
    LocalPreferences(config.with_name("local.toml")).set("theme", "dark")
    with pytest.raises(ConfigError, match="no setting"):
        _set(config, key, "3")
    assert _local(config) == {"ui": {"theme": "dark"}}


def test_what_is_refused_was_never_set_so_it_need_not_be_unset(config: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _set(config, "limits.max_rounds", "0")
    assert "unset" not in f"{caught.value.message} {caught.value.hint}"


def test_a_profile_that_nobody_knows_is_not_begun_by_its_model(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with pytest.raises(ConfigError, match="no profile 'typo'") as refused:
        set_value(config, ("profiles", "typo", "model"), "m")
    assert "profiles.typo.preset" in refused.value.hint
    set_value(config, ("profiles", "typo", "preset"), "groq")
    set_value(config, ("profiles", "typo", "model"), "m")
    assert load_settings(config).profiles["typo"].model == "m"


def test_what_is_left_of_a_profile_that_is_gone_makes_none(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.work]\npreset = "groq"\n', encoding="utf-8")
    set_value(config, ("profiles", "work", "model"), "m")
    config.write_text("", encoding="utf-8")
    assert "work" not in load_settings(config).profiles
    config.write_text('[profiles.work]\npreset = "groq"\n', encoding="utf-8")
    assert load_settings(config).profiles["work"].model == "m"
