"""How a database file is created, opened and brought up to date: private, WAL, migrated."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import time
from pathlib import Path

import apsw

from tui.core.errors import StoreError
from tui.store.drives import refuse_network_drive
from tui.store.failures import store_error
from tui.store.schema_guard import GuardedConnection
from tui.store.transactions import reading, writing

THREADS = "threads"
SERVER = "server"
BUSY_MS = 5_000

_APPLICATION_IDS = {THREADS: 0x54545450, SERVER: 0x54545453}  # "TTTP" and "TTTS"
_MIGRATIONS = Path(__file__).parent / "migrations"
_WAL_LIMIT_BYTES = 16 * 1024 * 1024
_WAL_ATTEMPTS = 50


def open_database(path: Path, schema: str) -> apsw.Connection:
    """A connection that may write, to a file that is created or migrated as needed.

    ``schema`` is THREADS or SERVER. Raises StoreError; a file that is not ours, or is from a
    newer version, is left as it is. On a network drive nothing is created.
    """
    connection: GuardedConnection | None = None
    refuse_network_drive(path)
    try:
        make_private_directory(path.parent)
        _make_private_file(path)
        connection = GuardedConnection(str(path), apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_MS)
        _migrate(connection, path, schema)
    except (apsw.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise store_error(error, path) from error
    except StoreError:
        if connection is not None:
            connection.close()
        raise
    connection.known_version = known_version(schema)
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A second, read-only connection to a threads file that ``open_database`` has prepared."""
    try:
        connection = GuardedConnection(str(path), apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_MS)
        connection.pragma("query_only", True)
        connection.pragma("temp_store", "MEMORY")
        connection.pragma("user_version")  # opens log and index now, while there are descriptors
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    except apsw.Error as error:
        raise store_error(error, path) from error
    connection.known_version = known_version(THREADS)
    return connection


def first_schema(schema: str) -> apsw.Connection:
    """An empty database in memory as the first version made it."""
    connection = apsw.Connection(":memory:")
    connection.execute(_scripts(schema)[0].read_text(encoding="utf-8"))
    return connection


def open_as_it_is(path: Path) -> apsw.Connection:
    """A read-only connection to a threads file of a known version, which is not brought up to date.

    Raises StoreError for any other file.
    """
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_MS)
        check_version(connection, path, THREADS)
    except (apsw.Error, StoreError) as error:
        if connection is not None:
            connection.close()
        raise store_error(error, path) from error
    return connection


def known_version(schema: str) -> int:
    """The newest schema that this program understands."""
    return len(_scripts(schema))


def check_version(connection: apsw.Connection, path: Path, schema: str) -> int:
    """The schema version of a file that is ours; raises StoreError for any other."""
    return _checked_version(connection, path, schema, known_version(schema))


def make_private_directory(directory: Path) -> None:
    """Create it for its owner alone, and close one of ours that others may enter."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_to_others(directory)


def _make_private_file(path: Path) -> None:
    # SQLite gives -wal and -shm the permissions of the database, so only that one is created here.
    # An existing file is never opened: closing a descriptor of it would drop the POSIX locks that
    # another connection of this process holds.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            with contextlib.suppress(FileNotFoundError):
                _close_to_others(each)


def _close_to_others(path: Path) -> None:
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(mode & 0o700)


def _migrate(connection: apsw.Connection, path: Path, schema: str) -> None:
    scripts = _scripts(schema)
    version = _checked_version(connection, path, schema, len(scripts))
    _set_up(connection, fresh=version == 0)
    for number, script in enumerate(scripts, start=1):
        if number <= version:
            continue
        with writing(connection):
            # Another process may have done it while this one waited for the lock.
            if int(connection.pragma("user_version")) < number:
                connection.execute(script.read_text(encoding="utf-8"))
                connection.pragma("user_version", number)
                connection.pragma("application_id", _APPLICATION_IDS[schema])


def _scripts(schema: str) -> list[Path]:
    return sorted((_MIGRATIONS / schema).glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _checked_version(connection: apsw.Connection, path: Path, schema: str, known: int) -> int:
    """The number of migrations the file has had; raises StoreError if it is not for us."""
    with reading(connection):  # a migration going on elsewhere is seen whole or not at all
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        application = int(connection.pragma("application_id"))
        version = int(connection.pragma("user_version"))
    fresh = tables == (0,) and application == 0 and version == 0
    if not fresh:
        _refuse_foreign(application, version, path, schema, known)
    return version


def refuse_foreign_header(page: bytes, path: Path) -> None:
    """Raise StoreError if a damaged file's first page says that it is not ours to mend."""
    if page.startswith(b"SQLite format 3\x00") and len(page) >= 100:
        (version,) = struct.unpack_from(">I", page, 60)
        (application,) = struct.unpack_from(">I", page, 68)
        _refuse_foreign(application, version, path, THREADS, known_version(THREADS))


def _refuse_foreign(application: int, version: int, path: Path, schema: str, known: int) -> None:
    if application != _APPLICATION_IDS[schema]:
        raise StoreError(
            f"This file belongs to another program: {path}.",
            hint="Move it away, or set TICKERTAPE_HOME to another place.",
        )
    if version > known:
        raise StoreError(
            f"The database {path} was written by a newer Tickertape.",
            hint="Upgrade this Tickertape; nothing in the file was changed.",
        )


def _set_up(connection: apsw.Connection, *, fresh: bool) -> None:
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    if fresh:
        connection.pragma("auto_vacuum", "INCREMENTAL")  # only possible before the first table
    _use_wal(connection)
    connection.pragma("foreign_keys", True)
    connection.pragma("secure_delete", True)
    connection.pragma("temp_store", "MEMORY")  # what spills must not stay behind in other files
    connection.pragma("fullfsync", True)  # macOS: synchronous=FULL reaches the platters
    connection.pragma("synchronous", "NORMAL")
    connection.pragma("journal_size_limit", _WAL_LIMIT_BYTES)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)


def _use_wal(connection: apsw.Connection) -> None:
    # Entering WAL needs the file alone for a moment, and SQLite does not always wait for that.
    for attempt in range(_WAL_ATTEMPTS):
        try:
            mode = connection.pragma("journal_mode", "WAL")
        except apsw.BusyError:
            if attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise StoreError(
                f"The database cannot use write-ahead logging here: {connection.filename}.",
                hint="Network drives often cannot; set TICKERTAPE_HOME to a local disk.",
            )
        return
