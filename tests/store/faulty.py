"""A disk that refuses, and one whose power is cut: what SQLite sees of files, under our control."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

_SECTOR = 512
_names = itertools.count()

Write = tuple[int, bytes | None]  # where and what; None: the file was cut off there


@dataclass
class _Medium:
    """A file as the disk has it, and what was handed over since without being synced."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        for write in self.pending:
            _apply(self.durable, write)
        self.pending.clear()

    def after_power_cut(self, dice: random.Random) -> bytes:
        """Any of the writes that were not synced may be there, or a part of one, in any order."""
        content = bytearray(self.durable)
        for write in self.pending:
            if dice.random() < 0.5:
                _apply(content, _torn(write, dice) if dice.random() < 0.3 else write)
        return bytes(content)


def _apply(content: bytearray, write: Write) -> None:
    at, data = write
    if data is None:
        del content[at:]
        return
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + len(data)] = data


def _torn(write: Write, dice: random.Random) -> Write:
    at, data = write
    if data is None:
        return write
    return at, data[: dice.randrange(0, len(data) + 1, _SECTOR)]


class Disk:
    """What every database opened meanwhile lies on.

    ``refuse`` is asked before each operation (``open``, ``write``, ``sync``, ``truncate``) with
    the file's name and may return the error to raise. ``on_operation`` is called after each.
    """

    def __init__(self) -> None:
        self.refuse: Callable[[str, str], Exception | None] = lambda _operation, _name: None
        self.on_operation: Callable[[], None] = lambda: None
        self.media: dict[str, _Medium] = {}

    def check(self, operation: str, name: str) -> None:
        if (error := self.refuse(operation, Path(name).name)) is not None:
            raise error

    def image(self, dice: random.Random) -> dict[str, bytes]:
        """The files as they may be after the power was cut now, by name."""
        return {Path(name).name: each.after_power_cut(dice) for name, each in self.media.items()}

    def handed_over(self, name: str, write: Write) -> None:
        self.media[name].pending.append(write)
        self.on_operation()


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, arguments: tuple[Any, ...]) -> None:
        super().__init__(*arguments)
        self._disk, self._name = disk, name
        if name not in disk.media:
            disk.media[name] = _Medium(bytearray(Path(name).read_bytes()))

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.check("write", self._name)
        super().xWrite(data, offset)
        self._disk.handed_over(self._name, (offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.check("truncate", self._name)
        super().xTruncate(newsize)
        self._disk.handed_over(self._name, (newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.check("sync", self._name)
        super().xSync(flags)
        self._disk.media[self._name].sync()
        self._disk.on_operation()


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(f"disk-{next(_names)}", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        path = name if isinstance(name, str) else name.filename()
        self._disk.check("open", path)
        return _File(self._disk, path, ("unix", name, flags))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  # SQLite's name
        super().xDelete(filename, syncdir)
        self._disk.media.pop(filename, None)


@contextmanager
def disk() -> Iterator[Disk]:
    """Databases opened within lie on the disk that is yielded; close them before it ends."""
    made = Disk()
    vfs = _Vfs(made)
    try:
        yield made
    finally:
        vfs.unregister()
        apsw.VFS("unused-default", "unix", makedefault=True).unregister()
