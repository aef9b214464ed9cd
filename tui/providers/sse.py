"""Server-sent events out of raw bytes, because SDK decoders lose or misread odd streams.

Follows the WHATWG event-stream rules with four decisions of our own: bytes are UTF-8 whatever the
server says, one leading byte-order mark is dropped, an event without data is skipped, and an event
that the end of the stream cut off is still handed out, marked as unterminated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.core.errors import ProviderError

MAX_EVENT_BYTES = 16 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class EventTooLargeError(ProviderError):
    """One event is larger than any sane server sends; the stream cannot be followed further."""

    code = "event_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event. ``data`` is its exact text (several data lines joined by line feeds).

    ``terminated`` is false for an event whose closing blank line never came.
    """

    name: str
    data: str
    terminated: bool = True


class SseDecoder:
    """Feed it chunks split anywhere; it gives back each event once, as soon as it is complete."""

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self.keep_alives = 0
        self._limit = limit
        self._rest = bytearray()
        self._skip_line_feed = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that ``chunk`` completes. Raises EventTooLargeError."""
        if self._skip_line_feed and chunk:
            # The carriage return that ended the last chunk was half of a CRLF.
            self._skip_line_feed = False
            chunk = chunk[1:] if chunk.startswith(b"\n") else chunk
        scan_from = len(self._rest)
        self._rest += chunk
        found: list[ServerSentEvent] = []
        start = 0
        for match in _LINE_END.finditer(self._rest, scan_from):
            self._take_line(bytes(self._rest[start : match.start()]), found)
            start = match.end()
            self._skip_line_feed = match.group() == b"\r" and start == len(self._rest)
        del self._rest[:start]
        self._check_size(len(self._rest))
        return found

    def flush(self) -> list[ServerSentEvent]:
        """What the end of the stream leaves: at most one event, marked as unterminated."""
        found: list[ServerSentEvent] = []
        if self._rest:
            self._take_line(bytes(self._rest), found)
            self._rest.clear()
        self._dispatch(found, terminated=False)
        return found

    def _take_line(self, line: bytes, found: list[ServerSentEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(found, terminated=True)
            return
        if line.startswith(b":"):
            self.keep_alives += 1
            return
        self._check_size(len(line))
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._size += len(line)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _dispatch(self, found: list[ServerSentEvent], *, terminated: bool) -> None:
        data = "\n".join(self._data)
        if data:
            name = self._name or "message"
            found.append(ServerSentEvent(name=name, data=data, terminated=terminated))
        self._name = ""
        self._data.clear()
        self._size = 0

    def _check_size(self, more: int) -> None:
        if self._size + more > self._limit:
            self._rest = bytearray()
            self._data = []
            raise EventTooLargeError(
                f"The server sent one event of more than {self._limit:,} bytes.",
                hint="The stream was left; the server or a proxy before it is at fault.",
                sent=True,
            )
