"""Builds the profiles of a configuration: each on its preset, with the shape of its answers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tui.config.checking import (
    NO_KEYS_HERE,
    Checker,
    choices,
    is_credential,
    is_from_environment,
    is_variable,
    shown,
)
from tui.config.local_file import KeyPath
from tui.config.options import check_options
from tui.config.presets import AZURE, NEEDS_ADDRESS, PRESETS, SANDBOX, key_variable, located
from tui.config.schemas import shape
from tui.core.errors import ConfigError
from tui.core.models import JsonObject
from tui.core.settings import FROM_ENVIRONMENT, Profile


def build_profiles(
    check: Checker, data: Mapping[str, Any], here: Path
) -> dict[str, Profile | None]:
    """All that are written down, and the sandbox; None for one with mistakes."""
    profiles: dict[str, Profile | None] = {SANDBOX.name: SANDBOX}
    for name, value in check.table(data.get("profiles", {}), ("profiles",)).items():
        where = ("profiles", name)
        table = check.table(value, where)
        profiles[name] = _profile(check, name, table, where, here)
    return profiles


def existing_file(check: Checker, path: Path, here: Path, key: KeyPath) -> Path:
    """The file that a setting names, as a whole path; it has to exist."""
    found = here / path.expanduser()
    if not found.is_file():
        hint = "Paths are relative to the configuration file."
        check.note(key, f"names {found}, but there is no such file", hint)
    return found


def _profile(
    check: Checker, name: str, table: dict[str, Any], where: KeyPath, here: Path
) -> Profile | None:
    if "name" in table:
        check.note((*where, "name"), "is no setting", "A profile is called as its table is.")
    given = {"name": name, **_below(check, name, table, where), **table}
    _check_given(check, given, where)
    schema = _schema(check, given, (*where, "output_schema"), here)
    profile = check.build(Profile, given, where)
    if profile is None:
        return None
    if schema is not None:
        response_format = schema
    elif profile.output == "json":
        response_format = {"type": "json_object"}
    else:
        return profile
    options = {**profile.options, "response_format": response_format}
    return replace(profile, options=options)


def _below(check: Checker, name: str, table: dict[str, Any], where: KeyPath) -> dict[str, Any]:
    """What the profile's preset says; a profile that is called like one is built on it."""
    chosen = table.get("preset", name)
    preset = PRESETS.get(chosen) if isinstance(chosen, str) else None
    if preset is not None:
        preset = located(preset)
        return {each.name: getattr(preset, each.name) for each in fields(preset)} | {"name": name}
    if isinstance(table.get("preset"), str):
        said = f"is {chosen!r}, but there is no such preset"
        check.note((*where, "preset"), said, choices(chosen, PRESETS))
    address = table.get("base_url")
    if isinstance(address, str):
        # A key is sent to nobody but the host that it is for.
        return {"api_key_env": key_variable(address)}
    # Without any address it is OpenAI that is meant.
    is_openai = table.get("dialect", "openai") == "openai"
    return {"base_url": located(PRESETS["openai"]).base_url} if is_openai else {}


def _check_given(check: Checker, given: dict[str, Any], where: KeyPath) -> None:
    """What types alone do not tell; a value of a wrong type is noted where types are checked."""
    if given.get("preset") == AZURE and not given.get("base_url"):
        hint = f'Write base_url = "{NEEDS_ADDRESS}".'
        check.note((*where, "base_url"), "is missing, and a resource of Azure has one", hint)
    address = given.get("base_url")
    if isinstance(address, str) and not _is_address(address):
        said = f"is {shown((*where, 'base_url'), address)}, but has to be an address"
        check.note((*where, "base_url"), said, "It begins like this: https://host/v1")
    variable, command = given.get("api_key_env"), given.get("key_command")
    if isinstance(variable, str) and variable and not is_variable(variable):
        said = "has to be the name of an environment variable, not the key"
        check.note((*where, "api_key_env"), said, NO_KEYS_HERE)
    if isinstance(command, str) and not _is_command(command):
        check.note((*where, "key_command"), "is no command that can be read", "Check its quotes.")
    headers, options = given.get("headers"), given.get("options")
    if isinstance(headers, dict):
        _check_headers(check, headers, (*where, "headers"))
    if isinstance(options, dict):
        check_options(check, options, (*where, "options"))


def _check_headers(check: Checker, headers: dict[str, Any], where: KeyPath) -> None:
    for name, value in headers.items():
        if not isinstance(value, str) or is_from_environment(value):
            continue
        if value.startswith(FROM_ENVIRONMENT):
            hint = f'Like this: {name} = "{FROM_ENVIRONMENT}NAME"'
            check.note((*where, name), "does not name an environment variable", hint)
        elif is_credential(name, value):
            hint = (
                f'Write {name} = "{FROM_ENVIRONMENT}NAME": the whole value, with the word before '
                "the key if there is one, is taken from the environment variable NAME."
            )
            check.note((*where, name), "holds a credential, and those are not kept in files", hint)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, a port that is none
        return False


def _is_command(text: str) -> bool:
    try:
        return bool(shlex.split(text))
    except ValueError:
        return False


def _schema(check: Checker, given: dict[str, Any], key: KeyPath, here: Path) -> JsonObject | None:
    """The ``response_format`` for the profile's schema; its path becomes a whole one."""
    path = given.get("output_schema")
    if not isinstance(path, str):
        return None
    found = existing_file(check, Path(path), here, key)
    given["output_schema"] = str(found)
    try:
        return shape(found) if found.is_file() else None
    except ConfigError as error:
        check.note(key, f"cannot be used: {error.message.rstrip('.')}", error.hint)
        return None
