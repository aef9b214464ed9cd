"""The way to an open store: alone where something has to be mended, with the others otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw

from tui.core.errors import BusyError, StoreError
from tui.core.models import Problem
from tui.store.connection import THREADS, open_database, open_reader, refuse_foreign_header
from tui.store.drives import refuse_network_drive
from tui.store.failures import DAMAGED, damaged, store_error
from tui.store.pages import PageFile
from tui.store.presence import Presence
from tui.store.salvage import Saved, salvage
from tui.store.soundness import check_quickly, forget_suspicion, lost_its_file
from tui.store.swap import begin_swap, finish_swap, pending_swap


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open database; ``notice`` says what had to be mended."""

    presence: Presence
    writing: apsw.Connection
    reading: apsw.Connection
    notice: Problem | None

    def close(self) -> None:
        """Give everything back."""
        self.reading.close()
        self.writing.close()
        self.presence.release()


def open_store(path: Path) -> Opened:
    """Open or create the threads database; a damaged one is set aside and what it holds saved.

    Raises StoreError, BusyError among them: no access, not ours, from a newer version, damaged
    while another process uses it.
    """
    refuse_network_drive(path)
    presence = Presence(path)
    try:
        finish_pending(path, presence)
        notice = None
        try:
            writing = _open_sound(path)
        except StoreError as error:
            if error.code != DAMAGED:
                raise
            notice = _repair(path, presence)
            writing = open_database(path, THREADS)
        try:
            reading = open_reader(path)
        except StoreError:
            writing.close()
            raise
    except BaseException as error:
        presence.release()
        if isinstance(error, OSError):
            raise store_error(error, path) from error
        raise
    return Opened(presence=presence, writing=writing, reading=reading, notice=notice)


def finish_pending(path: Path, presence: Presence) -> None:
    """Finish an exchange of files that a crash has cut short."""
    if not pending_swap(path):
        return
    presence.alone()
    try:
        finish_swap(path)
        forget_suspicion(path)
    except OSError as error:
        raise store_error(error, path) from error
    finally:
        presence.share()


def _open_sound(path: Path) -> apsw.Connection:
    if lost_its_file(path):
        raise damaged(path)
    connection = open_database(path, THREADS)
    try:
        check_quickly(connection, path)
    except StoreError:
        connection.close()
        raise
    return connection


def _repair(path: Path, presence: Presence) -> Problem | None:
    """None when another process has done it meanwhile."""
    try:
        presence.alone()
    except BusyError as error:
        raise StoreError(
            f"The database is damaged: {path}. {error.message}",
            hint="Quit every Tickertape and start one: it saves what can be read.",
            code=DAMAGED,
        ) from error
    try:
        if _is_sound(path):
            return None
        refuse_foreign_header(PageFile(path).page(1), path)
        return _salvaged(path)
    except (apsw.Error, OSError) as error:
        raise store_error(error, path) from error
    finally:
        presence.share()


def _is_sound(path: Path) -> bool:
    try:
        _open_sound(path).close()
    except StoreError as error:
        if error.code != DAMAGED:
            raise
        return False
    return True


def _salvaged(path: Path) -> Problem:
    fresh = path.with_name(path.name + ".saving")
    for side in ("", "-wal", "-shm"):  # of an attempt that was cut short
        fresh.with_name(fresh.name + side).unlink(missing_ok=True)
    saved = salvage(path, fresh)
    aside = begin_swap(path, fresh, "damaged")
    finish_swap(path)
    forget_suspicion(path)
    kept = aside if aside.exists() else aside.with_name(aside.name + "-wal")
    return Problem(code=DAMAGED, message=_sentence(saved), hint=f"The old file is kept: {kept}.")


def _sentence(saved: Saved) -> str:
    if not saved.threads:
        return "The database was damaged and nothing in it could be read. A new one was begun."
    threads = "1 thread" if saved.threads == 1 else f"{saved.threads} threads"
    messages = "1 message" if saved.messages == 1 else f"{saved.messages} messages"
    return f"The database was damaged. {threads} with {messages} could be saved into a new one."
