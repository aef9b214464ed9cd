"""``ask`` end to end: the real engine, provider, server, sandbox, tools and store, in a process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tickertape
from tests.providers.assistants_peer import End, Raw, Say
from tests.providers.responses_peer import ResponsesPeer, whole
from tests.ui.fakes import FakeBackend
from tui.cli.ask import CANCELLED, _Ask
from tui.cli.printing import TextPrinter
from tui.core.codec import decode_envelope
from tui.core.events import RunFinished
from tui.core.models import Outcome, ToolState
from tui.core.services import SendMessage
from tui.core.transcript import Transcript

_QUESTION = "What time is it in Tokyo and in Paris, and what is 17*23?"
_SLOW = "```sandbox\nrate = 60\n[[step]]\nsay = { kind = 'paragraphs', tokens = 2000 }\n```"
# Seconds after which words are on disk: 250 ms are promised, and a busy machine takes some more.
_OLD = 1.0
_SAY_EURO = "```sandbox\n[[step]]\nsay = '17 \u20ac'\n```"
_TOOL = '''
import pathlib
import time

from tui.tools import tool

STARTED = pathlib.Path(__file__).with_name("started")


@tool
def plant_tree(kind: str) -> str:
    """Plant a tree of some kind."""
    return f"planted a {kind}"


@tool
def sleep_long(seconds: int = 60) -> str:
    """Sleep for long."""
    STARTED.write_text("a pipe: this waits until the test reads")
    time.sleep(seconds)
    return "slept"
'''


@pytest.fixture(autouse=True)
def home() -> Path:
    """A home with a fast sandbox and a file of tools that ask."""
    home = Path(os.environ["TICKERTAPE_HOME"])
    (home / "config" / "tools").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[sandbox]\nrate = 0\n", encoding="utf-8")
    (home / "config" / "tools" / "garden.py").write_text(_TOOL, encoding="utf-8")
    return home


def _fold(output: str) -> Transcript:
    envelopes = [decode_envelope(json.loads(line)) for line in output.splitlines()]
    return Transcript(envelopes[0].thread).apply_all(envelopes)


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tui", "ask", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_three_parallel_calls_and_an_answer_with_three_real_values(tickertape: Tickertape) -> None:
    result = tickertape("ask", _QUESTION, "--yes")
    assert result.returncode == 0, result.stderr
    assert "391" in result.stdout
    assert "+09:00" in result.stdout
    assert re.search(r"\+0[12]:00", result.stdout)
    assert result.stderr.count("→ current_time") == 2
    assert result.stderr.count("→ calculate") == 1


def test_json_lines_fold_into_the_whole_conversation(tickertape: Tickertape) -> None:
    result = tickertape("ask", _QUESTION, "--json", "--yes")
    assert result.returncode == 0
    assert result.stdout.isascii()
    lines: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {line["v"] for line in lines} == {1}
    assert lines[-1]["type"] == "run_finished"
    transcript = _fold(result.stdout)
    (run,) = transcript.runs.values()
    assert (run.outcome, run.rounds) == (Outcome.COMPLETED, 2)
    assert [call.state for call in transcript.calls.values()] == [ToolState.DONE] * 3
    submitted = [line for line in lines if line["type"] == "outputs_submitted"]
    assert [len(line["data"]["call_ids"]) for line in submitted] == [3]
    fragments = [line for line in lines if line["type"] == "arguments_delta"]
    assert len(fragments) > 6


def test_a_tool_that_asks_is_refused_without_yes_and_run_with_it(tickertape: Tickertape) -> None:
    refused = tickertape("ask", 'Please use plant_tree for an "oak"')
    assert refused.returncode == 0
    assert "plant_tree was not run" in refused.stderr
    assert "--yes" in refused.stderr
    allowed = tickertape("ask", 'Please use plant_tree for an "oak"', "--yes", "--json")
    transcript = _fold(allowed.stdout)
    assert "planted a oak" in transcript.path()[-1].text
    (call,) = transcript.calls.values()
    assert call.decision is not None
    assert call.decision.by == "flag"


def test_standard_input_joins_the_argument(tickertape: Tickertape) -> None:
    transcript = _fold(tickertape("ask", "Summarise:", "--json", stdin="some text\n").stdout)
    assert transcript.path()[0].text == "Summarise:\n\nsome text"
    only = _fold(tickertape("ask", "--json", stdin="just this").stdout)
    assert only.path()[0].text == "just this"


def test_a_private_question_leaves_no_trace(tickertape: Tickertape, home: Path) -> None:
    result = tickertape("ask", "--private", "What is 17*23, xylophone-4711?")
    assert result.returncode == 0, result.stderr
    assert "391" in result.stdout
    for path in home.rglob("*"):
        if path.is_file():
            assert b"xylophone-4711" not in path.read_bytes(), path
    refused = tickertape("ask", "--private", "--thread", "last", "more")
    assert refused.returncode == 2
    assert "always new" in refused.stderr


def test_a_thread_that_another_process_answers_is_waited_for(tickertape: Tickertape) -> None:
    first = _start(_SLOW, "--json")
    assert first.stdout is not None
    line = first.stdout.readline()
    while '"run_started"' not in line:
        line = first.stdout.readline()
    second = _start("And now?", "--thread", "last", "--json")
    assert second.stderr is not None
    assert "Waiting" in second.stderr.readline()
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    output, _ = second.communicate(timeout=30)
    assert second.returncode == 0
    assert [json.loads(each)["type"] for each in output.splitlines()][-1] == "run_finished"
    transcript = tickertape("threads", "show", "last").stdout
    assert transcript.count("## user") == 2


def test_a_thread_goes_on(tickertape: Tickertape) -> None:
    first = _fold(tickertape("ask", "My first", "--json").stdout)
    last = tickertape("ask", "My second", "--thread", "last")
    assert last.returncode == 0, last.stderr
    by_id = tickertape("ask", "My third", "--thread", first.thread_id[:10])
    assert by_id.returncode == 0, by_id.stderr
    shown = tickertape("threads", "show", "last").stdout
    assert re.findall(r"My \w+", shown)[0] == "My first"
    assert shown.index("My first") < shown.index("My second") < shown.index("My third")
    assert len(tickertape("threads", "list").stdout.splitlines()) == 1


def test_a_thread_that_is_not_there_is_a_usage_error(tickertape: Tickertape) -> None:
    result = tickertape("ask", "x", "--thread", "nope")
    assert result.returncode == 2
    assert "There is no thread 'nope'" in result.stderr


@pytest.mark.parametrize(
    ("fail", "said"),
    [("run_failed", "failed"), ("rate_limit", "rate"), ("length", "incomplete")],
)
def test_a_failed_run_has_status_1_and_a_sentence(
    tickertape: Tickertape, fail: str, said: str
) -> None:
    scenario = f"```sandbox\n[[step]]\nsay = 'Half a sentence'\n[[step]]\nfail = '{fail}'\n```"
    result = tickertape("ask", scenario)
    assert result.returncode == 1
    assert "Half a sentence" in result.stdout
    assert said in result.stderr.lower()
    shown = tickertape("threads", "show", "last").stdout.lower()
    assert said in shown.split("half a sentence")[-1]
    if fail == "run_failed":  # a failure is not the end of its thread
        assert tickertape("ask", "and now?", "--thread", "last").returncode == 0


def test_threads_are_listed_shown_and_deleted(tickertape: Tickertape) -> None:
    tickertape("ask", "Remember the milk")
    listed = tickertape("threads", "list").stdout
    assert "Remember the milk" in listed
    thread = json.loads(tickertape("threads", "list", "--json").stdout)
    assert thread["title"] == "Remember the milk"
    refused = tickertape("threads", "delete", "last", stdin="n\n")
    assert "Kept." in refused.stderr
    assert "milk" in tickertape("threads", "list").stdout
    assert tickertape("threads", "delete", thread["id"], "--yes").returncode == 0
    empty = tickertape("threads", "list")
    assert empty.stdout == ""
    assert "no threads yet" in empty.stderr


def test_interrupt_cancels_in_order_and_keeps_what_came(tickertape: Tickertape) -> None:
    process = _start(_SLOW)
    assert process.stdout is not None
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=15)
    assert process.returncode == 130, errors
    assert "Cancelled" in errors
    assert "Traceback" not in errors
    shown = tickertape("threads", "show", "last").stdout
    assert (first + rest).strip().split("\n")[0][:10] in shown
    assert tickertape("ask", "go on", "--thread", "last").returncode == 0


def test_a_reader_that_goes_away_stops_the_run(tickertape: Tickertape) -> None:
    process = _start(_SLOW)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(timeout=15) != 0
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_input_that_is_not_utf_8_is_no_reason_to_fail(tickertape: Tickertape) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    result = subprocess.run(
        [sys.executable, "-m", "tui", "ask", b"caf\xe9:", "--json"],
        input=b"na\xefve",
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    asked = _fold(result.stdout.decode()).path()[0]
    assert asked.text == "caf\ufffd:\n\nna\ufffdve"


def test_an_output_that_lacks_characters_gets_the_rest(tickertape: Tickertape) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tui", "ask", _SAY_EURO],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"17 ?\n"), result.stderr


class InterruptedEarly(FakeBackend):
    """Ctrl-C comes while the message is on its way, when there is no run yet."""

    async def send(self, command: SendMessage) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
        await super().send(command)
        self.begin(command.thread_id, command.run_id)

    async def cancel(self, thread_id: str, run_id: str) -> None:
        if (thread := self._run_thread.get(run_id)) is not None:
            self.emit(thread, RunFinished(outcome=Outcome.CANCELLED), run_id)


async def test_an_interrupt_before_the_run_began_is_not_lost() -> None:
    ask = _Ask(InterruptedEarly().services, TextPrinter(), "hi", None)
    async with asyncio.timeout(5):
        with ask.stops.listening():
            assert await ask.run("new") == CANCELLED


def test_kill_in_the_middle_of_an_answer(tickertape: Tickertape) -> None:
    process = _start(_SLOW)
    assert process.stdout is not None
    seen = process.stdout.read(200)
    # Words come in bursts where others use the processor: only the clock says how old they are.
    until = time.monotonic() + _OLD
    while time.monotonic() < until:
        assert process.stdout.read(10)
    process.kill()
    process.communicate()
    shown = tickertape("threads", "show", "last").stdout
    assert seen.strip() in shown
    again = tickertape("ask", "go on", "--thread", "last", "--json")
    assert again.returncode == 0, again.stderr
    types = [json.loads(line)["type"] for line in again.stdout.splitlines()]
    # A new message closes what was interrupted, and then the thread goes on.
    assert types[:2] == ["run_finished", "message_added"]


def _wait_until_written(pipe: Path, process: subprocess.Popen[str]) -> None:
    """Return when someone has written into the named pipe; fails when the process ends first."""
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for _ in range(600):
            if select.select([reading], [], [], 0.1)[0] and os.read(reading, 100):
                return
            if process.poll() is not None:
                break
        process.kill()
        raise AssertionError(process.communicate())
    finally:
        os.close(reading)


def test_kill_in_the_middle_of_a_tool_call(tickertape: Tickertape, home: Path) -> None:
    started = home / "config" / "tools" / "started"
    os.mkfifo(started)
    process = _start("Please use sleep_long", "--yes")
    _wait_until_written(started, process)
    process.kill()
    process.communicate()
    shown = tickertape("threads", "show", "last").stdout
    assert "sleep_long(" in shown
    assert "interrupted" in shown
    assert tickertape("ask", "go on", "--thread", "last").returncode == 0


def test_nothing_on_disk_is_open_to_others(tickertape: Tickertape, home: Path) -> None:
    tickertape("ask", "secret")
    for path in (home / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


# --- calls that somebody else's server runs -------------------------------------------------------

APPROVAL = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "name": "delete",
    "server_label": "files\x1b",
    "arguments": '{"path": "/"}',
}


@pytest.mark.parametrize("yes", [True, False])
async def test_an_approval_names_the_server_and_the_decision(home: Path, yes: bool) -> None:
    peer = ResponsesPeer()
    peer.script = [Raw(whole(APPROVAL)), End(), Say(("Done.",)), End()]
    async with peer.http:
        (home / "config" / "config.toml").write_text(
            f'[profiles.p]\nprotocol = "responses"\nbase_url = "{peer.http.url}/v1"\n'
            'model = "m"\napi_key_env = ""\n',
            encoding="utf-8",
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui", "ask", "-p", "p", "go", *(["--yes"] if yes else [])),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (0, b"Done.\n")
    asked, decided = err.decode().splitlines()
    assert asked == '→ delete of files␛ {"path": "/"}'
    assert decided == (
        "✓ delete may run at files␛: --yes was given"
        if yes
        else "✗ delete may not run at files␛: delete is not read-only, so running it unattended "
        "needs --yes"
    )
    answer = peer.bodies[1]["input"][-1]
    assert (answer["type"], answer["approve"]) == ("mcp_approval_response", yes)
