"""Where configuration, data and logs live on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tui.core.errors import ConfigError
from tui.core.settings import Paths

HOME_VARIABLE = "TICKERTAPE_HOME"


def resolve_paths(environ: Mapping[str, str] = os.environ) -> Paths:
    """The three directories; ``TICKERTAPE_HOME`` moves them together. Nothing is created.

    Raises ConfigError when there is no home directory.
    """
    try:
        paths = _paths(environ.get(HOME_VARIABLE))
    except RuntimeError:  # pathlib knows no home directory
        paths = None
    if paths is None or not paths.data.is_absolute():
        raise ConfigError(
            "Nobody says where the home directory is, so there is no place for conversations.",
            hint=f"Set HOME, or set {HOME_VARIABLE} to a directory.",
        )
    return paths


def _paths(home: str | None) -> Paths:
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(config=root / "config", data=root / "data", logs=root / "logs")
    # Imported here: with a home of one's own it is not needed.
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("tickertape", appauthor=False)
    return Paths(config=dirs.user_config_path, data=dirs.user_data_path, logs=dirs.user_log_path)


def private_directory(path: Path) -> Path:
    """Create a directory that only its owner may enter. Raises ConfigError with the reason."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"The directory {path} cannot be created: {error.strerror}.",
            hint=f"Make it writable, or set {HOME_VARIABLE} to a directory that is.",
        ) from error
    return path
