"""One place where what the disk and the database say becomes a plain sentence. Read `translated` first."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from fairtrial.core import BadInput, FairtrialError, IntegrityError, Interrupted

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FREE_SPACE = "Free some space and give the same command again; what was recorded stays."


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the operating system about `path` into errors people can act on."""
    try:
        yield
    except DBAPIError as error:
        raise plain(error.orig if isinstance(error.orig, sqlite3.Error) else error, path) from error
    except (sqlite3.Error, OSError) as error:
        raise plain(error, path) from error


def plain(error: BaseException, path: Path) -> FairtrialError:
    """The error to raise for `error`, met while working on `path`."""
    if isinstance(error, FairtrialError):
        return error
    if isinstance(error, OSError):
        return _from_system(error, path)
    return _from_sqlite(error, path)


def _from_system(error: OSError, path: Path) -> FairtrialError:
    where = str(error.filename or path)
    if error.errno in _FULL:
        return Interrupted("the disk is full.", where=where, next_step=_FREE_SPACE)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return BadInput("may not be written or read.", where=where, next_step="Check its owner and permissions.")
    return BadInput(f"{(error.strerror or str(error)).lower()}.", where=where)


def _from_sqlite(error: BaseException, path: Path) -> FairtrialError:
    said = str(error)
    where = str(path)
    # The extended code's low byte is the primary one: SQLITE_IOERR_WRITE and SQLITE_IOERR_SHMSIZE are both IOERR.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return IntegrityError(
            f"this database is damaged or is no database at all ({said}).",
            where=where,
            next_step="Restore it from a copy, or start a new lab with: fairtrial init",
        )
    if code == sqlite3.SQLITE_FULL:
        return Interrupted("the disk is full.", where=where, next_step=_FREE_SPACE)
    if code == sqlite3.SQLITE_IOERR:
        return Interrupted(f"the disk refused a write ({said}); it may be full.", where=where, next_step=_FREE_SPACE)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return BadInput(
            f"the database may not be opened or written here ({said}).",
            where=where,
            next_step="Check that the directory exists and that you may write to it.",
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Interrupted("another program holds the database.", where=where, next_step="Close it and try again.")
    return IntegrityError(f"the database refused this: {said}.", where=where)
