"""The screen's remembered choices, in local.toml beside the configuration it never rewrites."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tui.config.local_file import change, put, read_toml
from tui.core.errors import ConfigError

_log = logging.getLogger(__name__)

TABLE = "ui"


class LocalPreferences:
    """Implements the Preferences port over ``local.toml``; losing them is never an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chosen = _read(path)

    def get(self, name: str, default: str = "") -> str:
        value = self._chosen.get(name, default)
        return value if isinstance(value, str) else default

    def set(self, name: str, value: str) -> None:
        if self.get(name) == value:
            return
        self._chosen[name] = value
        try:
            change(self._path, lambda data: put(data, (TABLE, name), value))
        except ConfigError as error:
            _log.warning("could not remember %s: %s", name, error)


def _read(path: Path) -> dict[str, Any]:
    try:
        chosen = read_toml(path).get(TABLE)
    except ConfigError as error:
        _log.warning("%s", error)
        return {}
    return chosen if isinstance(chosen, dict) else {}
