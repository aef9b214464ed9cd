"""One worker process as this process sees it: started, asked, and killed when it does not obey."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tui
from tui.core.errors import ToolError
from tui.core.models import ToolOutput
from tui.tools.protocol import (
    MAX_LINE,
    CallTool,
    CancelTool,
    Output,
    Ready,
    Result,
    decode_reply,
    encode_line,
)

_CANCEL_GRACE = 0.2  # seconds a cancelled call has to end by itself
_KILL_TIMEOUT = 2.0  # seconds after SIGKILL before we stop waiting for the process to be gone
_EXIT_TIMEOUT = 2.0  # seconds for the process to be gone once its connection is
_DRAIN_TIMEOUT = 0.5  # seconds to read what a dead worker had still sent

# The root is named because the package may run from a source tree that is not installed.
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from tui.tools.worker import main; main(*map(int, sys.argv[2:5]), sys.argv[5])"
)
_ROOT = str(Path(tui.__file__).resolve().parent.parent)


@dataclass(slots=True)
class _Call:
    emit: Callable[[str], None]
    result: asyncio.Future[ToolOutput]


async def start_worker(
    file: Path, env: Mapping[str, str], load_seconds: float, memory: int
) -> WorkerProcess:
    """A worker that has loaded ``file``; raises ToolError when that fails or takes longer.

    ``memory`` is how many bytes it, and each process that it starts, may hold.
    """
    ours, theirs = socket.socketpair()
    lifeline, held = socket.socketpair()
    with contextlib.ExitStack() as opened:
        # Should anything here fail, a worker that already runs sees its socket closed and ends.
        opened.callback(ours.close)
        opened.callback(lifeline.close)
        with theirs, held:
            process = await _spawn(file, env, theirs.fileno(), held.fileno(), memory)
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        opened.pop_all()
    worker = WorkerProcess(file, process, reader, writer, lifeline)
    await worker.load(load_seconds)
    return worker


async def _spawn(
    file: Path, env: Mapping[str, str], connection: int, lifeline: int, memory: int
) -> Process:
    numbers = map(str, (connection, lifeline, memory))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _BOOT, _ROOT, *numbers, str(file)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        pass_fds=(connection, lifeline),
        start_new_session=True,
        env=dict(env),
    )


class WorkerProcess:
    """A running worker, made by ``start_worker``; dead for good once ``ended``."""

    def __init__(
        self,
        file: Path,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        lifeline: socket.socket,
    ) -> None:
        self.ready = Ready()
        self.ended = False
        self._file = file
        self._process = process
        self._reader = reader
        self._writer = writer
        self._lifeline = lifeline
        self._why = ""
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._greeting: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch())

    async def load(self, seconds: float) -> None:
        """Wait until the file is loaded; ``ready`` then says what is in it.

        Raises ToolError, and leaves no process, when the worker ended instead or took longer.
        """
        try:
            async with asyncio.timeout(seconds):
                self.ready = await asyncio.shield(self._greeting)
        except TimeoutError:
            await self.stop("it took too long to load")
            raise ToolError(f"{self._file.name} took more than {seconds:g} s to load") from None
        except asyncio.CancelledError:
            await self.stop("nobody waits for it any more")
            raise

    @property
    def busy(self) -> bool:
        """Whether calls are running."""
        return bool(self._calls)

    async def call(self, name: str, arguments: str, emit: Callable[[str], None]) -> ToolOutput:
        """Run a tool. When the task is cancelled the call is over, if need be by killing."""
        number = next(self._numbers)
        call = _Call(emit, asyncio.get_running_loop().create_future())
        self._calls[number] = call
        try:
            self._writer.write(encode_line(CallTool(call=number, name=name, arguments=arguments)))
            await asyncio.wait({call.result})
        except asyncio.CancelledError:
            await self._cancel(number, call)
            raise
        finally:
            self._calls.pop(number, None)
        return call.result.result()

    async def stop(self, why: str) -> None:
        """Kill the worker and all it started; its calls get an error output that says ``why``."""
        self._kill(why)
        await asyncio.wait({self._watching}, timeout=_KILL_TIMEOUT)

    async def _cancel(self, number: int, call: _Call) -> None:
        call.emit = _ignore
        try:
            self._writer.write(encode_line(CancelTool(call=number)))
            await asyncio.wait({call.result}, timeout=_CANCEL_GRACE)
        finally:
            if not call.result.done():
                self._kill("another call in it was cancelled or took too long")
        if self.ended:
            await asyncio.wait({self._watching}, timeout=_KILL_TIMEOUT)

    def _kill(self, why: str) -> None:
        self._why = self._why or why
        self.ended = True
        # The group, so that what the tools started goes with them; the worker leads it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _watch(self) -> None:
        """Read until the worker is gone, then give every call that still waits its answer."""
        reading = asyncio.create_task(self._read())
        exiting = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({reading, exiting}, return_when=asyncio.FIRST_COMPLETED)
            self.ended = True
            # A connection ends a moment before its process does; how that ended is worth knowing.
            await asyncio.wait({exiting}, timeout=_EXIT_TIMEOUT)
            self._kill("" if exiting.done() else "it broke off its connection")
            # A process that left the group may hold the socket open: no waiting for the end.
            await asyncio.wait({reading}, timeout=_DRAIN_TIMEOUT)
            status = await exiting
        finally:
            reading.cancel()
            exiting.cancel()
            self.ended = True
            self._writer.close()
            self._lifeline.close()
        self._fail(self._why or _how_it_ended(status))

    def _fail(self, why: str) -> None:
        text = f"The worker process of {self._file.name} ended: {why}."
        if not self._greeting.done():
            self._greeting.set_exception(ToolError(text))
            self._greeting.exception()  # nobody may be waiting any more
        for call in self._calls.values():
            if not call.result.done():
                call.result.set_result(ToolOutput(text=text, is_error=True))

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(decode_reply(line))
        except OSError:
            return  # the connection was reset, which is an end like any other
        except ValueError:
            # Too long a line, or not a reply: whoever sent it cannot be trusted to go on.
            self._kill("it sent what is not a reply")

    def _take(self, reply: Ready | Output | Result) -> None:
        if isinstance(reply, Ready):
            if not self._greeting.done():
                self._greeting.set_result(reply)
            return
        call = self._calls.get(reply.call)
        if call is None or call.result.done():
            return
        if isinstance(reply, Output):
            call.emit(reply.text)
        else:
            call.result.set_result(ToolOutput(text=reply.text, is_error=reply.is_error))


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"it exited with status {status}"
    with contextlib.suppress(ValueError):
        return f"it was killed by {signal.Signals(-status).name}"
    return f"it was killed by signal {-status}"


def _ignore(text: str) -> None:
    """Takes what a cancelled call still prints."""
