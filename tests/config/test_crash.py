"""Crash reports: where it broke, and nothing that anybody said, typed or keeps secret."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tui.config.crash import CrashReports
from tui.config.crash_text import crash_text, place_of
from tui.config.logs import Redactor

_PRIVATE = "what somebody said"


def _fail(text: str) -> None:
    spoken = text
    raise ValueError(spoken)


def _caught(text: str = _PRIVATE) -> ValueError:
    try:
        _fail(text)
    except ValueError as error:
        return error
    raise AssertionError


def _reports(directory: Path, *, with_messages: bool = False) -> CrashReports:
    return CrashReports(directory, redact=Redactor().redact, with_messages=lambda: with_messages)


def test_a_report_says_where_and_not_what(tmp_path: Path) -> None:
    path = _reports(tmp_path / "logs").write(_caught(), where="the app")
    assert path is not None
    text = path.read_text(encoding="utf-8")
    assert "something broke in the app" in text
    assert "builtins.ValueError\n" in text
    assert "test_crash.py:23 in _fail\n    raise ValueError(spoken)" in text
    assert "textual 8" in text
    assert _PRIVATE not in text
    assert str(Path.home()) not in text


def test_a_report_is_private(tmp_path: Path) -> None:
    path = _reports(tmp_path / "logs").write(_caught(), where="x")
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_with_messages_keys_are_still_taken_out(tmp_path: Path) -> None:
    error = _caught("\x1b]0;owned\x07 key sk-proj-1234567890abc")
    path = _reports(tmp_path, with_messages=True).write(error, where="x")
    assert path is not None
    text = path.read_text(encoding="utf-8")
    assert "key [key]" in text
    assert "\x1b" not in text


def test_what_it_came_from_is_there_too() -> None:
    try:
        try:
            _fail("first")
        except ValueError as error:
            raise KeyError("second") from error
    except KeyError as error:
        found = error
    text = crash_text(found, where="x", with_messages=False)
    assert text.index("builtins.KeyError") < text.index("which came from\nbuiltins.ValueError")
    assert "first" not in text.partition("builtins.ValueError")[2].partition("\n")[0]


def test_exceptions_in_a_circle_or_in_a_group_come_to_an_end() -> None:
    first, second = _caught(), _caught()
    first.__cause__, second.__cause__ = second, first
    assert crash_text(first, where="x", with_messages=False).count("builtins.ValueError") == 2
    group = ExceptionGroup(_PRIVATE, [_caught(), _caught()])
    text = crash_text(group, where="x", with_messages=False)
    assert text.count("together with\nbuiltins.ValueError") == 2
    assert _PRIVATE not in text


def test_a_very_deep_traceback_keeps_its_ends() -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            _fail("bottom")
        dig(depth - 1)

    try:
        dig(500)
    except ValueError as error:
        text = crash_text(error, where="x", with_messages=False)
    assert "... 443 more ..." in text
    assert "in _fail" in text
    assert text.count(" in dig") == 58


def test_the_place_of_an_exception_is_one_line() -> None:
    assert place_of(_caught()).endswith("tests/config/test_crash.py:23")
    assert place_of(_caught()).startswith("ValueError at ")
    assert place_of(KeyError("never raised")) == "KeyError"


def test_the_newest_ten_are_kept(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"crash-20200101T0000{number:02}-1.txt").write_text("old")
    path = _reports(tmp_path).write(_caught(), where="x")
    assert path is not None
    kept = sorted(each.name for each in tmp_path.glob("crash-*"))
    assert len(kept) == 10
    assert kept[-1] == path.name
    assert kept[0] == "crash-20200101T000003-1.txt"


def test_several_in_one_second_are_several(tmp_path: Path) -> None:
    paths = {_reports(tmp_path).write(_caught(), where="x") for _ in range(5)}
    assert len(paths) == 5
    assert None not in paths


def test_a_place_that_cannot_be_written_gives_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert _reports(tmp_path / "file" / "logs").write(_caught(), where="x") is None


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), signal.SIGSEGV)", "watch.dump()", "pass"])
def test_native_crashes_and_hangs_become_reports(tmp_path: Path, ending: str) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from tui.config.crash import NativeWatch\n"
        f"watch = NativeWatch(pathlib.Path(sys.argv[1]))\n{ending}\nwatch.close()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    status = subprocess.run(command, timeout=30, check=False).returncode
    assert status == (-signal.SIGSEGV if "SEGV" in ending else 0)
    subprocess.run([*command[:2], code.replace(ending, "pass"), str(tmp_path)], check=True)
    reports = list(tmp_path.iterdir())
    if ending == "pass":
        assert not reports
        return
    (report,) = reports
    assert report.name.startswith("crash-")
    assert "<string>" in report.read_text(encoding="utf-8")


def test_the_file_of_a_process_that_runs_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / f"running-{os.getppid()}.txt"
    mine.write_text("")
    code = (
        "import sys, pathlib\n"
        "from tui.config.crash import NativeWatch\n"
        "NativeWatch(pathlib.Path(sys.argv[1])).close()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=30)
    assert list(tmp_path.iterdir()) == [mine]
