"""Opens the app, and ends it: the terminal given back, everything saved, within bounds."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from tui.cli.context import Context
from tui.cli.crash import stopped
from tui.core.errors import StoreError, TickertapeError
from tui.core.services import Services
from tui.wiring import Backend, preferences_of

if TYPE_CHECKING:
    from tui.ui.leaving import Leaving

_log = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
# Of the eight seconds that leaving may take, the screen has half.
_SCREEN_SECONDS = 4.0
_SAVING_SECONDS = 4.0
_DRAFT_SECONDS = 2.0
# Threads without which nothing goes on; the others are reported, and the app stays.
_VITAL = ("engine", "store-writer", "store-reader", "textual-input", "textual-output")


def run_app(context: Context) -> None:
    """Run the app until it is quit, told to end, or breaks; then leave with an exit status.

    0: quit; 1: something broke; 128 + number: a signal, or the terminal that went away.
    """
    _check_terminal()
    sys.exit(_AppProcess(context).run())


def _check_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "The app needs a terminal. To use Tickertape in a pipe, run: tickertape ask"
        )
    if os.environ.get("TERM") in ("dumb", "unknown"):
        raise click.UsageError(
            "This terminal (TERM=dumb) cannot show the app. To use Tickertape here, run: "
            "tickertape ask"
        )


class _AppProcess:
    """One run of the app. Whatever ends it, the same happens, once and in this order.

    The terminal is given back; unsent text is saved; runs are cancelled or let go; all is on disk.
    """

    def __init__(self, context: Context) -> None:
        # Imported here: only the app itself needs the screen.
        from tui.ui.app import TickertapeApp
        from tui.ui.clipboard import LocalClipboard

        self._context = context
        self._backends: list[Backend] = []
        self._status = 0
        self._crash: tuple[BaseException, Path | None] | None = None
        self._has_begun = False
        self._saving = _thread.allocate_lock()
        self._over = threading.Event()
        self._is_bounded = False
        self._app = TickertapeApp(
            self._connect,
            preferences=preferences_of(context.paths),
            words_per_second=lambda: context.settings.display.words_per_second,
            # The last thread may have another profile, which is not the one that was asked for.
            begins_anew=bool(context.profile or context.model),
            copy_locally=LocalClipboard().put,
            on_crash=self._crashed,
        )

    def run(self) -> int:
        """The exit status. Raises TickertapeError when not everything could be saved."""
        self._context.crashes.tell = self._broke_behind
        for number in _ENDING:
            signal.signal(number, self._signalled)
        leaving = self._show()
        self._bound()
        try:
            self._save(leaving)
        except TickertapeError as error:
            if self._crash is None:
                raise
            self._say_why(f"Not everything could be saved: {error.message}")
        else:
            self._say_why("Everything was saved.")
        finally:
            self._over.set()
        return self._status

    def _show(self) -> Leaving | None:
        self._has_begun = True
        try:
            self._app.run()
        except Exception as error:  # noqa: BLE001
            # Whatever Textual could not stand itself; what was typed and what runs counts more.
            if self._app.is_leaving:
                _log.warning("the screen broke while it closed", exc_info=True)
            else:
                self._crashed(error)
        finally:
            self._app.give_terminal_back()
        self._status = self._status or self._app.return_code or 0
        return self._app.return_value

    # --- what runs behind the screen ---------------------------------------------------------

    async def _connect(self) -> Services:
        return await asyncio.to_thread(self._start)

    def _start(self) -> Services:
        from tui.tools.policy import ReadOnlyPolicy

        backend = self._context.backend(ReadOnlyPolicy(), "app")
        self._backends.append(backend)
        backend.settle()
        backend.warm()
        return backend.services

    def _save(self, leaving: Leaving | None) -> bool:
        """Write everything down and end what is behind the screen; false if somebody does."""
        from tui.ui.leaving import Leaving

        if not self._saving.acquire(blocking=False):
            return False
        for backend in self._backends:
            try:
                self._save_draft(backend)
            finally:
                backend.close(cancel=leaving is Leaving.CANCEL)
        return True

    def _save_draft(self, backend: Backend) -> None:
        if (unsaved := self._app.unsaved()) is None:
            return
        try:
            asyncio.run(asyncio.wait_for(unsaved.save(backend.services), _DRAFT_SECONDS))
        except TimeoutError:
            raise StoreError("The store took too long to save what you were writing.") from None

    # --- endings -----------------------------------------------------------------------------

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        """Leave. Another one changes nothing: a shell and the kernel both send SIGHUP."""
        status = 128 + number
        if not self._has_begun:
            sys.exit(status)
        self._status = self._status or status
        self._bound()
        self._app.leave(status)

    def _crashed(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error, self._context.crashes.report(error, "the app")
        self._status = 1
        self._bound()

    def _broke_behind(self, error: BaseException, where: str, report: Path | None) -> None:
        if where.removeprefix("thread ") in _VITAL:
            self._crash = self._crash or (error, report)
            self._status = 1
            self._bound()
            self._app.leave(1)
            return
        said = f"The report is in {report}." if report else "No report could be written."
        self._app.tell(f"Something broke behind the screen; Tickertape goes on. {said}")

    def _say_why(self, saved: str) -> None:
        if self._crash is not None:
            with contextlib.suppress(OSError):  # the terminal may be what went away
                click.echo(stopped(*self._crash, saved), err=True)

    # --- bounds ------------------------------------------------------------------------------

    def _bound(self) -> None:
        """From now on, the process ends within eight seconds, whatever hangs."""
        if not self._is_bounded:
            self._is_bounded = True
            # Not ``threading``: its locks may be held where a signal came in between.
            _thread.start_new_thread(self._enforce, ())

    def _enforce(self) -> None:
        if not self._over.wait(_SCREEN_SECONDS):
            # The screen's loop may hang; what is behind it does not need it.
            self._app.give_terminal_back()
            threading.Thread(target=self._save_anyway, name="saving", daemon=True).start()
            if not self._over.wait(_SAVING_SECONDS):
                self._context.dump_threads()
                said = "Leaving took too long and was cut short; the next start shows all."
                _say_directly(stopped(*self._crash, said) if self._crash else said)
        else:
            time.sleep(_SAVING_SECONDS)  # for what Python itself waits for when it ends
        os._exit(self._status)

    def _save_anyway(self) -> None:
        try:
            is_done = self._save(None)
        except TickertapeError as error:
            _say_directly(error.message)
            is_done = True
        if is_done:
            self._over.set()


def _say_directly(text: str) -> None:
    # Streams have locks, and somebody who hangs may hold them.
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
