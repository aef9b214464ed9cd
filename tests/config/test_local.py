"""Paths, preferences, keys and logs: the small files around the store."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.config.catalog import describe
from tui.config.logs import Redactor, log_to
from tui.config.paths import private_directory, resolve_paths
from tui.config.preferences import LocalPreferences
from tui.config.secrets import api_key
from tui.core.errors import ConfigError
from tui.core.settings import Profile


def test_home_moves_everything(tmp_path: Path) -> None:
    paths = resolve_paths({"TICKERTAPE_HOME": str(tmp_path)})
    assert {paths.config.parent, paths.data.parent, paths.logs.parent} == {tmp_path}
    assert paths.tools_dir == tmp_path / "config" / "tools"


def test_without_home_the_platform_decides() -> None:
    paths = resolve_paths({})
    assert "tickertape" in str(paths.data)
    assert paths.database.name == "tickertape.db"


def test_without_any_home_directory_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # a user that the system does not know
    with pytest.raises(ConfigError, match="home directory"):
        resolve_paths({})


def test_directories_are_private(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be created"):
        private_directory(tmp_path / "file" / "below")


def test_preferences_survive_and_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "local.toml"
    first, second = LocalPreferences(path), LocalPreferences(path)
    first.set("theme", "tickertape-light")
    second.set("threads_pane", "hidden")
    again = LocalPreferences(path)
    assert again.get("theme") == "tickertape-light"
    assert again.get("threads_pane") == "hidden"
    assert again.get("absent", "x") == "x"


def test_a_broken_preferences_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "local.toml"
    path.write_text("[[[", encoding="utf-8")
    assert LocalPreferences(path).get("theme", "dark") == "dark"


def test_preferences_that_cannot_be_written_are_kept_for_this_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    preferences = LocalPreferences(tmp_path / "file" / "local.toml")
    preferences.set("theme", "light")
    assert preferences.get("theme") == "light"


def test_a_key_comes_from_its_variable() -> None:
    profile = Profile(name="p", api_key_env="MY_KEY")
    assert api_key(profile, {"MY_KEY": " abc "}) == "abc"
    assert api_key(Profile(name="p", api_key_env=""), {}) is None
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        api_key(profile, {})


def test_a_profile_without_its_key_says_so() -> None:
    info = describe(Profile(name="p", api_key_env="SURELY_NOT_SET"))
    assert info.problem is not None
    assert info.problem.code == "no_key"


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.mark.usefixtures("_root_logger")
def test_logs_never_hold_a_key(tmp_path: Path) -> None:
    redactor = Redactor()
    log_to(tmp_path / "logs", redactor, level=logging.DEBUG)
    redactor.hide("plain-secret-value")
    logger = logging.getLogger("tui.test")
    logger.info("using %s and Bearer abc.def and sk-proj-1234567890", "plain-secret-value")
    try:
        raise ValueError("plain-secret-value")
    except ValueError:
        logger.exception("it broke")
    path = tmp_path / "logs" / "tickertape.log"
    text = path.read_text(encoding="utf-8")
    assert "it broke" in text
    for secret in ("plain-secret-value", "abc.def", "1234567890"):
        assert secret not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("_root_logger")
def test_a_rotated_log_stays_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.config.logs._MAX_BYTES", 100)
    log_to(tmp_path, Redactor())
    for _ in range(3):
        logging.getLogger("tui.test").warning("x" * 80)
    files = list(tmp_path.glob("tickertape.log*"))
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.usefixtures("_root_logger")
def test_an_unwritable_log_directory_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log_to(tmp_path / "file" / "logs", Redactor())
    logging.getLogger("tui.test").warning("goes nowhere")
