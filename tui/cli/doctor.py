"""``tickertape doctor``: whether a profile works, and if not, where it stops and what to do."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import asdict
from urllib.parse import urlsplit

import click

from tui.cli.context import Context, pass_context, with_profile
from tui.cli.door import json_line
from tui.config.options import UNKNOWN, unknown_options
from tui.config.presets import address_source
from tui.config.secrets import key_source
from tui.core.errors import ConfigError
from tui.core.sanitise import sanitise
from tui.core.settings import Profile
from tui.providers.diagnosis import Check, Diagnosis
from tui.wiring import Providers, providers_of

FINE, FAILED, MISCONFIGURED = 0, 1, 2
_SHOWN = 4
# What is shown of a key must be no help in guessing the rest.
_LONG_ENOUGH = 12


@click.command()
@click.option("--profile", "-p", metavar="NAME", help="Profile to look at.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_context
def command(context: Context, profile: str | None, as_json: bool) -> int:
    """Check a profile: key, network, models, a short answer, tools.

    Asks the model two short questions. Exit status: 0 all is fine, 1 something failed, 2 the
    configuration or the key is at fault.
    """
    chosen = with_profile(context, profile)
    chosen.start_logging()
    return asyncio.run(_examine(chosen, as_json))


async def _examine(context: Context, as_json: bool) -> int:
    status = FINE
    providers = providers_of(context.settings, context.hide)
    try:
        async for check in _checks(context, providers):
            click.echo(json_line(asdict(check)) if as_json else _lines(check))
            if check.state == "failed":
                status = max(status, MISCONFIGURED if check.name == "key" else FAILED)
    finally:
        await providers.close()
    return status


async def _checks(context: Context, providers: Providers) -> AsyncIterator[Check]:
    profile = providers.profile(context.profile)
    yield Check(name="profile", state="ok", said=_described(context, profile))
    for option in unknown_options(profile):
        yield Check(name="options", state="not checked", said=f"{option} {UNKNOWN}")
    try:
        key = await providers.key(profile)
        provider = await providers.provider(profile)
    except ConfigError as error:
        yield Check(name="key", state="failed", said=error.message, hint=error.hint)
        return
    yield _key_check(profile, key)
    async for check in Diagnosis(profile, provider).checks():
        yield check


def _described(context: Context, profile: Profile) -> str:
    parts = urlsplit(profile.base_url or "https://api.openai.com/v1")
    at = f"at {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"  # no password
    if variable := address_source(profile):
        at = f"{at} ({variable})"
    at = "inside this process" if profile.embedded else at
    said = f"{profile.name}: {profile.protocol} {at}, {_model(profile)}"
    file = context.paths.config_file
    written = profile.name in context.settings.profiles and file.exists()
    return f"{said}, {f'from {file}' if written else 'built in'}"


def _model(profile: Profile) -> str:
    said = f"model {profile.model}" if profile.model else "no model set"
    if profile.context_window is None:
        return said
    return f"{said}, context_window = {profile.context_window:,} tokens"


def _key_check(profile: Profile, key: str | None) -> Check:
    if key is None:
        return Check(name="key", state="ok", said="none is sent")
    shown = f"ends in {key[-_SHOWN:]}" if len(key) >= _LONG_ENOUGH else "is too short to show"
    return Check(name="key", state="ok", said=f"the one from {key_source(profile)} {shown}")


def _lines(check: Check) -> str:
    took = f"{check.seconds:.2f} s" if check.seconds >= 0.005 else ""
    head = f"{check.name:<9}{check.state:<13}{took:>8}  "
    indent = " " * len(head)
    lines = [*_folded(check.said, head, indent), *_folded(check.hint, indent, indent)]
    return "\n".join(lines)


def _folded(said: str, first: str, indent: str) -> list[str]:
    """The sentence beside the other columns; as one line where no person reads it."""
    plain = " ".join(sanitise(said).split())
    if not plain or not sys.stdout.isatty():
        return [first + plain] if plain else []
    width = max(shutil.get_terminal_size().columns, len(indent) + 30)
    return textwrap.wrap(
        plain,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
