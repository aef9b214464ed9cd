"""``tickertape backup``: everything in one file, while Tickertape runs."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.context import Context, pass_context
from tui.cli.sizes import count_text
from tui.wiring import back_up_store


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@pass_context
def command(context: Context, file: Path, force: bool) -> None:
    """Write all threads into the single file FILE.

    Tickertape may go on writing meanwhile; FILE holds what there was when the backup began.
    """
    contents = back_up_store(context.paths, file, force=force)
    threads, messages = count_text(contents.threads, "thread"), contents.messages
    click.echo(f"Saved {threads} with {count_text(messages, 'message')} in {file}.", err=True)
