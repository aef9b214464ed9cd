"""Tools that misbehave in every way we know: the app goes on, and the call gets an answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tools.conftest import Ear, Workshop, call, lock_is_free
from tui.tools.local import LocalToolset
from tui.tools.protocol import MAX_TEXT

FINE = "\n@tool\ndef fine(): return 'fine'\n"

# Held by the worker (and what it starts) as long as it lives; the kernel frees it at death.
LOCK = """
import fcntl
_lock = open({lock!r}, "a")
fcntl.flock(_lock, fcntl.LOCK_EX)
"""

# A match that takes for ever inside one call into C: no other thread of the worker runs.
HOLD = "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"


async def cancelled(toolset: LocalToolset, name: str, ear: Ear) -> None:
    task = asyncio.create_task(call(toolset, name, ear=ear))
    await ear.heard("on")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('too blue')", r"Error: ValueError: too blue \(x\.py, line \d+\)"),
        ("raise KeyError", "Error: KeyError: no message"),
        ("import sys; sys.exit(3)", r"Error: sys\.exit\(3\) was called"),
        ("import sys; sys.setrecursionlimit(150); f = lambda: f(); f()", "RecursionError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return object()", "returned a object, which cannot be written as JSON"),
        ("return input()", "EOFError"),
        ("class E(Exception):\n  def __str__(self): 1/0\n raise E", "E: no message"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_failing_tool_keeps_its_worker(
    workshop: Workshop, kind: str, body: str, words: str
) -> None:
    workshop.write("x.py", f"import os\n@tool\ndef pid(): return os.getpid()\n"
                   f"@tool\n{kind} x():\n {body}\n")  # fmt: skip
    toolset = workshop.toolset()
    pid = await call(toolset, "pid")
    output = await call(toolset, "x")
    assert output.is_error
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(output.text)
    assert str(workshop.dir) not in output.text
    assert await call(toolset, "pid") == pid


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import os; os._exit(3)", "it exited with status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL); go()", "killed by SIGKILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV); go()", "killed by SIGSEGV"),
        # A tool can reach the worker's own connection; ending it ends the worker.
        (
            (
                "import os, socket, stat\n for fd in range(3, 50):\n  try:\n"
                "   if stat.S_ISSOCK(os.fstat(fd).st_mode): socket.socket(fileno=fd).shutdown(2)\n"
                "  except OSError: pass\n go()"
            ),
            "killed by SIGKILL",
        ),
    ],
    ids=["exit", "kill", "crash", "hang up"],
)
async def test_a_tool_that_ends_its_worker_gets_another_at_the_next_call(
    workshop: Workshop, body: str, words: str
) -> None:
    # A signal to oneself may take a moment to arrive.
    wait = "import threading\ndef go(): threading.Event().wait()\n"
    workshop.write("x.py", f"{wait}@tool\ndef x():\n {body}\n{FINE}")
    toolset = workshop.toolset()
    output = await call(toolset, "x")
    assert output.is_error
    assert "The worker process of x.py ended: " in output.text
    assert words in output.text
    assert (await call(toolset, "fine")).text == "fine"


@pytest.mark.parametrize(
    "body",
    [
        "import time; time.sleep(3600)",
        "import threading; threading.Event().wait()",
        "while True: pass",
        HOLD,
        (
            "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); "
            "import threading; threading.Event().wait()"
        ),
    ],
    ids=["sleep", "wait", "spin", "hold", "mask"],
)
async def test_a_tool_that_never_ends_is_killed_when_cancelled(
    workshop: Workshop, ear: Ear, tmp_path: Path, body: str
) -> None:
    lock = tmp_path / "lock"
    body = "print('on'); import time; time.sleep(0.1)\n" + body
    source = f"{LOCK.format(lock=str(lock))}\n@tool\ndef x():\n{textwrap.indent(body, ' ')}\n"
    workshop.write("x.py", source + FINE)
    toolset = workshop.toolset()
    await toolset.specs()
    await cancelled(toolset, "x", ear)
    await lock_is_free(lock)
    assert (await call(toolset, "fine")).text == "fine"


async def test_while_one_file_holds_its_interpreter_the_others_answer(
    workshop: Workshop, ear: Ear
) -> None:
    workshop.write("x.py", f"@tool\ndef x():\n print('on'); import time; time.sleep(0.1)\n"
                   f" {HOLD.replace(chr(10), chr(10) + ' ')}\n")  # fmt: skip
    workshop.write("y.py", FINE)
    toolset = workshop.toolset()
    running = asyncio.create_task(call(toolset, "x", ear=ear))
    await ear.heard("on")
    assert (await call(toolset, "fine")).text == "fine"
    assert (await call(toolset, "calculate", '{"expression": "1+1"}')).text == "2"
    assert not running.done()
    running.cancel()


async def test_an_async_tool_is_cancelled_without_harm_to_others(
    workshop: Workshop, ear: Ear
) -> None:
    workshop.write(
        "x.py",
        """
        import asyncio, threading
        ended, go = [], threading.Event()

        @tool
        async def x():
            print("on")
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cleaned up")

        @tool
        def neighbour():
            print("on")
            go.wait()
            return ended

        @tool
        def release():
            go.set()
        """,
    )
    toolset = workshop.toolset()
    other = Ear()
    neighbour = asyncio.create_task(call(toolset, "neighbour", ear=other))
    await other.heard("on")
    await cancelled(toolset, "x", ear)
    await call(toolset, "release")
    assert (await neighbour).text == '["cleaned up"]'


async def test_a_kill_tells_the_neighbours_in_the_same_file(workshop: Workshop, ear: Ear) -> None:
    workshop.write("x.py", "import time\n@tool\ndef x():\n print('on')\n time.sleep(3600)\n" + FINE)
    toolset = workshop.toolset()
    other = Ear()
    neighbour = asyncio.create_task(call(toolset, "x", ear=other))
    await other.heard("on")
    await cancelled(toolset, "x", ear)
    output = await neighbour
    assert output.is_error
    assert "another call in it was cancelled or took too long" in output.text
    assert (await call(toolset, "fine")).text == "fine"


async def test_what_a_tool_started_dies_with_it(
    workshop: Workshop, ear: Ear, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    workshop.write(
        "x.py",
        f"""
        import subprocess, sys
        @tool
        def x():
            subprocess.run([sys.executable, "-c",
                {LOCK.format(lock=str(lock))!r} + "print('on', flush=True); "
                "import time; time.sleep(3600)"])
        """,
    )
    toolset = workshop.toolset()
    await cancelled(toolset, "x", ear)
    await lock_is_free(lock)


async def test_a_forked_child_answers_nothing_and_its_prints_are_heard(
    workshop: Workshop, ear: Ear
) -> None:
    workshop.write("x.py", FINE + textwrap.dedent("""
        import os
        @tool
        def x():
            child = os.fork()
            if child == 0:
                print("from the child")
                return "child"
            os.waitpid(child, 0)
            return "parent"
    """))  # fmt: skip
    toolset = workshop.toolset()
    assert (await call(toolset, "x", ear=ear)).text == "parent"
    assert ear.all == "from the child\n"
    assert (await call(toolset, "fine")).text == "fine"


async def test_prints_of_a_subprocess_are_heard_while_it_runs_and_to_the_end(
    workshop: Workshop, ear: Ear, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    shell = f"echo on; echo err >&2; read line < {gate}; seq 10000"
    workshop.write("x.py", f"import os\n@tool\ndef x(): return os.system({shell!r})")
    running = asyncio.create_task(call(workshop.toolset(), "x", ear=ear))
    await ear.heard("on\nerr\n")
    await asyncio.to_thread(gate.write_text, "go\n")
    assert (await running).text == "0"
    assert ear.all == "on\nerr\n" + "".join(f"{number}\n" for number in range(1, 10001))


async def test_escape_sequences_and_half_surrogates_reach_us_as_data(
    workshop: Workshop, ear: Ear
) -> None:
    workshop.write("x.py", "@tool\ndef x():\n print('\\x1b]0;owned\\x07', '\\ud800')\n"
                   " return '\\x1b[2J\\udfff'")  # fmt: skip
    output = await call(workshop.toolset(), "x", ear=ear)
    assert output.text == "\x1b[2J\\udfff"
    assert ear.all == "\x1b]0;owned\x07 \\ud800\n"


async def test_nothing_reaches_the_terminal(workshop: Workshop) -> None:
    workshop.write(
        "x.py",
        "import os, sys, warnings\nprint('loud at load')\nos.system('echo louder at load')\n"
        "@tool\ndef x():\n print('loud')\n os.write(1, b'louder')\n os.write(2, b'loudest')\n"
        " sys.__stdout__.write('original'); sys.__stdout__.flush()\n warnings.warn('hm')\n",
    )
    program = (
        "import asyncio, sys; from pathlib import Path; from tui.tools.local import LocalToolset\n"
        "async def main():\n"
        " toolset = LocalToolset(Path(sys.argv[1]))\n"
        " output = await toolset.call('1', 'x', '{}', lambda text: None)\n"
        " assert not output.is_error, output\n"
        " await toolset.close()\n"
        "asyncio.run(main())"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, str(workshop.dir)],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


async def test_fifty_megabytes_are_cut_and_it_says_so(workshop: Workshop, ear: Ear) -> None:
    workshop.write("x.py", "@tool\ndef x():\n print('p' * 50_000_000)\n return 'r' * 50_000_000")
    output = await call(workshop.toolset(), "x", ear=ear)
    assert output.text == "r" * MAX_TEXT + "\n[… 49,000,000 more characters were cut]"
    assert ear.all == "p" * MAX_TEXT + "\n[… 49,000,001 more characters were cut]"


async def test_many_small_prints_come_in_few_pieces(workshop: Workshop, ear: Ear) -> None:
    workshop.write("x.py", "@tool\ndef x():\n for n in range(200_000): print(n)")
    await call(workshop.toolset(), "x", ear=ear)
    assert ear.all.startswith("0\n1\n2\n")
    assert "characters were cut" in ear.all
    assert len(ear.texts) < 2_000


async def test_a_tool_that_speaks_for_the_worker_is_ended(workshop: Workshop) -> None:
    workshop.write("x.py", "import os, stat, time\n@tool\ndef x():\n"
                   " for fd in range(3, 50):\n"
                   "  try:\n   if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'{}\\n')\n"
                   f"  except OSError: pass\n time.sleep(3600)\n{FINE}")  # fmt: skip
    toolset = workshop.toolset()
    output = await call(toolset, "x")
    assert output.is_error
    assert "it sent what is not a reply" in output.text
    assert (await call(toolset, "fine")).text == "fine"


async def test_what_a_tool_changes_about_its_process_is_not_changed_here(
    workshop: Workshop,
) -> None:
    umask = os.umask(0o77)
    before = Path.cwd(), dict(os.environ), signal.getsignal(signal.SIGINT)
    workshop.write(
        "x.py",
        """
        import os, signal

        @tool
        def x():
            os.chdir("/")
            os.environ.clear()
            os.umask(0)
            os.nice(5)
            return os.getcwd()
        """,
    )
    assert (await call(workshop.toolset(), "x")).text == "/"
    assert (Path.cwd(), dict(os.environ), signal.getsignal(signal.SIGINT)) == before
    assert os.umask(umask) == 0o77


@pytest.mark.parametrize(
    "body",
    [
        "os.close(0); os.close(1); os.close(2)",
        "sys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = sys.stderr = sys.stdin = None",
    ],
)
async def test_a_tool_that_closes_its_streams_returns_all_the_same(
    workshop: Workshop, body: str
) -> None:
    workshop.write("x.py", f"import os, sys\n@tool\ndef x():\n {body}\n return 'done'\n{FINE}")
    toolset = workshop.toolset()
    assert (await call(toolset, "x")).text == "done"
    assert (await call(toolset, "fine")).text == "fine"


async def test_a_tool_that_closes_everything_gets_another_worker(workshop: Workshop) -> None:
    workshop.write("x.py", f"import os\n@tool\ndef x():\n os.closerange(0, 256)\n{FINE}")
    toolset = workshop.toolset()
    output = await call(toolset, "x")
    assert output.is_error
    assert "The worker process of x.py ended" in output.text
    assert (await call(toolset, "fine")).text == "fine"


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_tool_that_takes_all_memory_is_told_no(workshop: Workshop, kind: str) -> None:
    workshop.write(
        "x.py",
        f"@tool\n{kind} x():\n kept = []\n while True: kept.append(bytearray(2**20))\n{FINE}",
    )
    toolset = workshop.toolset(memory=300 * 2**20)
    output = await call(toolset, "x")
    assert output.is_error
    assert "more memory than tools may have" in output.text
    assert (await call(toolset, "fine")).text == "fine"


async def test_so_is_one_whose_memory_goes_in_small_pieces(workshop: Workshop) -> None:
    workshop.write("x.py", f"KEPT = []\n@tool\ndef x():\n while True: KEPT.append([KEPT])\n{FINE}")
    toolset = workshop.toolset(memory=300 * 2**20)
    output = await call(toolset, "x")
    assert output.is_error
    # The worker has nothing left to answer with, or just enough; the next one does.
    await call(toolset, "x")
    async with asyncio.timeout(20):
        while (await call(toolset, "fine")).is_error:
            pass


async def test_endless_recursion_in_c_is_a_crash_like_others(workshop: Workshop) -> None:
    workshop.write(
        "x.py",
        "import sys\n@tool\ndef x():\n sys.setrecursionlimit(10**9)\n"
        f" class A:\n  def __repr__(self): return repr(self)\n repr(A())\n{FINE}",
    )
    toolset = workshop.toolset()
    output = await call(toolset, "x")
    assert output.is_error
    assert "killed by SIGSEGV" in output.text
    assert (await call(toolset, "fine")).text == "fine"


async def test_a_tool_that_starts_threads_without_end_is_ended(workshop: Workshop) -> None:
    workshop.write(
        "x.py",
        "from threading import Event, Thread\n@tool\ndef x():\n"
        f" while True: Thread(target=Event().wait, daemon=True).start()\n{FINE}",
    )
    toolset = workshop.toolset(memory=300 * 2**20)
    output = await call(toolset, "x")
    assert output.is_error
    async with asyncio.timeout(20):
        while (await call(toolset, "fine")).is_error:
            pass


async def test_a_tool_may_delete_its_own_file(workshop: Workshop) -> None:
    workshop.write(
        "x.py", f"import os\n@tool\ndef x():\n os.unlink(__file__)\n return 'gone'\n{FINE}"
    )
    toolset = workshop.toolset()
    assert (await call(toolset, "x")).text == "gone"
    assert (await call(toolset, "fine")).text == "fine"
    assert "x" not in [spec.name for spec in await toolset.specs()]
    assert (await call(toolset, "calculate", '{"expression": "1+1"}')).text == "2"


async def test_a_child_that_outlives_its_call_dies_with_the_worker(
    workshop: Workshop, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    workshop.write(
        "x.py",
        f"""
        import os, time

        @tool
        def x():
            ready, go = os.pipe()
            if os.fork() == 0:
                {LOCK.format(lock=str(lock)).strip().replace(chr(10), "; ")}
                os.write(go, b"x")
                time.sleep(3600)
            os.read(ready, 1)
        """,
    )
    toolset = workshop.toolset()
    assert not (await call(toolset, "x")).is_error
    await toolset.close()
    await lock_is_free(lock)


# Held, and deaf to every signal that can be ignored.
DEAF = f"""
import signal
for number in set(range(1, 32)) - {{signal.SIGKILL, signal.SIGSTOP}}:
    signal.signal(number, signal.SIG_IGN)
{HOLD}
"""


@pytest.mark.parametrize("body", ["time.sleep(3600)", HOLD, DEAF], ids=["sleep", "hold", "deaf"])
async def test_the_worker_ends_when_the_app_is_killed(
    workshop: Workshop, tmp_path: Path, body: str
) -> None:
    lock, gate = tmp_path / "lock", tmp_path / "gate"
    os.mkfifo(gate)
    # Said without the help of the worker's threads, which do not run once the interpreter is held.
    body = f"import os; os.write(os.open({str(gate)!r}, os.O_WRONLY), b'on')\n{body}"
    source = f"{LOCK.format(lock=str(lock))}\nimport time\n@tool\ndef x():\n"
    workshop.write("x.py", source + textwrap.indent(body, " "))
    program = (
        "import asyncio, sys; from pathlib import Path; from tui.tools.local import LocalToolset\n"
        "asyncio.run(LocalToolset(Path(sys.argv[1])).call('1', 'x', '{}', print))"
    )
    app = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(workshop.dir))
    with gate.open("rb", buffering=0) as opened:
        assert await asyncio.to_thread(opened.read, 2) == b"on"
        app.send_signal(signal.SIGKILL)
        await app.wait()
    await lock_is_free(lock)


async def test_a_start_that_is_cancelled_leaves_no_process(
    workshop: Workshop, tmp_path: Path
) -> None:
    lock, started = tmp_path / "lock", tmp_path / "started"
    workshop.write("x.py", f"{LOCK.format(lock=str(lock))}\nimport time\n"
                   f"open({str(started)!r}, 'w').close()\ntime.sleep(3600)")  # fmt: skip
    finding = asyncio.create_task(workshop.toolset().specs())
    while not started.exists():
        await asyncio.sleep(0.01)
    finding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finding
    await lock_is_free(lock)
