"""Logging goes to a rotating file, never to the terminal, and never holds a key."""

from __future__ import annotations

import logging
import logging.handlers
import os
import re
from io import TextIOWrapper
from pathlib import Path

from tui.core.sanitise import sanitise
from tui.core.secrets import pattern_of

_MAX_BYTES = 1_000_000
_KEPT = 3
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_BEARER = re.compile(r"(?i)(bearer\s+|api-key['\":\s]+)[^\s'\",}]+")
_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}")


class Redactor:
    """Blanks what is, or looks like, a key."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def hide(self, secret: str | None) -> None:
        """Never let this value through, nor its other spellings, nor what it begins with."""
        if secret and secret not in self._secrets:
            self._secrets.add(secret)
            self._pattern = pattern_of(self._secrets)

    def redact(self, text: str) -> str:
        """The text without keys."""
        pattern = self._pattern  # another thread may learn one meanwhile
        text = text if pattern is None else pattern.sub("[key]", text)
        return _KEY.sub("[key]", _BEARER.sub(r"\1[key]", text))


class RedactingFormatter(logging.Formatter):
    """Formats a record without keys; tracebacks included."""

    def __init__(self, fmt: str, redactor: Redactor) -> None:
        super().__init__(fmt)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        text = sanitise(super().format(record))  # logs are read in terminals too
        return self._redactor.redact(text)


def log_to(directory: Path, redactor: Redactor, *, level: int = logging.INFO) -> None:
    """Send all logging to ``tickertape.log`` in ``directory`` (mode 0600).

    A directory that cannot be written is no reason not to start: then nothing is logged.
    """
    root = logging.getLogger()
    root.setLevel(level)
    # The SDK logs whole conversations at debug level, which no log may hold; one line a request is
    # the most that is taken from it.
    quiet = logging.INFO if level <= logging.DEBUG else logging.WARNING
    for chatty in ("openai", "httpx2", "httpcore2", "asyncio", "markdown_it"):
        logging.getLogger(chatty).setLevel(quiet)
    try:
        handler = _handler(directory)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(RedactingFormatter(_FORMAT, redactor))
    root.addHandler(handler)


class _PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """Every file it begins, also after a rotation, is for its owner alone."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return super()._open()


def _handler(directory: Path) -> logging.Handler:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _PrivateFileHandler(
        directory / "tickertape.log", maxBytes=_MAX_BYTES, backupCount=_KEPT, encoding="utf-8"
    )
