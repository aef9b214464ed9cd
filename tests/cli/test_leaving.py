"""However the app ends: the terminal is as it was, everything is there again, and it says why."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal, workers_of

_READY = "Write a message"
_DRAFT = "half a thought"
_LONG = "Tell me about tides at length"

Open = Callable[..., Terminal]


@pytest.fixture
def home() -> Path:
    """A home with a sandbox that takes its time."""
    home = Path(os.environ["TICKERTAPE_HOME"])
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[sandbox]\nrate = 40\n", encoding="utf-8")
    return home


@pytest.fixture
def opened(home: Path) -> Iterator[Open]:
    """Opens terminals, and closes them whatever happens."""
    terminals: list[Terminal] = []

    def start(*arguments: str, ready: str = _READY, **options: object) -> Terminal:
        terminal = Terminal(*arguments, **options)  # type: ignore[arg-type]  # passed on as given
        terminals.append(terminal)
        terminal.wait_for(ready)
        return terminal

    yield start
    for terminal in terminals:
        terminal.close()


def _answering(opened: Open, **options: object) -> Terminal:
    """The app in the middle of an answer, with something in the composer."""
    terminal = opened(**options)
    terminal.type(f"{_LONG}\r")
    terminal.wait_for("Assistant")
    terminal.type(_DRAFT)
    terminal.wait_for(_DRAFT)
    return terminal


def _writing(opened: Open, **options: object) -> Terminal:
    """The app as soon as it can be written in, with something in the composer."""
    terminal = opened(**options)
    terminal.wait_for("sandbox")
    terminal.type(_DRAFT)
    terminal.wait_for(_DRAFT)
    return terminal


def _is_clean(terminal: Terminal) -> bool:
    return terminal.modes() == terminal.before and not terminal.left_on()


def _comes_back(opened: Open) -> None:
    again = opened()
    again.wait_for(_LONG)
    again.wait_for(_DRAFT)


# --- signals -------------------------------------------------------------------------------------


# What was typed a moment ago is then on the screen only.
_RARE_DRAFTS = "import tui.ui.drafts as drafts\ndrafts._PAUSE = drafts._OFTEN = 60.0\n"


def test_sigterm_gives_the_terminal_back_and_saves_everything(opened: Open, home: Path) -> None:
    terminal = _answering(opened, prelude=_RARE_DRAFTS)
    terminal.process.send_signal(signal.SIGTERM)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait_exit() == 128 + signal.SIGTERM
    assert _is_clean(terminal)
    assert "Traceback" not in terminal.text()
    assert not workers_of(home)
    assert not list((home / "logs").glob("crash-*"))
    again = opened()
    again.wait_for(_LONG)
    again.wait_for(_DRAFT)
    since = len(again.raw)
    again.type("\x15What is 17*23?\r")
    again.wait_for("391", since=since)


_SAYS_YES = "\x1b[?2026;2$y\x1b[?2048;2$y"


def test_the_modes_of_a_modern_terminal_are_taken_back_too(opened: Open) -> None:
    terminal = _writing(opened)
    terminal.type(_SAYS_YES)
    while not {"1016", "2048"} <= terminal.left_on():
        terminal.settle(0.1)
    terminal.type(" and more")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait_exit() == 128 + signal.SIGTERM
    assert _is_clean(terminal)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_other_signals_do_the_same(opened: Open, number: signal.Signals) -> None:
    terminal = _writing(opened)
    terminal.process.send_signal(number)
    assert terminal.wait_exit() == 128 + number
    assert _is_clean(terminal)
    opened().wait_for(_DRAFT)


def test_a_terminal_that_is_closed_ends_the_app(opened: Open, home: Path) -> None:
    terminal = _answering(opened, prelude=_RARE_DRAFTS)
    terminal.hang_up()
    assert terminal.process.wait(timeout=15) == 128 + signal.SIGHUP
    assert not workers_of(home)
    assert not list((home / "logs").glob("crash-*"))
    _comes_back(opened)


@pytest.mark.slow
def test_a_terminal_that_takes_nothing_does_not_keep_the_app(opened: Open) -> None:
    terminal = _answering(opened)
    time.sleep(1)  # nobody reads what is written meanwhile
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(timeout=15) == 128 + signal.SIGTERM
    assert terminal.modes() == terminal.before
    _comes_back(opened)


_SHORT = "import tui.cli.app as app\napp._SCREEN_SECONDS = app._SAVING_SECONDS = 1.0\n"
_ON_F1 = "from tui.ui.main_screen import MainScreen\nMainScreen.action_show_keys = "
_HANGING_CLOSE = (
    "import time\nfrom tui.wiring import Backend\n"
    "Backend.close = lambda self, *, cancel=True: time.sleep(60)\n"
)


def test_a_close_that_hangs_is_cut_short(opened: Open, home: Path) -> None:
    terminal = _writing(opened, prelude=_SHORT + _HANGING_CLOSE)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait_exit() == 128 + signal.SIGTERM
    assert _is_clean(terminal)
    terminal.wait_for("cut short")
    opened().wait_for(_DRAFT)  # and what hung has become a report
    reports = [path.read_text(encoding="utf-8") for path in (home / "logs").glob("crash-*")]
    assert len(reports) == 1, "\n\n".join(reports)
    assert "tui/cli/app.py" in reports[0]


@pytest.mark.slow
def test_a_screen_that_hangs_does_not_keep_what_is_behind_it(opened: Open) -> None:
    hang = f"import time\n{_ON_F1}lambda self: time.sleep(60)\n"
    terminal = _writing(opened, prelude=_RARE_DRAFTS + _SHORT + hang)
    terminal.type("\x1bOP")  # F1
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait_exit() == 128 + signal.SIGTERM
    assert _is_clean(terminal)
    opened().wait_for(_DRAFT)


# --- stopping ------------------------------------------------------------------------------------


def test_ctrl_z_and_fg(opened: Open) -> None:
    shell = opened(
        command=["bash", "--norc", "--noprofile", "-i"], environ={"PS1": "shell> "}, ready="shell>"
    )
    shell.type(f"{shlex.quote(sys.executable)} -m tui\r")
    shell.wait_for(_READY)
    shell.type(f"{_LONG}\r")
    shell.wait_for("Assistant")
    shell.type(_DRAFT)
    shell.wait_for(_DRAFT)
    for _ in range(2):
        since = len(shell.raw)
        shell.type("\x1a")
        shell.wait_for("Stopped", since=since)
        assert shell.left_on() <= {"2004"}  # bash itself
        since = len(shell.raw)
        shell.type("stty -a; echo is$((1+1))back\r")
        shell.wait_for("is2back", since=since)
        assert re.search(r"(?<!-)\bicanon\b.*(?<!-)\becho\b", shell.text(since), re.DOTALL)
        since = len(shell.raw)
        shell.type("fg\r")
        shell.wait_for(_DRAFT, since=since)  # painted again
        shell.wait_for("tides", since=since)
    since = len(shell.raw)
    shell.type("!")
    shell.wait_for("!", since=since)
    shell.type("\x11")
    shell.wait_for("still being written")
    since = len(shell.raw)
    shell.type("c")
    shell.wait_for("shell>", since=since)
    shell.type("exit\r")
    assert shell.wait_exit() == 0
    assert not shell.left_on()


@pytest.mark.slow
def test_a_stop_that_nobody_announced_spoils_nothing(opened: Open) -> None:
    terminal = opened()
    terminal.process.send_signal(signal.SIGSTOP)
    os.waitpid(terminal.process.pid, os.WUNTRACED)
    since = len(terminal.raw)
    terminal.process.send_signal(signal.SIGCONT)
    terminal.wait_for(_READY, since=since)
    terminal.type(_DRAFT)
    terminal.wait_for(_DRAFT, since=since)
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    assert _is_clean(terminal)


# --- crashes -------------------------------------------------------------------------------------

_BOOM = """
import threading
from textual.widget import Widget
from tui.engine.threaded import EngineThread
from tui.store.writer import Writer
from tui.ui.composer import Composer
from tui.ui.dialogs import KeysScreen
from tui.ui.main_screen import MainScreen

LOCAL = "hidden-local-value"
def boom(*_):
    local = LOCAL
    raise ValueError("hidden-" + "message")
async def boom_later():
    boom()
def raising(old):
    return lambda self, *a: boom() if getattr(self.app, "broken", 0) else old(self, *a)
def on_f1(self):
    self.app.broken = 1
    %s
MainScreen.action_show_keys = on_f1
"""
_BREAKS = {
    "handler": "boom()",
    "worker": "self.run_worker(boom_later())",
    "thread worker": "self.run_worker(boom, thread=True)",
    "timer": "self.set_timer(0.01, boom)",
    "callback": "self.call_after_refresh(boom)",
    "widget": "Composer.render_line = boom; self._composer.refresh()",
    "compose": "KeysScreen.compose = boom; self.app.push_screen(KeysScreen(()))",
    "system exit": "raise SystemExit(3)",
    "input thread": "self.app._driver._process = boom",
    "store thread": "Writer._next_batch = boom; self._later(self._desk.save_draft('x', 'y'), 'z')",
}


_OFTEN = ("worker", "compose", "widget", "store thread")


def test_what_was_going_on_when_it_broke_is_there_again(opened: Open) -> None:
    terminal = _answering(opened, prelude=_RARE_DRAFTS + _BOOM % _BREAKS["handler"])
    terminal.type("\x1bOP")
    assert terminal.wait_exit() == 1
    assert "Everything was saved." in terminal.text()
    _comes_back(opened)


@pytest.mark.parametrize(
    "where",
    [each if each in _OFTEN else pytest.param(each, marks=pytest.mark.slow) for each in _BREAKS],
)
def test_an_exception_ends_the_app_with_a_sentence_and_a_report(
    opened: Open, home: Path, where: str
) -> None:
    short = "" if where != "store thread" else _SHORT
    terminal = _writing(opened, prelude=short + _BOOM % _BREAKS[where])
    since = len(terminal.raw)
    terminal.type("\x1bOP")
    if where == "input thread":
        terminal.type("x")
    status = terminal.wait_exit()
    assert _is_clean(terminal)
    said = terminal.text(since)
    assert "Traceback" not in said
    assert "hidden" not in said
    if where == "system exit":
        assert status == 3
        return
    assert status == 1
    assert "Tickertape had to stop" in said
    (report,) = (home / "logs").glob("crash-*")
    assert report.name in said.replace("\r\n", "")
    text = report.read_text(encoding="utf-8")
    assert "builtins.ValueError" in text
    assert "in boom" in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    for private in ("hidden-local-value", "hidden-message", _DRAFT):
        assert private not in text
    assert ("Everything was saved." in said) == (where != "store thread")


def test_a_screen_that_breaks_while_it_closes_is_no_crash(opened: Open, home: Path) -> None:
    prelude = "from tui.ui.status import StatusLine\nStatusLine.on_unmount = lambda self: 1 / 0\n"
    terminal = _writing(opened, prelude=prelude)
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    assert _is_clean(terminal)
    assert "had to stop" not in terminal.text()
    assert not list((home / "logs").glob("crash-*"))


def test_an_exception_in_the_first_compose_is_a_sentence(opened: Open, home: Path) -> None:
    prelude = "from tui.ui.status import StatusLine\nStatusLine.render = lambda self: 1 / 0\n"
    terminal = opened(prelude=prelude, ready="had to stop")
    assert terminal.wait_exit() == 1
    assert _is_clean(terminal)
    assert "ZeroDivisionError" in terminal.text()
    assert len(list((home / "logs").glob("crash-*"))) == 1


@pytest.mark.slow
def test_what_breaks_behind_the_screen_is_told_and_the_app_goes_on(
    opened: Open, home: Path
) -> None:
    prelude = _BOOM % "engines[0]._loop.call_soon_threadsafe(boom)"
    prelude += "engines = []\nold = EngineThread.__init__\n"
    prelude += "EngineThread.__init__ = lambda self: (old(self), engines.append(self))[0]\n"
    terminal = opened(prelude=prelude)
    terminal.wait_for("sandbox")
    terminal.type("\x1bOP")
    terminal.wait_for("goes on")
    since = len(terminal.raw)
    terminal.type("What is 17*23?\r")
    terminal.wait_for("391", since=since)
    terminal.wait_for("Done", since=since)
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    (report,) = (home / "logs").glob("crash-*")
    assert "broke in a task" in report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_messages_are_reported_when_the_settings_allow_it(opened: Open, home: Path) -> None:
    with (home / "config" / "config.toml").open("a", encoding="utf-8") as file:
        file.write("[reports]\nmessage_text = true\n")
    terminal = opened(prelude=_BOOM % "boom()")
    terminal.type("\x1bOP")
    assert terminal.wait_exit() == 1
    (report,) = (home / "logs").glob("crash-*")
    assert "builtins.ValueError: hidden-message" in report.read_text(encoding="utf-8")


def test_a_crash_of_native_code_is_a_report_at_the_next_start(opened: Open, home: Path) -> None:
    prelude = f"import os, signal\n{_ON_F1}lambda self: os.kill(os.getpid(), signal.SIGSEGV)\n"
    terminal = opened(prelude=prelude)
    terminal.wait_for("sandbox")
    terminal.type("\x1bOP")
    assert terminal.wait_exit() == -signal.SIGSEGV
    again = opened()
    again.wait_for("sandbox")
    (report,) = (home / "logs").glob("crash-*")
    assert "Segmentation fault" in report.read_text(encoding="utf-8")


# --- odd surroundings ----------------------------------------------------------------------------


def test_a_dumb_terminal_is_a_sentence(opened: Open) -> None:
    terminal = opened(environ={"TERM": "dumb"}, ready="cannot show the app")
    assert terminal.wait_exit() == 2
    assert b"\x1b" not in terminal.raw


@pytest.mark.slow
def test_a_terminal_of_one_cell(opened: Open) -> None:
    terminal = opened(columns=1, rows=1, ready="")
    while "2004" not in terminal.left_on():
        terminal.settle(0.1)
    terminal.resize(80, 24)
    terminal.wait_for(_READY)
    terminal.resize(1, 1)
    terminal.type("What is 17*23?\r")
    terminal.settle()
    terminal.resize(80, 24)
    terminal.wait_for("391")
    terminal.wait_for("Done")
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    assert _is_clean(terminal)


@pytest.mark.slow
def test_a_locale_without_letters(opened: Open) -> None:
    bare = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    terminal = opened(environ=bare)
    terminal.type("What is 17*23?\r")
    terminal.wait_for("391")
    terminal.wait_for("Done")
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    assert _is_clean(terminal)
    assert terminal.raw.isascii()


def test_standard_error_may_go_elsewhere(opened: Open, home: Path) -> None:
    command = ["sh", "-c", f'exec {shlex.quote(sys.executable)} -m tui 2>"{home}/errors"']
    terminal = opened(command=command)
    terminal.type("\x11")
    assert terminal.wait_exit() == 0
    assert _is_clean(terminal)
    assert (home / "errors").read_bytes() == b""


def test_a_log_directory_that_cannot_be_is_no_reason_to_fail(opened: Open, home: Path) -> None:
    (home / "logs").write_text("", encoding="utf-8")
    terminal = opened(prelude=_BOOM % "boom()")
    terminal.type("\x1bOP")
    assert terminal.wait_exit() == 1
    assert "No report could be written" in terminal.text()
    assert "ValueError at" in terminal.text()
