"""The screen's remembered choices, in local.toml beside the configuration it never rewrites."""

from __future__ import annotations

import logging
import os
import tomllib
from pathlib import Path

_log = logging.getLogger(__name__)
_TABLE = "ui"


class LocalPreferences:
    """Implements the Preferences port over ``local.toml``; losing them is never an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = _read(path)

    def get(self, name: str, default: str = "") -> str:
        value = self._data.get(_TABLE, {}).get(name, default)
        return value if isinstance(value, str) else default

    def set(self, name: str, value: str) -> None:
        if self.get(name) == value:
            return
        # Read again: another Tickertape may have written meanwhile.
        self._data = _read(self._path)
        self._data.setdefault(_TABLE, {})[name] = value
        try:
            _write(self._path, self._data)
        except OSError as error:
            _log.warning("could not remember %s: %s", name, error)


def _read(path: Path) -> dict[str, dict[str, object]]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read and is ignored: %s", path, error)
        return {}
    return {key: value for key, value in data.items() if isinstance(value, dict)}


def _write(path: Path, data: dict[str, dict[str, object]]) -> None:
    import tomli_w

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written beside and moved: a crash in between leaves the old file whole.
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(tomli_w.dumps(data), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
