"""Opens the app: the screen first, everything behind it once the first frame is painted."""

from __future__ import annotations

import asyncio
import sys

import click

from tui.cli.context import Context
from tui.core.services import Services
from tui.wiring import Backend, preferences_of


def run_app(context: Context) -> None:
    """Run the app until it is quit; what still runs then is cancelled and written down."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "The app needs a terminal. To use Tickertape in a pipe, run: tickertape ask"
        )
    from tui.ui.app import TickertapeApp

    backends: list[Backend] = []

    def start() -> Services:
        from tui.tools.policy import ReadOnlyPolicy

        backend = context.backend(ReadOnlyPolicy())
        backends.append(backend)
        backend.warm()
        return backend.services

    async def connect() -> Services:
        return await asyncio.to_thread(start)

    app = TickertapeApp(connect, preferences=preferences_of(context.paths))
    try:
        app.run()
    finally:
        for backend in backends:
            backend.close()
    if app.return_code:
        sys.exit(app.return_code)
