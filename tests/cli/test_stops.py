"""``ask`` and signals: cancelled in order by the first, gone with the second, never in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Tickertape
from tests.cli.terminal import Terminal

_LONG = "```sandbox\nrate = %d\n[[step]]\nsay = { kind = 'paragraphs', tokens = 20000 }\n```"
_SLOW, _FLOOD = _LONG % 60, _LONG % 0
_WITHOUT_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
_MAIN = "from tui.cli.main import main\nmain()\n"


@pytest.fixture(autouse=True)
def home() -> Path:
    """A home of its own."""
    return Path(os.environ["TICKERTAPE_HOME"])


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the test starts, ended whatever happens."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def _start(started: list[subprocess.Popen[bytes]], *arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, *(arguments or ("-m", "tui", "ask", _SLOW))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.read(1)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_in_order_and_is_the_status(
    started: list[subprocess.Popen[bytes]], tickertape: Tickertape, number: signal.Signals
) -> None:
    process = _start(started)
    process.send_signal(number)
    process.send_signal(number)  # as ``timeout`` does, and shells whose window closes
    rest, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"Cancelled" in errors
    assert b"Traceback" not in errors
    shown = tickertape("threads", "show", "last").stdout
    assert rest.decode().strip()[:20] in shown
    assert "cancelled" in shown.lower()


def test_a_second_ctrl_c_leaves_at_once_even_if_nobody_reads(
    started: list[subprocess.Popen[bytes]], tickertape: Tickertape
) -> None:
    process = _start(started, "-m", "tui", "ask", _FLOOD)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)  # the pipe is full by now
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) == 130
    assert "## assistant" in tickertape("threads", "show", "last").stdout


def test_a_signal_that_is_ignored_stays_ignored(started: list[subprocess.Popen[bytes]]) -> None:
    code = _WITHOUT_INTERRUPTS + _MAIN
    process = _start(started, "-c", code, "ask", "Tell me about tides")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors


def test_a_terminal_that_is_closed_cancels(tickertape: Tickertape) -> None:
    terminal = Terminal("ask", _SLOW)
    try:
        terminal.wait_for(" ")
        terminal.hang_up()
        assert terminal.process.wait(timeout=20) == 128 + signal.SIGHUP
    finally:
        terminal.close()
    assert "cancelled" in tickertape("threads", "show", "last").stdout.lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_answer_that_cannot_be_written_is_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "tui", "ask", "What is 17*23?"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert b"The answer cannot be written: No space left on device." in result.stderr
    assert b"Traceback" not in result.stderr


def test_an_exception_in_a_command_is_a_sentence_and_a_report(home: Path) -> None:
    code = "import tui.cli.ask as ask\nask._prompt = lambda text: 1 / 0\n" + _MAIN
    result = subprocess.run(
        [sys.executable, "-c", code, "ask", "hello"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    (report,) = (home / "logs").glob("crash-*")
    assert result.stderr.count("\n") == 1
    assert "ZeroDivisionError at <string>:2" in result.stderr
    assert str(report) in result.stderr
    assert "something broke in a command" in report.read_text(encoding="utf-8")


def test_help_says_what_signals_do(tickertape: Tickertape) -> None:
    said = " ".join(tickertape("ask", "--help").stdout.split())
    assert "a second one leaves at once" in said
    assert "143 by SIGTERM" in said
