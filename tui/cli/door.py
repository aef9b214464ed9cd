"""The one door of the command line: what is printed on a terminal cannot steer it.

Commands make remote text readable where they lay it out. This is for all the rest, error messages
with arguments in them and tracebacks included: a stream that is a terminal is replaced by one that
shows control characters instead of sending them.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from tui.core.sanitise import sanitise


class TerminalStream(io.TextIOWrapper):
    """A text stream that sends visible characters, line feeds and tabs only."""

    def write(self, text: str, /) -> int:
        super().write(sanitise(text))
        return len(text)


def guard_terminal() -> None:
    """Put the door in front of standard output and standard error, where they are terminals.

    What goes into a pipe or a file stays as it is. The screen of the app has a door of its own.
    """
    sys.stdout = _guarded(sys.stdout)
    sys.stderr = _guarded(sys.stderr)


def _guarded(stream: Any) -> Any:
    if not isinstance(stream, io.TextIOWrapper) or not stream.isatty():
        return stream
    # ``sys.__stdout__`` keeps the old one, so the buffer that both share stays open.
    return TerminalStream(
        stream.buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )


def json_line(data: Any) -> str:
    r"""``data`` as one line of ASCII; ``json`` alone leaves U+007F as it is."""
    return json.dumps(data).replace("\x7f", r"\u007f")
