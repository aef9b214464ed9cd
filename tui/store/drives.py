"""Network drives: SQLite's write-ahead log and our locks do not hold there, so we do not start."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tui.core.errors import StoreError

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = re.compile(
    r"nfs4?|cifs|smb\w*|9p|afs|ncpfs|ceph|lustre|gpfs|davfs|beegfs"
    r"|fuse\.(sshfs|smbnetfs|glusterfs|ceph|rclone|s3fs|davfs2?|juicefs)|glusterfs"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def refuse_network_drive(path: Path) -> None:
    """Raise StoreError if ``path`` lies on a drive that other machines may write."""
    kind = file_system(path)
    if kind is not None and _NETWORK.fullmatch(kind):
        raise StoreError(
            f"The database cannot be on a network drive ({kind}): {path}.",
            hint="Set TICKERTAPE_HOME to a directory on a local disk.",
            code="network_drive",
        )


def file_system(path: Path) -> str | None:
    """The type of the file system that holds (or would hold) ``path``; None where unknown.

    Only Linux lists its mounts in a file. Elsewhere SQLite itself refuses its log on most network
    drives, when the database is opened.
    """
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    found: tuple[int, str] | None = None
    for line in lines:
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        mount = _ESCAPE.sub(lambda each: chr(int(each[1], 8)), fields[4])
        # Of equal ones the later is mounted over the earlier.
        if _is_within(real, mount) and (found is None or len(mount) >= found[0]):
            found = len(mount), right.split(" ", 1)[0]
    return None if found is None else found[1]


def _is_within(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")
