"""Converts SQLite's errors to the errors that a file would have."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from txcdp.recording._failures import WrongSchema

#: The error numbers for SQLite's errors; any other one is an input/output error.
_ERRNO: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CORRUPT: errno.EBADMSG,
}


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Raise an :exc:`OSError`, or :exc:`WrongSchema`, instead of the error of the database at a path."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF  # the rest are details
        if code == sqlite3.SQLITE_NOTADB:
            raise wrong_schema(path, str(error)) from error
        raise OSError(_ERRNO.get(code, errno.EIO), str(error), str(path)) from error


def wrong_schema(path: Path, found: str) -> WrongSchema:
    """Return the error for a database that is something else."""
    return WrongSchema(f"{path} is not a recording, or is from another version of txcdp ({found})")
