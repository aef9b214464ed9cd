"""The command itself: help, version, suggestions, configuration, and what bad input gets."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Tickertape
from tui import __version__


def test_help_names_every_command(tickertape: Tickertape) -> None:
    result = tickertape("--help")
    assert result.returncode == 0
    for command in ("ask", "config", "serve", "threads"):
        assert f"\n  {command} " in result.stdout
        assert tickertape(command, "--help").stdout.startswith("Usage: tickertape ")


def test_version(tickertape: Tickertape) -> None:
    assert tickertape("--version").stdout == f"tickertape, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["asc"], "Did you mean 'ask'?"),
        (
            ["teleport"],
            "There are: ask, backup, config, doctor, models, restore, serve, store, threads.",
        ),
        (["ask", "--jso", "x"], "--json"),
        (["--profle", "x"], "--profile"),
        (["ask"], "Nothing to ask"),
        ([], "needs a terminal"),
        (["ask", "x", "--profile", "absent"], "There is no profile 'absent'."),
        (["serve", "--host", "0.0.0.0"], "key"),
        (["serve", "--port", "seventy"], "'seventy' is not a valid integer"),
    ],
)
def test_wrong_usage_is_a_sentence_and_status_2(
    tickertape: Tickertape, arguments: list[str], said: str
) -> None:
    result = tickertape(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_broken_configuration_is_a_sentence_with_its_line(tickertape: Tickertape) -> None:
    home = Path(os.environ["TICKERTAPE_HOME"])
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("a = 1\nb =\n", encoding="utf-8")
    result = tickertape("ask", "hello")
    assert result.returncode == 2
    assert "line 2" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_path_says_where_everything_is(tickertape: Tickertape) -> None:
    home = os.environ["TICKERTAPE_HOME"]
    lines = tickertape("config", "path").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["config", "local", "tools", "data", "logs"]
    assert all(line.split()[1].startswith(home) for line in lines)


def test_config_show_is_the_configuration_as_toml(
    tickertape: Tickertape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-known-fake-key-123456")
    monkeypatch.setenv("MY_LOGIN", "Bearer known-secret")
    home = Path(os.environ["TICKERTAPE_HOME"])
    (home / "config").mkdir(parents=True)
    text = (
        'default_profile = "x"\n[profiles.x]\nmodel = "m"\n'
        'headers = { X-Team = "blue", Authorization = "env:MY_LOGIN" }\n'
    )
    (home / "config" / "config.toml").write_text(text, encoding="utf-8")
    result = tickertape("config", "show")
    shown = tomllib.loads(result.stdout)
    assert shown["default_profile"] == "x"
    assert shown["profiles"]["x"]["model"] == "m"
    assert "sk-known" not in result.stdout
    assert "known-secret" not in result.stdout
    assert shown["profiles"]["x"]["headers"]["X-Team"] == "blue"
    (home / "config" / "config.toml").write_text(result.stdout, encoding="utf-8")
    assert tickertape("config", "show").stdout == result.stdout
