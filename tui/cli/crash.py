"""Every place where Python hands over an exception that nobody handled, turned into a report."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import click

from tui.config.crash import CrashReports
from tui.config.crash_text import place_of

# Enough to see what goes wrong; a loop that fails every second must not fill the disk.
_MOST = 5

Tell = Callable[[BaseException, str, Path | None], None]


class CrashWatch:
    """The hooks of one process. What comes in is reported once.

    ``tell`` gets the exception, where it happened (``thread NAME``, ``a task``) and the report,
    from any thread, for what happened behind the screen; without it that is only logged.
    """

    def __init__(self) -> None:
        self.tell: Tell | None = None
        self._reports: Callable[[], CrashReports] | None = None
        self._written: list[tuple[BaseException, Path | None]] = []

    def watch(self, reports: Callable[[], CrashReports]) -> None:
        """Put the hooks in; ``reports`` is asked for when there is something to write."""
        self._reports = reports
        sys.excepthook = self._end
        threading.excepthook = self._thread_ended
        logging.getLogger("asyncio").addHandler(_TaskErrors(self))

    def report(self, error: BaseException, where: str) -> Path | None:
        """Write a report; None when that cannot be, or when there are enough."""
        for known, path in self._written:
            if known is error:
                return path
        if self._reports is None or len(self._written) >= _MOST:
            return None
        try:
            path = self._reports().write(error, where=where)
        except Exception:  # noqa: BLE001
            # Not even the place for it is known; what broke first is what counts.
            path = None
        self._written.append((error, path))
        return path

    def behind(self, error: BaseException, where: str) -> None:
        """Something broke where nobody waits for it."""
        path = self.report(error, where)
        if self.tell is not None:
            self.tell(error, where, path)

    def _end(
        self, _kind: type[BaseException], error: BaseException, _at: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            return
        click.echo(stopped(error, self.report(error, "a command")), err=True)

    def _thread_ended(self, what: threading.ExceptHookArgs) -> None:
        if what.exc_value is None or isinstance(what.exc_value, SystemExit):
            return
        name = what.thread.name if what.thread is not None else "unknown"
        logging.getLogger(__name__).error("thread %s broke", name, exc_info=what.exc_value)
        self.behind(what.exc_value, f"thread {name}")


class _TaskErrors(logging.Handler):
    """What an event loop logs: exceptions of callbacks, and of tasks that nobody awaits."""

    def __init__(self, watch: CrashWatch) -> None:
        super().__init__(logging.ERROR)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # Connections break every day; that is no bug.
        if error is not None and not isinstance(error, OSError):
            self._watch.behind(error, "a task")


def stopped(error: BaseException, report: Path | None, saved: str = "") -> str:
    """The one sentence on standard error. ``saved`` says what became of the rest."""
    said = f"Tickertape had to stop: something broke inside ({place_of(error)}).{_joined(saved)}"
    if report is None:
        return f"{said} No report could be written."
    return f"{said} The report is in {report}"


def _joined(text: str) -> str:
    return f" {text}" if text else ""
