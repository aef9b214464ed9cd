"""The app as a person meets it: a real terminal, real keys, real kills."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

_READY = "Write a message"
_TOOL = '''
import pathlib
import time

from tui.tools import tool


@tool(read_only=True)
def sleep_long() -> str:
    """Sleep for long."""
    pathlib.Path(__file__).with_name("started").write_text("yes")
    time.sleep(60)
    return "slept"
'''


@pytest.fixture
def home() -> Path:
    """A home with a fast sandbox."""
    home = Path(os.environ["TICKERTAPE_HOME"])
    (home / "config" / "tools").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[sandbox]\nrate = 200\n", encoding="utf-8")
    return home


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals that the test opens, closed whatever happens."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def _open(terminals: list[Terminal], *, columns: int = 120, rows: int = 40) -> Terminal:
    terminal = Terminal(columns=columns, rows=rows)
    terminals.append(terminal)
    terminal.wait_for(_READY)
    return terminal


@pytest.mark.usefixtures("home")
def test_chat_quit_come_back_and_find_everything(terminals: list[Terminal]) -> None:
    terminal = _open(terminals)
    terminal.type("What is 17*23?\r")
    terminal.wait_for("391")
    terminal.wait_for("Done")
    terminal.type("\x11")  # Ctrl+Q
    assert terminal.wait_exit() == 0
    assert terminal.modes() == terminal.before
    assert b"\x1b[?1049l" in terminal.raw
    again = _open(terminals)
    again.wait_for("What is 17*23?")
    again.wait_for("391")


@pytest.mark.usefixtures("home")
def test_a_profile_that_is_asked_for_gets_a_new_thread(terminals: list[Terminal]) -> None:
    terminal = _open(terminals)
    terminal.type("What is 17*23?\r")
    terminal.wait_for("Done")
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    asked = Terminal("-p", "sandbox")
    terminals.append(asked)
    asked.wait_for("inserts an example")
    asked.settle()
    assert "391" not in asked.text()


@pytest.mark.usefixtures("home")
def test_kill_in_the_middle_of_an_answer(terminals: list[Terminal]) -> None:
    terminal = _open(terminals)
    terminal.type("Tell me about tides at length, with a table and code\r")
    terminal.wait_for("Assistant")
    terminal.kill()
    again = _open(terminals)
    again.wait_for("Tell me about tides")
    again.wait_for("nterrupted")
    since = len(again.raw)
    again.type("What is 17*23?\r")
    again.wait_for("391", since=since)


def test_kill_in_the_middle_of_a_tool_call(terminals: list[Terminal], home: Path) -> None:
    (home / "config" / "tools" / "slow.py").write_text(_TOOL, encoding="utf-8")
    started = home / "config" / "tools" / "started"
    os.mkfifo(started)
    terminal = _open(terminals)
    terminal.type("Please use sleep_long now\r")
    assert started.read_text(encoding="utf-8") == "yes"
    terminal.kill()
    started.unlink()
    again = _open(terminals)
    again.wait_for("sleep_long")
    again.wait_for("nterrupted")
    assert not started.exists()  # nothing is run again by itself
    since = len(again.raw)
    again.type("What is 17*23?\r")
    again.wait_for("391", since=since)


@pytest.mark.usefixtures("home")
def test_a_hidden_inspector_shows_what_came_meanwhile(terminals: list[Terminal]) -> None:
    terminal = _open(terminals, columns=80, rows=24)
    terminal.type("\x0f")  # Ctrl+O
    terminal.wait_for("No run yet")
    terminal.settle()
    terminal.type("\x1b")
    terminal.settle()
    terminal.type("What is 17*23?\r")
    terminal.wait_for("Done")
    terminal.settle()
    since = len(terminal.raw)
    terminal.type("\x0f")
    terminal.wait_for("Run 1 of 1", since=since)


@pytest.mark.usefixtures("home")
def test_quit_in_the_middle_of_an_answer_leaves_a_clean_terminal(
    terminals: list[Terminal],
) -> None:
    terminal = _open(terminals)
    terminal.type("Tell me about tides at length\r")
    terminal.wait_for("Assistant")
    terminal.type("\x11")
    terminal.wait_for("still being written")
    terminal.type("c")  # cancel and quit
    assert terminal.wait_exit() == 0
    assert terminal.modes() == terminal.before
    again = _open(terminals)
    again.wait_for("Tell me about tides")


@pytest.mark.usefixtures("home")
def test_text_of_a_model_never_steers_the_terminal(terminals: list[Terminal]) -> None:
    terminal = _open(terminals)
    evil = r"before \u001b]0;owned\u0007 \u001b[2J \u009b31m \u202e after"
    terminal.type('\x1b[200~```sandbox\n[[step]]\nsay = "' + evil + '"\n```\x1b[201~\r')
    terminal.wait_for("after")
    terminal.wait_for("Done")
    assert b"\x1b]0;owned" not in terminal.raw
    assert "\u202e".encode() not in terminal.raw
    assert "\u009b31m".encode() not in terminal.raw
