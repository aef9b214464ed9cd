"""Puts a finished database in the place of another, so that a crash leaves one or the other.

The new file is complete on disk as ``NAME.next.SUFFIX`` before anything else happens: from then on
the exchange is decided, and whoever opens the store next finishes it. The old file keeps all its
bytes, log included, as ``NAME.SUFFIX``. A log must never stay beside a file it does not belong to:
SQLite would apply it. All of this happens while no one else has the store open.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

_NEXT = ".next."


def begin_swap(path: Path, new: Path, reason: str) -> Path:
    """Decide that the complete and synced file ``new`` takes the place of ``path``.

    ``new`` is in the same directory. Returns the name that the old file will have:
    ``NAME.REASON-TIME``.
    """
    suffix = _free_suffix(path, reason)
    new.rename(path.with_name(path.name + _NEXT + suffix))
    sync_directory(path.parent)
    return path.with_name(f"{path.name}.{suffix}")


def pending_swap(path: Path) -> bool:
    """Whether an exchange was decided and not finished."""
    return bool(_pending(path))


def finish_swap(path: Path) -> None:
    """Finish what was decided; every step can be repeated. Raises OSError."""
    for new in _pending(path):
        suffix = new.name.removeprefix(path.name + _NEXT)
        for side in ("", "-wal"):
            _keep(path.with_name(path.name + side), path.with_name(f"{path.name}.{suffix}{side}"))
        sync_directory(path.parent)
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
        sync_directory(path.parent)
        new.replace(path)
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pending(path: Path) -> list[Path]:
    prefix = path.name + _NEXT
    with contextlib.suppress(FileNotFoundError):
        return sorted(each for each in path.parent.iterdir() if each.name.startswith(prefix))
    return []


def _free_suffix(path: Path, reason: str) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    taken = {each.name for each in path.parent.iterdir()}
    suffix, number = f"{reason}-{stamp}", 2
    while f"{path.name}.{suffix}" in taken:
        suffix, number = f"{reason}-{stamp}-{number}", number + 1
    return suffix


def _keep(old: Path, aside: Path) -> None:
    if aside.exists() or not old.exists():
        return
    try:
        aside.hardlink_to(old)
    except OSError:  # a file system without hard links
        partial = aside.with_name(aside.name + ".partial")
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600))
        with old.open("rb") as source, partial.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            os.fsync(copy.fileno())
        partial.replace(aside)
