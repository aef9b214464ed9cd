"""``tickertape config``: where the configuration is and what is in force."""

from __future__ import annotations

import click

from tui.cli.context import Context, pass_context
from tui.config.settings_file import render_settings


@click.group()
def command() -> None:
    """Show where the configuration is, or what it says."""


@command.command()
@pass_context
def path(context: Context) -> None:
    """Print where configuration, data and logs are."""
    paths = context.paths
    for name, value in (
        ("config", paths.config_file),
        ("tools", paths.tools_dir),
        ("data", paths.database),
        ("logs", paths.logs / "tickertape.log"),
    ):
        click.echo(f"{name:<8}{value}")


@command.command()
@pass_context
def show(context: Context) -> None:
    """Print the settings in force as TOML; keys are never part of them."""
    click.echo(render_settings(context.settings), nl=False)
