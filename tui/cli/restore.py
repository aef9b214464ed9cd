"""``tickertape restore``: a backup takes the place of the database."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.context import Context, pass_context
from tui.cli.sizes import count_text
from tui.wiring import restore_store


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_context
def command(context: Context, file: Path) -> None:
    """Put the backup FILE in the place of the database, which is kept under another name.

    No other Tickertape may be open.
    """
    contents = restore_store(context.paths, file)
    threads, messages = count_text(contents.threads, "thread"), contents.messages
    click.echo(f"Restored {threads} with {count_text(messages, 'message')}.", err=True)
    if contents.kept is not None:
        click.echo(f"The former database is kept: {contents.kept}", err=True)
