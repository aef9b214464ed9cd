"""The one writer of local.toml: what the program remembers beside the user's configuration."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tui.core.errors import ConfigError

KeyPath: TypeAlias = tuple[str, ...]

_PRIVATE = 0o600
_REPEATED = re.compile(r"Cannot (overwrite|declare|redefine|mutate)")


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; nothing when there is no file. Raises ConfigError, with the line."""
    text = ""
    try:
        # Some editors begin a file with a mark of its byte order, which is no TOML.
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}{_twice(str(error), text)}.",
            hint="Mend that line, then start again.",
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


def _twice(said: str, text: str) -> str:
    """Which key or table is there once more than it can be; only that, its value may be a key."""
    if not _REPEATED.match(said):
        return ""
    lines = text.rstrip().splitlines()
    at = re.search(r"at line (\d+)", said)
    line = lines[int(at[1]) - 1 if at else -1].strip()
    name, is_key, _ = line.partition("=")
    shown = name.strip() if is_key or line.startswith("[") else ""
    return f": {shown} is there already" if shown else ""


def change(path: Path, update: Callable[[dict[str, Any]], None]) -> None:
    """Read the file, let ``update`` change what it says, and put it in its place.

    What other processes write at the same time is kept. ``update`` may raise to leave the file
    alone. Raises ConfigError for a file that cannot be read or written; it is left as it is.
    """
    import tomli_w

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(path.parent):
            data = read_toml(path)
            update(data)
            _write(path.resolve(), tomli_w.dumps(data).encode())
    except UnicodeEncodeError:
        raise ConfigError(
            f"What {path} is to say is no text in UTF-8, so nothing was written."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", hint="Check its permissions."
        ) from error


def put(data: dict[str, Any], key: KeyPath, value: Any) -> None:
    """Set a dotted key; what stands in the way of its tables is replaced."""
    for name in key[:-1]:
        if not isinstance(data.get(name), dict):
            data[name] = {}
        data = data[name]
    data[key[-1]] = value


def drop(data: dict[str, Any], key: KeyPath) -> bool:
    """Remove a dotted key, and tables that are empty then; false if it was not there."""
    inner = data.get(key[0])
    if len(key) == 1:
        return data.pop(key[0], None) is not None
    if not isinstance(inner, dict) or not drop(inner, key[1:]):
        return False
    if not inner:
        del data[key[0]]
    return True


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where they differ, ``above`` says it."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        result[key] = merged(under, value) if both else value  # type: ignore[arg-type]  # dicts
    return result


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One process at a time; the lock is on the directory, so no file is left behind."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: bytes) -> None:
    # Written beside and moved: a crash in between leaves the old file whole.
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    fresh.replace(path)
