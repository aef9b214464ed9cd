"""The Textual app: themes, palette, clipboard; everything else belongs to its one screen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import WorkerFailed

from tui.core.sanitise import sanitise
from tui.core.services import Preferences
from tui.ui import themes
from tui.ui.commands import COMMANDS
from tui.ui.door import LineDoor
from tui.ui.driver import TerminalDriver
from tui.ui.leaving import Leaving, Unsaved
from tui.ui.main_screen import MainScreen
from tui.ui.screen import Connect

_log = logging.getLogger(__name__)


class TickertapeApp(App[Leaving]):
    """Tickertape on a terminal; ``run`` returns how it was left.

    ``connect`` gives the five services; it runs after the first frame, may take its time, and may
    raise TickertapeError, which is shown. ``now`` gives seconds since the epoch. ``preferences``,
    when they can be had early, save the first frame from the wrong theme. Answers appear at
    ``words_per_second`` at most (0: as they come); that is asked when all is connected. It opens
    the thread that was open last, or a new one if it ``begins_anew``.
    ``copy_locally`` is given what is copied, in a thread; the terminal is told in any case.
    ``on_crash`` is told of whatever nobody handled; the app then ends with return code 1, and
    prints nothing itself.
    """

    TITLE = "Tickertape"
    CSS = (Path(__file__).parent / "app.tcss").read_text(encoding="utf-8")
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # Wins over the text box, which would undo: this is what the key does in a terminal.
        Binding("ctrl+z", "suspend_process", "Stop until fg", show=False, priority=True),
    ]

    def __init__(
        self,
        connect: Connect,
        *,
        now: Callable[[], float] = time.time,
        preferences: Preferences | None = None,
        words_per_second: Callable[[], float] = float,
        begins_anew: bool = False,
        copy_locally: Callable[[str], None] | None = None,
        on_crash: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        super().__init__()
        self._copy_locally = copy_locally
        self._on_crash = on_crash
        self._running_on: asyncio.AbstractEventLoop | None = None
        self._door = LineDoor()
        self._main = MainScreen(connect, now, words_per_second)
        self._main.begins_anew = begins_anew
        for theme in themes.THEMES:
            self.register_theme(theme)
        wanted = preferences.get("theme") if preferences is not None else ""
        self.theme = wanted if wanted in self.available_themes else themes.DARK
        self.animation_level = "none"  # nothing moves on screen without a reason

    def get_default_screen(self) -> Screen[None]:
        """The only screen; dialogs lie on top of it."""
        return self._main

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line passes through: the door for remote text last."""
        return [*super().get_line_filters(), self._door]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action, also those without a key."""
        for command in COMMANDS:
            keys = f" ({command.keys.split(',')[0]})" if command.keys else ""
            yield SystemCommand(command.title + keys, command.help, self._runner(command.action))
        yield SystemCommand("Theme", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Quit (ctrl+q)", "Leave; everything is kept", self.action_quit)

    def _runner(self, action: str) -> Callable[[], object]:
        async def run() -> None:
            await self._main.run_action(action)

        return run

    def get_driver_class(self) -> type[Driver]:
        """Our driver in place of Textual's, unless the environment asks for quite another one."""
        driver = super().get_driver_class()
        return TerminalDriver if driver is LinuxDriver else driver

    async def on_event(self, event: events.Event) -> None:
        """Clean what is pasted, which comes from anywhere and which every text box would show."""
        if isinstance(event, events.Paste):
            # Terminals send carriage returns for its line ends.
            event.text = sanitise(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super().on_event(event)

    def copy_to_clipboard(self, text: str) -> None:
        """Put text on the clipboard; what is pasted elsewhere must be as harmless as the screen."""
        text = sanitise(text)
        super().copy_to_clipboard(text)
        if self._copy_locally is not None:
            copying = partial(self._copy_locally, text)
            self.run_worker(copying, thread=True, group="clipboard", exit_on_error=False)

    # --- leaving ---------------------------------------------------------------------------

    def on_load(self) -> None:
        """From here on the app can be told to leave."""
        self._running_on = asyncio.get_running_loop()

    async def action_quit(self) -> None:
        """Leave; the screen asks first when an answer is still being written."""
        await self._main.quit()

    def action_suspend_process(self) -> None:
        """Ctrl+Z: stop until the shell says ``fg``, with all that this was started through."""
        if isinstance(self._driver, TerminalDriver):
            os.killpg(os.getpgrp(), signal.SIGTSTP)

    def leave(self, code: int) -> bool:
        """End with this return code and let go of what runs; from any thread, or from a signal.

        False when there is nothing to end: the app has not begun, or is over.
        """
        if self._running_on is None:
            return False
        try:
            self._running_on.call_soon_threadsafe(self.exit, Leaving.LET_GO, code)
        except RuntimeError:  # the loop is closed
            return False
        return True

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to end, by the reader or from outside."""
        return self._exit

    def tell(self, text: str) -> None:
        """Say something on the screen, from any thread."""
        if self._running_on is not None:
            with contextlib.suppress(RuntimeError):
                self._running_on.call_soon_threadsafe(self._tell, text)

    def _tell(self, text: str) -> None:
        self.notify(sanitise(text), severity="error", timeout=12, markup=False)

    def unsaved(self) -> Unsaved | None:
        """What was being written, for whoever saves it when the app is over."""
        return self._main.unsaved()

    def give_terminal_back(self) -> None:
        """The last resort for an app that does not end, from any thread."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.give_back()

    def _handle_exception(self, error: Exception) -> None:
        """Textual's one door for what nobody handled: in a widget, a worker, a timer, a layout.

        The app stops. Textual has ended the widget by now, so the screen may be wrong from here
        on, and a wrong screen is worse than a restart that shows all of the log.
        """
        if self.is_leaving:
            # Widgets that go away may still be asked to paint; nothing depends on them any more.
            _log.warning("the screen broke while it closed", exc_info=error)
            self._close_messages_no_wait()
            return
        self._return_code = 1
        if self._exception is None:  # the first one is the cause; tests are given it
            self._exception = error
            self._exception_event.set()
        self._on_crash(error.error if isinstance(error, WorkerFailed) else error)
        self._close_messages_no_wait()
