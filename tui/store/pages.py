"""Reads the records of a damaged SQLite file page by page, where SQLite itself gives up.

Only what leaf and index pages say is used (https://www.sqlite.org/fileformat2.html), so a lost
header, a lost schema or a lost inner page costs nothing but itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = int | float | str | bytes | None

_MAGIC = b"SQLite format 3\x00"
_USUAL_PAGE_SIZE = 4096
_TABLE_LEAF, _INDEX_INTERIOR, _INDEX_LEAF = 0x0D, 0x02, 0x0A
_WAL_HEADER, _FRAME_HEADER = 32, 24
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True, slots=True)
class Record:
    """One row as it sits on a page. ``keyed``: of an index or a table WITHOUT ROWID."""

    keyed: bool
    values: tuple[Value, ...]


class PageFile:
    """The newest version of each page of a database: its log's committed ones over the file's."""

    def __init__(self, database: Path) -> None:
        """``database`` may be missing, as may its log. Raises OSError."""
        self._main = database.read_bytes() if database.exists() else b""
        log = database.with_name(database.name + "-wal")
        self._log, size, pages = _committed(log.read_bytes() if log.exists() else b"")
        self.page_size = size or _page_size(self._main)
        self.count = pages or len(self._main) // self.page_size

    def page(self, number: int) -> bytes:
        """Page ``number`` (from 1); empty when there is none, or only a piece of it."""
        if number in self._log:
            return self._log[number]
        page = self._main[(number - 1) * self.page_size : number * self.page_size]
        return page if len(page) == self.page_size else b""

    def records(self) -> Iterator[Record]:
        """Every record that can be read, in the order of the pages."""
        every = self.page_size // 5 + 1  # of an auto-vacuum file, so many pages share a map
        for number in range(1, self.count + 1):
            if (number - 2) % every == 0 and number > 1:
                continue
            page = self.page(number)
            if page:
                yield from self._of_page(page, 100 if number == 1 else 0)

    def _of_page(self, page: bytes, start: int) -> Iterator[Record]:
        kind = page[start]
        if kind not in (_TABLE_LEAF, _INDEX_INTERIOR, _INDEX_LEAF):
            return
        pointers = start + (12 if kind == _INDEX_INTERIOR else 8)
        (cells,) = struct.unpack_from(">H", page, start + 3)
        for place in range(pointers, min(pointers + 2 * cells, len(page) - 1), 2):
            try:
                (cell,) = struct.unpack_from(">H", page, place)
                yield Record(kind != _TABLE_LEAF, _values(self._payload(page, cell, kind)))
            except (ValueError, IndexError, struct.error):
                continue  # this cell is damaged; the next has a pointer of its own

    def _payload(self, page: bytes, at: int, kind: int) -> bytes:
        at += 4 if kind == _INDEX_INTERIOR else 0
        size, at = _varint(page, at)
        if kind == _TABLE_LEAF:
            _, at = _varint(page, at)  # the rowid
        if size > self.count * self.page_size:
            raise ValueError("longer than the file")
        here = _local_size(size, self.page_size, kind)
        if at + here > len(page):
            raise ValueError("beyond its page")
        pieces = [page[at : at + here]]
        if here < size:
            (following,) = struct.unpack_from(">I", page, at + here)
            pieces += self._overflow(following, size - here)
        return b"".join(pieces)

    def _overflow(self, number: int, size: int) -> Iterator[bytes]:
        room = self.page_size - 4
        while size > 0:  # ends: every page takes some of it
            page = self.page(number) if number else b""
            if not page:
                raise ValueError("its continuation is gone")
            yield page[4 : 4 + min(size, room)]
            size -= room
            (number,) = struct.unpack_from(">I", page)


def _page_size(main: bytes) -> int:
    if main.startswith(_MAGIC):
        (size,) = struct.unpack_from(">H", main, 16) if len(main) > 18 else (0,)
        if 512 <= size <= 32768 and not size & (size - 1):
            return int(size)
    return _USUAL_PAGE_SIZE


def _local_size(size: int, usable: int, kind: int) -> int:
    most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    if size <= most:
        return size
    least = (usable - 12) * 32 // 255 - 23
    wanted = least + (size - least) % (usable - 4)
    return wanted if wanted <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _values(record: bytes) -> tuple[Value, ...]:
    """Raises ValueError, IndexError or struct.error for what is no record."""
    end, at = _varint(record, 0)
    if not 0 < end <= len(record):
        raise ValueError("no record header")
    kinds = []
    while at < end:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(record, at, kind)
        values.append(value)
    if at != len(record):
        raise ValueError("the sizes do not add up")
    return tuple(values)


def _value(record: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[kind]
        return int.from_bytes(record[at:end], "big", signed=True), end
    if kind == 7:
        (real,) = struct.unpack_from(">d", record, at)
        return float(real), at + 8
    if kind in (8, 9):
        return kind - 8, at
    if kind < 12:
        raise ValueError("no such kind of value")
    end = at + (kind - 12) // 2
    if end > len(record):
        raise ValueError("beyond its record")
    return record[at:end] if kind % 2 == 0 else record[at:end].decode(), end


def _committed(log: bytes) -> tuple[dict[int, bytes], int, int]:
    """Page by number as of the log's last commit, page size, pages of the file; 0 for no log."""
    nothing: tuple[dict[int, bytes], int, int] = {}, 0, 0
    if len(log) < _WAL_HEADER:
        return nothing
    magic, _, size, _, *salts = struct.unpack_from(">6I", log)
    if magic & ~1 != 0x377F0682 or not 512 <= size <= 65536 or size & (size - 1):
        return nothing
    order = ">" if magic & 1 else "<"
    sums = _checksum(log[:24], (0, 0), order)
    if sums != struct.unpack_from(">2I", log, 24):
        return nothing
    done: dict[int, bytes] = {}
    going: dict[int, bytes] = {}
    size_of_file = 0
    for at in range(_WAL_HEADER, len(log) - size - _FRAME_HEADER + 1, size + _FRAME_HEADER):
        number, pages, *rest = struct.unpack_from(">6I", log, at)
        content = log[at + _FRAME_HEADER : at + _FRAME_HEADER + size]
        sums = _checksum(log[at : at + 8] + content, sums, order)
        if rest[:2] != salts or tuple(rest[2:]) != sums:
            break
        going[number] = content
        if pages:  # a commit, with the size of the file after it
            done.update(going)
            going, size_of_file = {}, pages
    return done, size if done else 0, size_of_file


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for left, right in zip(words, words, strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
