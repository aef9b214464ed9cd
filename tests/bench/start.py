"""The real program on a terminal of its own: first frame, memory, and what it costs to do nothing.

``python -m tests.bench.start app|static IDLE_SECONDS`` prints one JSON object: seconds of processor
time and of the clock to the first frame, megabytes then and after the warm-up, and the share of a
core that it takes while nothing happens.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bench.process import resident, spent
from tests.bench.terminal import SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULES = {"app": "tui", "static": "tests.bench.static_tree"}
_WARM_SECONDS = 6.0
_PATIENCE = 30.0
_FRAME = b"Inspector"


@contextmanager
def _terminal(module: str) -> Iterator[tuple[int, int]]:
    """The program in a pseudo-terminal: its process and our end of the line."""
    with tempfile.TemporaryDirectory() as home:
        pid, line = pty.fork()
        if pid == 0:
            os.environ |= {"TICKERTAPE_HOME": home, "TERM": "xterm-256color"}
            os.environ.pop("TEXTUAL_FPS", None)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
            os.execv(sys.executable, [sys.executable, "-m", module])
        try:
            yield pid, line
        finally:
            os.kill(pid, signal.SIGTERM)
            _read_for(line, _PATIENCE)
            os.close(line)
            os.waitpid(pid, 0)


def _read_for(line: int, seconds: float, until: bytes = b"\0") -> bytes:
    """What it writes in that time, or until it writes this, or ends."""
    seen = b""
    end = time.monotonic() + seconds
    while until not in seen and (left := end - time.monotonic()) > 0:
        if not select.select([line], [], [], left)[0]:
            break
        try:
            seen += os.read(line, 1 << 16)
        except OSError:
            break
    return seen


def measure(which: str, idle: float) -> dict[str, float]:
    """See the module."""
    begin = time.monotonic()
    with _terminal(_MODULES[which]) as (pid, line):
        # The window's size is set by the child: a frame of the whole screen comes behind it.
        assert _FRAME in _read_for(line, _PATIENCE, _FRAME), "no first frame"
        found = {"cpu": spent(pid), "clock": time.monotonic() - begin, "memory": resident(pid)}
        _read_for(line, _WARM_SECONDS)
        found["warm"] = resident(pid)
        if idle:
            before = spent(pid)
            written = len(_read_for(line, idle))
            found |= {"idle": (spent(pid) - before) / idle, "written": written}
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], float(sys.argv[2]))))
