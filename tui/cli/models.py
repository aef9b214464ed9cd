"""``tickertape models``: what a profile's server offers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from tui.cli.context import Context, pass_context, with_profile
from tui.cli.door import json_line
from tui.config.settings_file import profile_of
from tui.core.models import ModelInfo
from tui.core.sanitise import sanitise
from tui.wiring import providers_of


@click.command()
@click.option("--profile", "-p", metavar="NAME", help="Profile whose server is asked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_context
def command(context: Context, profile: str | None, as_json: bool) -> None:
    """List the models of a profile's server, each with its context window in tokens."""
    chosen = with_profile(context, profile)
    chosen.start_logging()
    models = asyncio.run(_models(chosen))
    if as_json:
        for model in models:
            click.echo(json_line({"id": model.id, "context_window": model.context_window}))
        return
    width = max((len(sanitise(model.id)) for model in models), default=0)
    for model in models:
        click.echo(_line(model, width))
    if not models:
        click.echo("The server lists no models.", err=True)
    own = profile_of(chosen.settings, chosen.profile)
    if own.context_window is not None:
        click.echo(
            f"The profile {own.name!r} has a context_window of its own, {own.context_window:,} "
            "tokens, which goes before these.",
            err=True,
        )


async def _models(context: Context) -> Sequence[ModelInfo]:
    providers = providers_of(context.settings, context.hide)
    try:
        return await providers.models(context.profile or context.settings.default_profile)
    finally:
        await providers.close()


def _line(model: ModelInfo, width: int) -> str:
    window = f"{model.context_window:,}" if model.context_window else ""
    return f"{sanitise(model.id).replace(chr(10), ' '):<{width}}  {window:>11}".rstrip()
