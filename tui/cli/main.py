"""The command ``tickertape``: the group that all subcommands hang on."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tui import __version__
from tui.cli.context import Context
from tui.cli.door import guard_terminal
from tui.config.env_file import read_env_file
from tui.core.errors import ConfigError, NotFoundError, TickertapeError

# Loaded when called for: `ask` must not pay for the server, nor the app for either.
_COMMANDS = {
    "ask": ("tui.cli.ask", "Ask one question; the answer goes to standard output."),
    "backup": ("tui.cli.backup", "Write all threads into one file, while Tickertape runs."),
    "config": ("tui.cli.config", "Show the configuration, change it, keep keys."),
    "doctor": ("tui.cli.doctor", "Check a profile: key, network, models, an answer, tools."),
    "models": ("tui.cli.models", "List the models of a profile's server."),
    "restore": ("tui.cli.restore", "Put a backup in the place of the database."),
    "serve": ("tui.cli.serve", "Serve the Assistants API on this machine."),
    "store": ("tui.cli.store", "Check, shrink or measure the database."),
    "threads": ("tui.cli.threads", "List, show or delete stored threads."),
}


class LazyGroup(click.Group):
    """Imports a subcommand's module only when it runs, and suggests near names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in _COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, _COMMANDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(_COMMANDS)}."
        raise click.UsageError(f"No such command {name!r}. {hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the app opens. TICKERTAPE_HOME moves configuration, data and logs.",
)
@click.version_option(__version__, prog_name="tickertape")
@click.option("--profile", "-p", metavar="NAME", help="Profile for new threads.")
@click.option("--model", metavar="MODEL", help="Model for new threads, instead of the profile's.")
@click.option("--private", is_flag=True, help="Keep all threads of this app in memory only.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Take variables (NAME=VALUE lines) from this file; none is read otherwise.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    profile: str | None,
    model: str | None,
    private: bool,
    env_file: Path | None,
) -> None:
    """A chat client for the terminal that shows everything a language model streams."""
    if env_file is not None:
        os.environ.update(read_env_file(env_file))
    context = ctx.ensure_object(Context)
    ctx.obj = replace(context, profile=profile, model=model, private=private)
    if ctx.invoked_subcommand is None:
        # Imported here: only the app itself needs the screen.
        from tui.cli.app import run_app

        run_app(ctx.obj)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status.

    0: completed; 1: failed; 2: wrong usage or configuration; 130: cancelled; 128 + number: ended
    by that signal. An exception that nobody handles becomes a report and one sentence.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            # One character that the other side cannot spell must not cost the rest.
            stream.reconfigure(errors="replace")
    guard_terminal()
    context = Context()
    context.crashes.watch(context.crash_reports)
    try:
        status = cli.main(arguments, prog_name="tickertape", standalone_mode=False, obj=context)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except TickertapeError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(2 if isinstance(error, ConfigError | NotFoundError) else 1)
    sys.exit(status if isinstance(status, int) else 0)
