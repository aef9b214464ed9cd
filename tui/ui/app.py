"""The Textual app: themes, palette, clipboard; everything else belongs to its one screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from textual import events
from textual.app import App, SystemCommand
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import Screen

from tui.core.sanitise import sanitise
from tui.core.services import Preferences
from tui.ui import themes
from tui.ui.commands import COMMANDS
from tui.ui.door import LineDoor
from tui.ui.main_screen import MainScreen
from tui.ui.screen import Connect
from tui.ui.terminal import TerminalDriver


class TickertapeApp(App[None]):
    """Tickertape on a terminal.

    ``connect`` gives the five services; it runs after the first frame, may take its time, and may
    raise TickertapeError, which is shown. ``now`` gives seconds since the epoch. ``preferences``,
    when they can be had early, save the first frame from the wrong theme.
    """

    TITLE = "Tickertape"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        connect: Connect,
        *,
        now: Callable[[], float] = time.time,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__()
        self._door = LineDoor()
        self._main = MainScreen(connect, now)
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
        super().copy_to_clipboard(sanitise(text))

    async def action_quit(self) -> None:
        """Save what is being written, then leave."""
        await self._main.save_before_quitting()
        self.exit()
