"""What ``config set`` and ``config unset`` do to local.toml; nothing wrong is ever written."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

from tui.config.checking import NO_KEYS_HERE, dotted, is_secret
from tui.config.local_file import KeyPath, change, drop, put, read_toml
from tui.config.preferences import TABLE as PREFERENCES
from tui.config.settings_file import Layers, settings_of
from tui.core.errors import ConfigError


def parse_key(text: str) -> KeyPath:
    """A dotted key as TOML writes it: ``profiles.work.model``. Raises ConfigError."""
    key: list[str] = []
    try:
        found: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        found = {}
    while isinstance(found, dict) and len(found) == 1:
        ((name, found),) = found.items()
        key.append(name)
    if found != 0:
        raise ConfigError(
            f"{text!r} is no key of a setting.", hint="Keys are dotted: profiles.work.model"
        )
    return tuple(key)


def parse_value(text: str) -> Any:
    """What the text says as TOML (``3``, ``true``, ``["a"]``); else the text itself.

    No setting is a date, but a version of an API looks like one.
    """
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    is_date = isinstance(found["value"], dt.date | dt.time)
    return text if is_date or len(found) > 1 else found["value"]


def set_value(config_file: Path, key: KeyPath, value: Any) -> None:
    """Let local.toml say it from now on. Raises ConfigError, and writes nothing then."""
    if is_secret(key, value):
        raise ConfigError(f"What {dotted(key)} was given looks like a key.", hint=NO_KEYS_HERE)
    if key[0] == PREFERENCES:
        raise ConfigError(f"{dotted(key)} is no setting: the screen remembers it by itself.")
    layers = Layers(config_file, read_toml(config_file))

    def update(local: dict[str, Any]) -> None:
        put(local, key, value)
        changed = _with(layers, local)
        settings_of(changed)
        if len(key) > 1 and key[1] in changed.strays:
            raise ConfigError(
                f"There is no profile {key[1]!r}.",
                hint=f"A new one begins with how to reach it: tickertape config set "
                f"profiles.{key[1]}.preset NAME (or .base_url URL).",
            )

    change(layers.local_file, update)


def unset_value(config_file: Path, key: KeyPath) -> None:
    """Let local.toml say nothing about it any more.

    Raises ConfigError when it says nothing, or when the rest cannot do without.
    """
    layers = Layers(config_file, read_toml(config_file))

    def update(local: dict[str, Any]) -> None:
        wrong_before = _mistakes(_with(layers, local))
        if not drop(local, key):
            raise ConfigError(
                f"{layers.local_file} says nothing about {dotted(key)}.",
                hint=f"What is in {config_file.name} is yours to edit: {config_file}",
            )
        wrong = _mistakes(_with(layers, local))
        if wrong and not wrong_before:
            raise ConfigError(f"{dotted(key)} is still needed. Without it: {wrong}")

    change(layers.local_file, update)


def _with(layers: Layers, local: dict[str, Any]) -> Layers:
    settings = {key: value for key, value in local.items() if key != PREFERENCES}
    return Layers(layers.config_file, layers.config, settings, is_stored=False)


def _mistakes(layers: Layers) -> str:
    try:
        settings_of(layers)
    except ConfigError as error:
        return error.message
    return ""
