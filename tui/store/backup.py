"""Copies the store into one file while it is in use, and puts such a file back in its place."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tui.core.errors import NotFoundError, StoreError
from tui.store.connection import THREADS, check_version, open_as_it_is, open_database
from tui.store.drives import refuse_network_drive
from tui.store.failures import store_error
from tui.store.opening import finish_pending
from tui.store.presence import Presence
from tui.store.recovery import recover
from tui.store.soundness import forget_suspicion, lost_its_file, note_if_damaged
from tui.store.swap import begin_swap, finish_swap, sync_directory
from tui.store.transactions import reading

_PAGES = 256
_STAGED = ".restoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a copy holds; ``kept`` is where the former database is, after a restore."""

    threads: int
    messages: int
    kept: Path | None = None


def back_up(path: Path, target: Path, *, force: bool = False) -> Contents:
    """Write the store at ``path`` as of now into the single file ``target``, and verify that.

    Others may write meanwhile. The file appears whole or not at all, readable by its owner only.
    Raises NotFoundError when there is no store, StoreError otherwise; an existing ``target`` is
    replaced only with ``force``.
    """
    if not path.exists():
        raise NotFoundError(f"There is no database to back up: {path}.")
    presence = Presence(path)
    try:
        with _reserved(target, force=force) as partial:
            with closing(open_as_it_is(path)) as source, reading(source):
                contents = _copy(source, partial)
            partial.replace(target)
            sync_directory(target.absolute().parent)
    except (apsw.Error, OSError) as error:
        failure = store_error(error, path)
        note_if_damaged(failure, path)
        raise failure from error
    finally:
        presence.release()
    return contents


def restore(path: Path, source: Path) -> Contents:
    """Put a backup in the place of the store at ``path``, which keeps all its bytes aside.

    Whatever interrupts this, the store is the old one or the new one. Runs that were active when
    the backup was made come out interrupted. Raises BusyError while another process uses the
    store, StoreError when ``source`` is not a sound Tickertape database of a known version.
    """
    if not source.is_file():
        raise NotFoundError(f"There is no such file: {source}.")
    refuse_network_drive(path)
    presence = Presence(path)
    try:
        finish_pending(path, presence)
        presence.alone(patience=1.0)
        staged = path.with_name(path.name + _STAGED)
        _remove(staged)
        contents = _stage(source, staged, path.parent / "owners")
        _empty_log(path)
        kept = begin_swap(path, staged, "before-restore")
        finish_swap(path)
        forget_suspicion(path)
    except (apsw.Error, OSError) as error:
        raise store_error(error, path) from error
    finally:
        presence.release()
    return Contents(
        threads=contents.threads,
        messages=contents.messages,
        kept=kept if kept.exists() else None,
    )


@contextlib.contextmanager
def _reserved(target: Path, *, force: bool) -> Iterator[Path]:
    """A private file beside ``target``; the name ``target`` is taken so that nobody else has it."""
    if not force:
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise StoreError(
                f"{target} exists already.", hint="Choose another name, or replace it (--force)."
            ) from None
    partial = target.with_name(f"{target.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield partial
    except BaseException:
        _remove(partial)
        if not force:
            target.unlink(missing_ok=True)
        raise


def _copy(source: apsw.Connection, partial: Path) -> Contents:
    """The snapshot that the caller's transaction sees, page by page, as a file without a log."""
    with closing(apsw.Connection(str(partial), apsw.SQLITE_OPEN_READWRITE)) as copy:
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(_PAGES)
        copy.pragma("journal_mode", "DELETE")
        if not _is_sound(copy):
            raise apsw.CorruptError
        return _contents(copy)


def _stage(source: Path, staged: Path, owners: Path) -> Contents:
    """A copy of the backup as this version wants it, complete on disk."""
    os.close(os.open(staged, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(_open_backup(source)) as backup:
            _check(backup, source)
            _copy(backup, staged)
        with closing(open_database(staged, THREADS)) as copy:
            recover(copy, owners, "")
            copy.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            contents = _contents(copy)
        _sync(staged)
    except BaseException:
        _remove(staged)
        raise
    return contents


def _empty_log(path: Path) -> None:
    """Have all of the former database in one file, if it is sound enough for that."""
    if path.exists() and not lost_its_file(path):
        with (
            contextlib.suppress(apsw.Error),
            closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)) as former,
        ):
            former.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _open_backup(source: Path) -> apsw.Connection:
    connection = apsw.Connection(str(source), apsw.SQLITE_OPEN_READONLY)
    try:
        connection.pragma("schema_version")
    except apsw.CantOpenError:
        # A copy with a log mode in its header, in a directory where no log can be made.
        connection.close()
        location = f"{source.absolute().as_uri()}?immutable=1"
        return apsw.Connection(location, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    except apsw.Error as error:
        connection.close()
        raise _not_ours(source) from error
    return connection


def _check(backup: apsw.Connection, source: Path) -> None:
    try:
        if check_version(backup, source, THREADS) == 0 or not _is_sound(backup):
            raise _not_ours(source)
    except apsw.Error as error:
        raise _not_ours(source) from error


def _not_ours(source: Path) -> StoreError:
    return StoreError(
        f"{source} is not a sound Tickertape database.",
        hint="Nothing was changed. Another backup may do; the present database stays in use.",
    )


def _is_sound(connection: apsw.Connection) -> bool:
    found: Any = connection.execute("PRAGMA quick_check(1)").fetchone()
    return bool(found == ("ok",))


def _contents(connection: apsw.Connection) -> Contents:
    threads: Any = connection.execute("SELECT count(*) FROM thread").fetchone()
    messages: Any = connection.execute("SELECT count(*) FROM message").fetchone()
    return Contents(threads=threads[0], messages=messages[0])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    for side in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + side).unlink(missing_ok=True)
