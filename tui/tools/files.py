"""One file with tools: what it offers, and the worker that runs it, restarted when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tui.core.errors import ToolError
from tui.core.models import Problem, ToolOutput, ToolSpec
from tui.tools.process import WorkerProcess, start_worker

_Stamp = tuple[int, int]  # modification time in ns, size


class ToolFile:
    """A file of the user's. ``specs`` and ``problems`` are as of the last ``refresh``."""

    def __init__(
        self, file: Path, env: Mapping[str, str], load_timeout: float, memory: int
    ) -> None:
        self.file = file
        self.specs: Sequence[ToolSpec] = ()
        self.problems: Sequence[Problem] = ()
        self._env = env
        self._load_timeout = load_timeout
        self._memory = memory
        self._stamp: _Stamp | None = None
        self._worker: WorkerProcess | None = None
        self._starting = asyncio.Lock()

    async def refresh(self) -> None:
        """Load the file if it is new or changed, unless calls run in it; never raises ToolError."""
        stamp = await asyncio.to_thread(_stamp_of, self.file)
        if stamp == self._stamp or (self._worker is not None and self._worker.busy):
            return
        try:
            await self.close()
            await self._running()
        except ToolError as error:
            self.specs = ()
            self.problems = (_problem(error.message),)
        # A file that failed is tried again when it changes, not at every look.
        self._stamp = stamp

    async def call(self, name: str, arguments: str, emit: Callable[[str], None]) -> ToolOutput:
        """Run one of its tools. Raises ToolError when its worker cannot be started."""
        worker = await self._running()
        return await worker.call(name, arguments, emit)

    async def close(self) -> None:
        """End the worker and whatever it runs; the next call starts another."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop("it was closed")

    async def _running(self) -> WorkerProcess:
        async with self._starting:
            if self._worker is None or self._worker.ended:
                self._worker = await start_worker(
                    self.file, self._env, self._load_timeout, self._memory
                )
                self.specs = self._worker.ready.tools
                self.problems = tuple(map(_problem, self._worker.ready.problems))
            return self._worker


def _stamp_of(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _problem(message: str) -> Problem:
    return Problem(
        code="tool_file",
        message=message.rstrip(".") + ".",
        hint="Correct the file; it is read again with the next message.",
    )
