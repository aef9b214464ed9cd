"""How much memory a worker may take: a tool that asks for all there is must not get it."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_LEAST = 1024**3
# Of the processes on the machine the kernel ends this one first when memory runs out (0 to 1000).
_OOM_SCORE = "800"


def usual_memory() -> int:
    """Half of the machine's memory in bytes, but at least 1 GiB."""
    return max(_LEAST, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def limit_memory(size: int) -> None:
    """Let this process, and each that it starts, hold at most ``size`` bytes of its own.

    What is counted is memory that can be written (RLIMIT_DATA), not reserved addresses: runtimes
    such as Node's reserve far more than any machine has.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        size = min(size, most)
    with contextlib.suppress(OSError, ValueError):  # a kernel that cannot is no reason not to run
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    with contextlib.suppress(OSError):  # where there is no such file, the limit has to do
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
