"""``tickertape store``: looking after the database on the command line."""

from __future__ import annotations

from dataclasses import asdict

import click

from tui.cli.context import Context, pass_context
from tui.cli.door import json_line
from tui.cli.sizes import count_text, size_text
from tui.core.sanitise import sanitise
from tui.wiring import check_store, compact_store, store_stats


@click.group()
def command() -> None:
    """Check, shrink or measure the database."""


@command.command()
@click.option("--full", is_flag=True, help="Compare every index with its table, too.")
@pass_context
def check(context: Context, full: bool) -> None:
    """Look the database over, without changing it.

    Ends with status 1 when something is wrong with it.
    """
    problems = check_store(context.paths, full=full)
    for problem in problems:
        click.echo(sanitise(problem))
    if not problems:
        click.echo("All is well.")
        return
    click.echo(
        "Quit every Tickertape and start one: it saves what can be read and keeps the old file.",
        err=True,
    )
    click.get_current_context().exit(1)


@command.command()
@pass_context
def compact(context: Context) -> None:
    """Remove the raw events of old runs and make the file as small as it can be.

    Other Tickertapes can go on writing meanwhile.
    """
    shrunk = compact_store(context.paths, context.settings)
    click.echo(f"{size_text(shrunk.before)} before, {size_text(shrunk.after)} now.")
    if not shrunk.log_emptied:
        click.echo("Another process reads the database; its log shrinks later.", err=True)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_context
def stats(context: Context, as_json: bool) -> None:
    """Print how much there is, and how large it is."""
    found = store_stats(context.paths)
    if as_json:
        click.echo(json_line(asdict(found)))
        return
    click.echo(found.path)
    click.echo(f"{count_text(found.threads, 'thread')}, {count_text(found.messages, 'message')}")
    click.echo(f"{count_text(found.runs, 'run')}, {count_text(found.wire_events, 'raw event')}")
    click.echo(
        f"{size_text(found.size)}, {size_text(found.free)} of them free; "
        f"log {size_text(found.log_size)}"
    )
    click.echo(f"schema {found.schema}, {found.journal} journal rows")
