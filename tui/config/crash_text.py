"""What a crash report says: where the program broke, and nothing of what was said or typed.

It holds no local variables and no environment. What an exception says may quote a conversation,
so its message is left out unless that is allowed.
"""

from __future__ import annotations

import linecache
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tui import __version__

_FRAMES = 60  # of a deeper traceback, its two ends
_CHAIN = 8
_PACKAGES = ("textual", "rich", "openai", "httpx2", "apsw", "pydantic", "click", "starlette")


def crash_text(error: BaseException, *, where: str, with_messages: bool) -> str:
    """The report. ``where`` is a word for what was going on (``the app``, ``thread engine``)."""
    facts = [
        f"Tickertape {__version__}: something broke in {where}.",
        "Conversations, keys and local variables are not part of this report.",
        "",
        f"time      {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}",
        f"process   {os.getpid()}",
        f"python    {platform.python_implementation()} {platform.python_version()}",
        f"platform  {platform.platform()}",
        f"terminal  {_terminal()}",
        f"packages  {', '.join(_versions())}",
        "",
    ]
    return "\n".join([*facts, *_chain(error, with_messages)]) + "\n"


def place_of(error: BaseException) -> str:
    """The kind of an exception and where it was raised, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error).__name__
    return f"{kind} at {_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else kind


def _terminal() -> str:
    name = os.environ.get("TERM", "none")
    try:
        columns, lines = os.get_terminal_size(2)
    except OSError:
        return f"{name}, no size"
    return f"{name}, {columns}x{lines}"


def _versions() -> Iterator[str]:
    # Imported here: it takes as long as the rest of the command line, and most starts need none.
    import importlib.metadata

    for name in _PACKAGES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} absent"


def _chain(error: BaseException, with_messages: bool) -> Iterator[str]:
    """The exception, then what it came from, nearest first."""
    yield from _one(error, with_messages)
    seen = {id(error)}
    before = _cause(error)
    while before is not None and id(before) not in seen and len(seen) < _CHAIN:
        seen.add(id(before))
        yield ""
        yield "which came from"
        yield from _one(before, with_messages)
        before = _cause(before)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _one(error: BaseException, with_messages: bool) -> Iterator[str]:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    yield f"{kind}: {error}" if with_messages else kind
    frames = traceback.extract_tb(error.__traceback__)
    skipped = len(frames) - _FRAMES
    for number, frame in enumerate(frames):
        if skipped > 0 and number == _FRAMES // 2:
            yield f"  ... {skipped} more ..."
        if skipped <= 0 or not _FRAMES // 2 <= number < _FRAMES // 2 + skipped:
            yield from _frame(frame)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions[:_CHAIN]:
            yield "together with"
            yield from _one(inner, with_messages)


def _frame(frame: traceback.FrameSummary) -> Iterator[str]:
    yield f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}"
    if line := linecache.getline(frame.filename, frame.lineno or 0).strip():
        yield f"    {line}"


def _short(filename: str) -> str:
    """The file below the place it was imported from; the rest of the path is nobody's business."""
    path = Path(filename)
    if not path.is_absolute():
        return filename
    roots = sorted((each for each in sys.path if each), key=len, reverse=True)
    found = next((root for root in roots if path.is_relative_to(root)), None)
    return str(path.relative_to(found)) if found else path.name
