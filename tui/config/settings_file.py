"""Reads config.toml into settings; every mistake becomes a sentence that says where it is."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui.core.errors import ConfigError
from tui.core.settings import (
    Limits,
    Profile,
    ReportSettings,
    SandboxSettings,
    Settings,
    StorageSettings,
)

if TYPE_CHECKING:
    from pydantic import ValidationError

SANDBOX = Profile(name="sandbox", embedded=True, model="sandbox", api_key_env="")

_TOP_LEVEL = ("default_profile", "profiles", "limits", "sandbox", "storage", "reports")

T = TypeVar("T", Profile, Limits, SandboxSettings, StorageSettings, ReportSettings)
S = TypeVar("S", Limits, SandboxSettings, StorageSettings, ReportSettings)


def load_settings(path: Path) -> Settings:
    """Settings from the file, or the defaults when there is none.

    Raises ConfigError: with the line for broken TOML, else with the dotted key and the value.
    """
    return parse_settings(_read(path), path)


def parse_settings(data: Mapping[str, Any], path: Path) -> Settings:
    """Settings from parsed TOML; ``path`` is named in errors."""
    _known(data, _TOP_LEVEL, "", path)
    profiles = {SANDBOX.name: SANDBOX}
    for name, table in _table(data, "profiles", path).items():
        where = f"profiles.{name}"
        given = {"name": name, **_is_table(table, where, path)}
        profiles[name] = _build(Profile, given, where, path)
    default = data.get("default_profile", SANDBOX.name)
    if default not in profiles:
        raise ConfigError(
            f"{path}: default_profile is {default!r}, but there is no such profile.",
            hint=_choices(str(default), profiles),
        )
    sandbox = _section(SandboxSettings, data, "sandbox", path)
    if sandbox.scenario is not None:
        sandbox = replace(sandbox, scenario=_existing(sandbox.scenario, path))
    return Settings(
        profiles=profiles,
        default_profile=default,
        limits=_section(Limits, data, "limits", path),
        sandbox=sandbox,
        storage=_section(StorageSettings, data, "storage", path),
        reports=_section(ReportSettings, data, "reports", path),
    )


def profile_of(settings: Settings, name: str | None) -> Profile:
    """The named profile, or the default one. Raises ConfigError with near names."""
    wanted = name or settings.default_profile
    profile = settings.profiles.get(wanted)
    if profile is None:
        raise ConfigError(
            f"There is no profile {wanted!r}.", hint=_choices(wanted, settings.profiles)
        )
    return profile


def render_settings(settings: Settings) -> str:
    """The settings in force as TOML, without what is unset and without secrets in headers."""
    import tomli_w

    profiles = {
        name: _plain(replace(profile, headers=_hidden(profile.headers)))
        for name, profile in settings.profiles.items()
    }
    return tomli_w.dumps(
        {
            "default_profile": settings.default_profile,
            "limits": _plain(settings.limits),
            "sandbox": _plain(settings.sandbox),
            "storage": _plain(settings.storage),
            "reports": _plain(settings.reports),
            "profiles": profiles,
        }
    )


def _existing(scenario: Path, path: Path) -> Path:
    found = path.parent / scenario.expanduser()
    if found.is_file():
        return found
    raise ConfigError(
        f"{path}: sandbox.scenario names {found}, but there is no such file.",
        hint="Paths are relative to the configuration file.",
    )


_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)


def _hidden(headers: dict[str, str]) -> dict[str, str]:
    return {
        name: "[hidden]" if _SECRET_NAME.search(name) else value for name, value in headers.items()
    }


def _plain(value: T) -> dict[str, Any]:
    data = {f.name: getattr(value, f.name) for f in fields(value)}
    return {
        key: str(each) if isinstance(each, Path) else each
        for key, each in data.items()
        if each is not None and each != {} and key != "name"
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", hint="Mend that line, then start again."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not text in UTF-8 (byte {error.start + 1} is none of it).",
            hint="Move it away, or write it anew; without it the defaults are used.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error


def _table(data: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    return _is_table(data.get(key, {}), key, path)


def _is_table(value: Any, where: str, path: Path) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ConfigError(
        f"{path}: {where} is {value!r}, but has to be a table.", hint=f"Write [{where}]."
    )


def _known(data: Mapping[str, Any], names: Iterable[str], where: str, path: Path) -> None:
    allowed = list(names)
    for key in data:
        if key not in allowed:
            dotted = f"{where}.{key}" if where else key
            raise ConfigError(f"{path}: unknown key {dotted}.", hint=_choices(key, allowed))


def _section(cls: type[S], data: Mapping[str, Any], key: str, path: Path) -> S:
    table = _table(data, key, path)
    return _build(cls, table, key, path) if table else cls()


def _build(cls: type[T], data: dict[str, Any], where: str, path: Path) -> T:
    _known(data, [f.name for f in fields(cls)], where, path)
    # pydantic takes a while to import; a start without configuration does without.
    from pydantic import TypeAdapter, ValidationError

    try:
        built = TypeAdapter(cls).validate_python(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_mistake(error, where)}", hint=_SEE) from error
    for key, least in _LEAST.items():
        if (value := getattr(built, key, least)) < least:
            message = f"{path}: {where}.{key} is {value:g}, but has to be at least {least:g}."
            raise ConfigError(message, hint=_SEE)
    return built


_LEAST = {
    "rate": 0,
    "keep_wire_runs": 0,
    "max_rounds": 1,
    "max_retries": 0,
    "max_retry_delay": 0,
    "tool_timeout": 0.1,
    "read_timeout": 0.1,
    "connect_timeout": 0.1,
}
_SEE = "The README lists every setting; `tickertape config show` prints those in force."


def _first_mistake(error: ValidationError, where: str) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    dotted = ".".join([where, *map(str, first["loc"])])
    wrong = first["msg"][:1].lower() + first["msg"][1:]
    return f"{dotted} is {first['input']!r}: {wrong}."


def _choices(given: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    near = difflib.get_close_matches(given, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There are: {', '.join(names)}."
