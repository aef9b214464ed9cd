"""``tickertape serve``: the Assistants API on this machine, over any profile's model."""

from __future__ import annotations

import click

from tui.cli.context import Context, pass_context, with_profile
from tui.wiring import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8787, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--api-key",
    envvar="TICKERTAPE_API_KEY",
    metavar="KEY",
    help="Key that clients must send. Better set TICKERTAPE_API_KEY: arguments are visible.",
)
@click.option("--profile", "-p", metavar="NAME", help="Profile whose model answers.")
@click.option("--memory", is_flag=True, help="Keep nothing on disk.")
@pass_context
def command(
    context: Context, host: str, port: int, api_key: str | None, profile: str | None, memory: bool
) -> None:
    """Serve the Assistants API (threads, runs, tools, streaming) on this machine.

    The first line on standard output is the base URL to give to a client. Without a key only
    this machine can reach it; another address needs one.
    """
    chosen = with_profile(context, profile)
    chosen.start_logging()
    serve(
        paths=chosen.paths,
        settings=chosen.settings,
        key=api_key,
        memory=memory,
        hide=chosen.hide,
        host=host,
        port=port,
        on_listening=_announce,
    )


def _announce(base_url: str) -> None:
    click.echo(base_url)
    click.echo("Serving the Assistants API. Ctrl-C stops it.", err=True)
