"""The worker process: loads one file of the user's and runs its tools, several at once.

It is started as ``main(connection, lifeline, memory, file)`` with the descriptors of two sockets.
When the other end of either is closed it ends, whatever its tools are doing; it also ends when it
could not do its own work any more, since a worker that is deaf would keep its calls waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType

from tui.core.errors import ToolError
from tui.tools.capture import Capture, Printed
from tui.tools.function import ToolFunction, encode_result
from tui.tools.limits import limit_memory
from tui.tools.mark import mark_of
from tui.tools.protocol import (
    CallTool,
    Output,
    Ready,
    Reply,
    Request,
    Result,
    clip,
    decode_request,
    encode_line,
    storable,
)

_MODULE_PREFIX = "tickertape_tools_"
_RESERVE = 4 * 1024 * 1024  # bytes to answer with when a tool has taken all others
_NO_MEMORY = "MemoryError: the tool needs more memory than tools may have"


def main(connection: int, lifeline: int, memory: int, file: str) -> None:
    """Run until the other side goes away. ``memory`` is in bytes."""
    limit_memory(memory)
    for descriptor in (connection, lifeline):
        os.set_inheritable(descriptor, False)
    _die_with(lifeline)
    _Worker(socket.socket(fileno=connection), Path(file)).run()


def _die_with(lifeline: int) -> None:
    """Have the kernel end this process group when the app dies.

    The thread that listens would do so too, but a tool may hold the interpreter. Nothing is ever
    sent there, so the one signal it can cause is that of its end. SIGIO kills by default; where
    the kernel takes another signal it is the one that no tool can ignore.
    """
    with contextlib.suppress(OSError):  # where it cannot signal, the thread has to do
        if hasattr(fcntl, "F_SETSIG"):
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


class _Worker:
    def __init__(self, connection: socket.socket, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._process = os.getpid()
        self._sending = threading.Lock()
        self._reserve = bytes(_RESERVE)
        self._capture = Capture(self._vital)
        self._loop = asyncio.new_event_loop()
        self._tools: dict[str, ToolFunction] = {}
        self._coroutines: dict[int, Future[None]] = {}

    def run(self) -> None:
        """Load the file, say what is in it, and serve calls; never returns."""
        # Listening comes first: a file that blocks while it loads must not outlive the app.
        self._vital(self._listen)
        self._send(self._load())
        self._loop.run_forever()

    def _vital(self, work: Callable[[], None]) -> None:
        """Do something in a thread without which this process is of no use."""

        def run() -> None:
            try:
                with contextlib.suppress(OSError, ValueError, MemoryError):
                    work()
            finally:
                self._die()

        threading.Thread(target=run, daemon=True).start()

    def _die(self) -> None:
        # The group is this worker and what its tools started: it leads a session of its own.
        os.killpg(self._process, signal.SIGKILL)

    def _listen(self) -> None:
        for line in self._connection.makefile("rb"):
            self._handle(decode_request(line))

    def _load(self) -> Ready:
        try:
            module = _import(self._file)
        except BaseException as error:  # noqa: BLE001  # sys.exit() in a user's file, too
            return Ready(problems=(f"{self._file.name} cannot be loaded: {self._words(error)}",))
        problems = []
        for candidate in vars(module).values():
            mark = mark_of(candidate)
            if mark is None or candidate.__module__ != module.__name__:
                continue
            try:
                tool = ToolFunction(candidate, mark)
            except Exception as error:  # noqa: BLE001  # a user's type can fail in its own ways
                problems.append(f"{candidate.__name__} cannot be a tool: {self._words(error)}")
                continue
            if tool.spec.name in self._tools:
                problems.append(f"{self._file.name} has two tools named {tool.spec.name}")
            self._tools.setdefault(tool.spec.name, tool)
        specs = tuple(tool.spec for tool in self._tools.values())
        return Ready(tools=specs, problems=tuple(problems))

    def _handle(self, request: Request) -> None:
        if isinstance(request, CallTool):
            self._start(request)
        elif (running := self._coroutines.get(request.call)) is not None:
            running.cancel()

    def _start(self, request: CallTool) -> None:
        tool = self._tools.get(request.name)
        if tool is None:
            text = f"{self._file.name} has no tool named {request.name} any more."
            self._send(Result(call=request.call, text=text, is_error=True))
        elif tool.is_async:
            coroutine = self._run_async(tool, request)
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._coroutines[request.call] = future
            future.add_done_callback(lambda done: self._coroutine_ended(request.call, done))
        else:
            threading.Thread(target=self._run_or_die, args=(tool, request), daemon=True).start()

    def _coroutine_ended(self, call: int, done: Future[None]) -> None:
        self._coroutines.pop(call, None)
        if not done.cancelled() and done.exception() is not None:
            self._die()

    def _run_or_die(self, tool: ToolFunction, request: CallTool) -> None:
        try:
            self._run_sync(tool, request)
        except BaseException:
            self._die()  # a call that cannot be answered must not be waited for
            raise

    def _run_sync(self, tool: ToolFunction, request: CallTool) -> None:
        printed = self._printed(request)
        try:
            bound = tool.bind(request.arguments)
            text = encode_result(tool.function(*bound.positional, **bound.named))
            result = Result(call=request.call, text=clip(text))
        except BaseException as error:  # noqa: BLE001  # sys.exit() in a tool ends the call only
            result = self._failed(request, error)
        self._finish(printed, result)

    async def _run_async(self, tool: ToolFunction, request: CallTool) -> None:
        printed = self._printed(request)
        try:
            bound = tool.bind(request.arguments)
            text = encode_result(await tool.function(*bound.positional, **bound.named))
            result = Result(call=request.call, text=clip(text))
        except BaseException as error:  # noqa: BLE001  # cancellation included: it is reported
            result = self._failed(request, error)
        self._finish(printed, result)

    def _printed(self, request: CallTool) -> Printed:
        printed = Printed(lambda text: self._send(Output(call=request.call, text=storable(text))))
        self._capture.begin(printed)
        return printed

    def _finish(self, printed: Printed, result: Result) -> None:
        if os.getpid() != self._process:
            os._exit(0)  # a tool forked and its child came back here
        self._capture.end(printed)
        self._send(result)

    def _failed(self, request: CallTool, error: BaseException) -> Result:
        if isinstance(error, MemoryError):
            # What the tool still holds is what would be missing to say so.
            traceback.clear_frames(error.__traceback__)
            self._reserve = b""
        return Result(call=request.call, text=clip(self._words(error)), is_error=True)

    def _send(self, reply: Reply) -> None:
        try:
            with self._sending:
                self._connection.sendall(encode_line(reply))
        except (OSError, MemoryError):
            self._die()

    def _words(self, error: BaseException) -> str:
        """An exception as the model may read it: no traceback, but the line in the user's file."""
        if isinstance(error, ToolError):
            return f"{error.message} {error.hint}".strip()
        if isinstance(error, MemoryError) and not str(error):
            return _NO_MEMORY
        if isinstance(error, SystemExit):
            return f"sys.exit({error.code!r}) was called"
        if isinstance(error, SyntaxError) and error.filename == str(self._file):
            return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(self._file)
        ]
        where = f" ({self._file.name}, line {lines[-1]})" if lines else ""
        return f"{type(error).__name__}: {_text_of(error)}{where}"


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or "no message"
    except Exception:  # noqa: BLE001  # a user's class can fail in anything, its __str__ included
        return "no message"


def _import(file: Path) -> ModuleType:
    name = _MODULE_PREFIX + file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look types up there
    # At the end, so that a file called json.py next to this one shadows nothing.
    sys.path.append(str(file.parent))
    # An edit within the same second must be seen, and a configuration directory stays tidy.
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module
