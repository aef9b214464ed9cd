"""``tickertape config``: where the configuration is, what is in force, and changing it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from tui.cli.context import Context, pass_context
from tui.config.changes import parse_key, parse_value, set_value, unset_value
from tui.config.checking import dotted
from tui.config.local_file import KeyPath
from tui.config.options import UNKNOWN, unknown_options
from tui.config.presets import PRESETS, address_source
from tui.config.secrets import (
    check_keyring,
    delete_key,
    key_source,
    looks_like_key,
    store_key,
)
from tui.config.settings_file import profile_of, read_layers, render_settings
from tui.core.errors import ConfigError
from tui.core.settings import Profile


@click.group()
def command() -> None:
    """Show where the configuration is and what it says; change it; keep keys."""


@command.command()
@pass_context
def path(context: Context) -> None:
    """Print where configuration, data and logs are."""
    paths = context.paths
    for name, value in (
        ("config", paths.config_file),
        ("local", paths.local_file),
        ("tools", paths.tools_dir),
        ("data", paths.database),
        ("logs", paths.logs / "tickertape.log"),
    ):
        click.echo(f"{name:<8}{value}")


@command.command()
@pass_context
def show(context: Context) -> None:
    """Print the settings in force as TOML; keys are never part of them."""
    settings = context.settings
    local = read_layers(context.paths.config_file).local
    if local:
        click.echo(f"# Set in {context.paths.local_file}:")
        for key in _keys(local, ()):
            click.echo(f"#   {dotted(key)}")
    for name in sorted({settings.default_profile, *settings.profiles}):
        for remark in _remarks(profile_of(settings, name)):
            click.echo(f"# {remark}")
    click.echo(render_settings(settings), nl=False)


def _remarks(profile: Profile) -> Iterator[str]:
    """What the file does not say about a profile."""
    here = ("profiles", profile.name)
    if variable := address_source(profile):
        yield f"{dotted((*here, 'base_url'))} is that of {variable}."
    if not profile.embedded:
        source = key_source(profile)
        yield f"{dotted(here)} {f'takes its key from {source}' if source else 'sends no key'}."
    for option in unknown_options(profile):
        yield f"{dotted((*here, 'options', option))} {UNKNOWN}"


def _keys(table: Mapping[str, Any], where: KeyPath) -> Iterator[KeyPath]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _keys(value, (*where, name))
        else:
            yield (*where, name)


@command.command("set")
@click.argument("key")
@click.argument("value")
@pass_context
def set_command(context: Context, key: str, value: str) -> None:
    """Set KEY (dotted, as in limits.max_rounds) to VALUE in local.toml.

    It goes before config.toml, which is never changed. VALUE is TOML (3, true, ["a"]), or else a
    text.
    """
    set_value(context.paths.config_file, parse_key(key), parse_value(value))
    click.echo(f"{key} is set in {context.paths.local_file}.")


@command.command()
@click.argument("key")
@pass_context
def unset(context: Context, key: str) -> None:
    """Take KEY out of local.toml again."""
    unset_value(context.paths.config_file, parse_key(key))
    click.echo(f"{key} is no longer set in {context.paths.local_file}.")


@command.command()
def presets() -> None:
    """List the built-in profiles; each can be used by its name, or built on."""
    for preset in PRESETS.values():
        where = "inside the app" if preset.embedded else preset.base_url or "your resource"
        line = f"{preset.name:<11} {preset.protocol:<10} {where:<56} {preset.api_key_env:<21}"
        click.echo(f"{line} {preset.model or ''}".rstrip())


@command.command("set-key")
@click.argument("profile")
@pass_context
def set_key(context: Context, profile: str) -> None:
    """Keep PROFILE's key in the system's keyring; asks for it, or reads standard input."""
    chosen = _with_a_key(context, profile)
    check_keyring(chosen.name)
    key = _asked_key(chosen.name)
    context.hide(key)
    if not looks_like_key(key):
        raise ConfigError("That cannot be a key: it has to be one word of plain characters.")
    store_key(chosen.name, key)
    set_value(context.paths.config_file, ("profiles", chosen.name, "keyring"), value=True)
    click.echo(f"The key of {chosen.name} is in the keyring.")
    if chosen.key_command:
        click.echo("Its key_command goes before it as long as it is set.", err=True)


@command.command("delete-key")
@click.argument("profile")
@pass_context
def delete_key_command(context: Context, profile: str) -> None:
    """Take PROFILE's key out of the system's keyring."""
    name = _with_a_key(context, profile).name
    was_there = delete_key(name)
    key = ("profiles", name, "keyring")
    if key in _keys(read_layers(context.paths.config_file).local, ()):
        unset_value(context.paths.config_file, key)
    what = "is no longer" if was_there else "was not"
    click.echo(f"The key of {name} {what} in the keyring.")


def _with_a_key(context: Context, name: str) -> Profile:
    profile = profile_of(context.settings, name)
    if profile.embedded:
        raise ConfigError(f"The profile {name!r} is the sandbox, which wants no key.")
    return profile


def _asked_key(profile: str) -> str:
    if not sys.stdin.isatty():
        return _given_key(profile)
    answer: str = click.prompt(f"Key for {profile}", hide_input=True, err=True)
    return answer.strip()


def _given_key(profile: str) -> str:
    if key := sys.stdin.readline().strip():
        return key
    raise ConfigError(
        "There was no key on standard input.",
        hint=f"Its first line has to be the key; without a pipe it is asked for: tickertape config "
        f"set-key {profile}",
    )
