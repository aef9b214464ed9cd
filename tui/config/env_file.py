"""Reads the file that ``--env-file`` names; no other such file is ever looked for."""

from __future__ import annotations

import re
from pathlib import Path

from tui.core.errors import ConfigError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"(?s)(['\"])(.*)\1\s*(?:#.*)?")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def read_env_file(path: Path) -> dict[str, str]:
    """Variables by name. Nothing in a value is expanded; quotes around it are taken off.

    Raises ConfigError for a file that cannot be read, and for the first line that is no
    ``NAME=VALUE``; what such a line says is not repeated, since it may be a key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The file {path} is not text in UTF-8.") from error
    variables = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not (line := line.strip()) or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or "\0" in line:
            raise ConfigError(
                f"{path}: line {number} is not NAME=VALUE.", hint="Mend that line, or remove it."
            )
        variables[found[1]] = _value(found[2])
    return variables


def _value(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else _COMMENT.sub("", text).strip()
