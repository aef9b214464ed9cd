"""Reads config.toml and local.toml into settings, or says every mistake in them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from tui.config.checking import (
    SEE,
    Checker,
    Mistake,
    choices,
    dotted,
    without_login,
    without_secrets,
)
from tui.config.local_file import KeyPath, merged, read_toml
from tui.config.preferences import TABLE as PREFERENCES
from tui.config.presets import NEEDS_ADDRESS, PRESETS, SANDBOX, lacks_address, located
from tui.config.profiles import build_profiles, existing_file
from tui.core.errors import ConfigError
from tui.core.settings import (
    DisplaySettings,
    Limits,
    Profile,
    ReportSettings,
    SandboxSettings,
    Settings,
    StorageSettings,
)

_SECTIONS = ("limits", "sandbox", "display", "storage", "reports")
_TOP_LEVEL = ("default_profile", "profiles", *_SECTIONS)
_MOST_SAID = 12
_REACH = {"preset", "protocol", "base_url", "embedded"}

S = TypeVar("S", Limits, SandboxSettings, DisplaySettings, StorageSettings, ReportSettings)


@dataclass(frozen=True, slots=True)
class Layers:
    """What the user wrote and, above it, what the program remembers: parsed TOML of both files.

    ``is_stored``: ``local`` is what its file says, not what it might say.
    """

    config_file: Path
    config: Mapping[str, Any]
    local: Mapping[str, Any] = field(default_factory=dict)
    is_stored: bool = True

    @property
    def local_file(self) -> Path:
        """Beside the other one."""
        return self.config_file.with_name("local.toml")

    @property
    def strays(self) -> list[str]:
        """Profiles of which only local.toml says something, and not how to reach them.

        Their profile has gone from config.toml since a model was chosen for it, or never was.
        """
        known, own = self.config.get("profiles"), self.local.get("profiles")
        if not isinstance(own, dict) or not isinstance(known, dict | None):
            return []
        return [
            name
            for name, table in own.items()
            if name not in PRESETS and name not in (known or {})
            if isinstance(table, dict) and not _REACH & table.keys()
        ]

    @property
    def merged(self) -> dict[str, Any]:
        """What is in force."""
        return merged(self.config, self.local)

    def file_of(self, key: KeyPath) -> Path:
        """The file that the value of a dotted key came from."""
        at: Any = self.local
        for name in key:
            if not isinstance(at, dict) or name not in at:
                return self.config_file
            at = at[name]
        return self.local_file


def load_settings(path: Path) -> Settings:
    """Settings from config.toml and the local.toml beside it; the defaults when there is none.

    Raises ConfigError: with the line for broken TOML, else with all dotted keys and values that
    are wrong.
    """
    return settings_of(read_layers(path))


def read_layers(path: Path) -> Layers:
    """Both files, parsed. Raises ConfigError for what is no TOML."""
    local = read_toml(path.with_name("local.toml"))
    local.pop(PREFERENCES, None)
    return Layers(path, read_toml(path), local)


def parse_settings(data: Mapping[str, Any], path: Path) -> Settings:
    """Settings from parsed TOML; ``path`` is named in errors."""
    return settings_of(Layers(path, data))


def settings_of(layers: Layers) -> Settings:
    """What both files say together. Raises ConfigError."""
    check, data = Checker(), layers.merged
    check.known(data, _TOP_LEVEL, ())
    here = layers.config_file.parent
    profiles = build_profiles(check, _without(data, layers.strays), here)
    default = _default(check, data, {**PRESETS, **profiles})
    limits = _section(check, Limits, data, "limits")
    sandbox = _section(check, SandboxSettings, data, "sandbox")
    display = _section(check, DisplaySettings, data, "display")
    storage = _section(check, StorageSettings, data, "storage")
    reports = _section(check, ReportSettings, data, "reports")
    if sandbox.scenario is not None:
        scenario = existing_file(check, sandbox.scenario, here, ("sandbox", "scenario"))
        sandbox = replace(sandbox, scenario=scenario)
    if check.mistakes:
        raise _error(layers, check.mistakes)
    return Settings(
        profiles={name: profile for name, profile in profiles.items() if profile is not None},
        default_profile=default,
        limits=limits,
        sandbox=sandbox,
        display=display,
        storage=storage,
        reports=reports,
    )


def _without(data: dict[str, Any], strays: list[str]) -> dict[str, Any]:
    if not strays:
        return data
    profiles = {name: table for name, table in data["profiles"].items() if name not in strays}
    return {**data, "profiles": profiles}


def _default(check: Checker, data: Mapping[str, Any], known: Mapping[str, Profile | None]) -> str:
    key, name = ("default_profile",), data.get("default_profile", SANDBOX.name)
    if not isinstance(name, str) or name not in known:
        said = f"is {name!r}, but there is no such profile"
        check.note(key, said, choices(str(name), known))
        return SANDBOX.name
    profile = known[name]
    if profile is not None and lacks_address(located(profile)):
        hint = f'Write base_url = "{NEEDS_ADDRESS}" below [profiles.{name}].'
        check.note(key, f"is {name!r}, which needs the address of your resource", hint)
    return name


def profile_of(settings: Settings, name: str | None) -> Profile:
    """The named profile or preset, or the default one. Raises ConfigError with near names."""
    wanted = name or settings.default_profile
    known = {**PRESETS, **settings.profiles}
    if wanted not in known:
        raise ConfigError(f"There is no profile {wanted!r}.", hint=choices(wanted, known))
    profile = settings.profiles.get(wanted) or located(known[wanted])
    if lacks_address(profile):
        raise ConfigError(
            f"The profile {wanted!r} needs the address of your resource.",
            hint=f"Run: tickertape config set profiles.{wanted}.base_url {NEEDS_ADDRESS}",
        )
    return profile


# --- sections and files -----------------------------------------------------------------------


def _section(check: Checker, cls: type[S], data: Mapping[str, Any], name: str) -> S:
    table = check.table(data.get(name, {}), (name,))
    built = check.build(cls, table, (name,)) if table else None
    return built or cls()


def _error(layers: Layers, mistakes: list[Mistake]) -> ConfigError:
    if len(mistakes) == 1:
        (only,) = mistakes
        return ConfigError(
            f"{layers.file_of(only.key)}: {dotted(only.key)} {only.said}.",
            hint=_hint(layers, only),
        )
    files = sorted({layers.file_of(mistake.key) for mistake in mistakes})
    lines = list(_lines(layers, mistakes, name_files=len(files) > 1))
    if len(lines) > _MOST_SAID:
        lines[_MOST_SAID:] = [f"  and {len(lines) - _MOST_SAID} more."]
    where = " and ".join(map(str, files))
    return ConfigError("\n".join([f"{len(mistakes)} mistakes in {where}:", *lines]), hint=SEE)


def _lines(layers: Layers, mistakes: list[Mistake], *, name_files: bool) -> Iterator[str]:
    for mistake in mistakes:
        file = f"{layers.file_of(mistake.key).name}: " if name_files else ""
        hint = _hint(layers, mistake).replace(SEE, "").strip()
        yield f"  {file}{dotted(mistake.key)} {mistake.said}. {hint}".rstrip()


def _hint(layers: Layers, mistake: Mistake) -> str:
    """What to do about it; what the program itself has written, nobody knows by heart."""
    if layers.file_of(mistake.key) == layers.config_file or not layers.is_stored:
        return mistake.hint
    return f"{mistake.hint} Or run: tickertape config unset {dotted(mistake.key)}"


# --- back to TOML -----------------------------------------------------------------------------


def render_settings(settings: Settings) -> str:
    """The settings in force as TOML, without what is unset and without secrets."""
    import tomli_w

    sections = {name: _plain(getattr(settings, name)) for name in _SECTIONS}
    profiles = {name: _plain_profile(profile) for name, profile in settings.profiles.items()}
    return tomli_w.dumps(
        {"default_profile": settings.default_profile, **sections, "profiles": profiles}
    )


def _plain_profile(profile: Profile) -> dict[str, Any]:
    options = dict(profile.options)
    if profile.output == "json" or profile.output_schema:
        del options["response_format"]  # it says the same once more
    plain = _plain(replace(profile, options=options))
    if profile.base_url:
        plain["base_url"] = without_login(profile.base_url)
    if profile.prices:
        plain["prices"] = {model: _plain(price) for model, price in profile.prices.items()}
    return {name: without_secrets(("profiles", "", name), each) for name, each in plain.items()}


def _plain(value: Any) -> dict[str, Any]:
    data = {each.name: getattr(value, each.name) for each in fields(value)}
    return {
        key: str(each) if isinstance(each, Path) else each
        for key, each in data.items()
        if each is not None and each not in ({}, ()) and key != "name"
    }
